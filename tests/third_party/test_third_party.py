"""Servers that we did not write get right verdicts from the committed profiles, in a retaining and in a non-retaining configuration."""

from __future__ import annotations

import pytest

RETENTION = ("ZDR-RET-01", "ZDR-RET-02", "ZDR-RET-03", "ZDR-RET-04", "ZDR-RET-05", "ZDR-RET-06", "ZDR-RET-07", "ZDR-RET-08", "ZDR-RET-12")
GATEWAYS = pytest.mark.parametrize("profile", ["mlflow-gateway", "mlflow-gateway-openai"])


def undecided(verdicts):
    """The controls that neither hold nor are not applicable."""
    return {control for control, verdict in verdicts.items() if verdict not in ("pass", "not_applicable")}


@GATEWAYS
def test_mlflow_with_usage_tracking_keeps_prompts_and_answers(server, audited, profile):
    gateway = server("mlflow, tracking on")
    found = audited(profile, "MLFLOW", gateway, gateway)
    assert found.status == 1
    assert {found.verdicts()[c] for c in RETENTION} == {"fail"}
    # Rows that MLflow has moved to its artifacts by then are still in free pages of the file, and pages on their way in the journal beside it.
    assert {place for place in found.places("ZDR-RET-01", "database") if not place.startswith("mlflow.db")} == {
        "spans.content", "trace_info.request_preview", "trace_request_metadata.value",
    }  # fmt: skip
    assert {"spans.content", "trace_request_metadata.value"} <= found.places("ZDR-RET-02", "database")
    assert found.verdicts()["ZDR-RET-17"] == "fail", "the interface for traces gives content back"


@GATEWAYS
def test_mlflow_without_usage_tracking_keeps_answers_all_the_same(server, audited, profile):
    found = audited(profile, "MLFLOW", server("mlflow, tracking off"), server("mlflow, tracking on"))
    assert found.status == 1
    assert (found.verdicts()["ZDR-RET-01"], found.verdicts()["ZDR-RET-02"]) == ("pass", "fail")
    assert {"spans.content", "trace_info.response_preview", "trace_request_metadata.value"} <= found.places("ZDR-RET-02", "database")
    assert "of a twin deployment" in found.control("ZDR-RET-01")["reason"]


@GATEWAYS
def test_mlflow_without_any_trace_keeps_nothing(server, audited, profile):
    found = audited(profile, "MLFLOW", server("mlflow, tracking off, no traces"), server("mlflow, tracking on"))
    left = {c: found.control(c)["reason"] for c in undecided(found.verdicts())}
    assert (found.status, left) == (0, {})
    # The last of these rests on the twin's traces, which are written some seconds late: it is waited for them.
    assert {found.verdicts()[c] for c in (*RETENTION, "ZDR-RET-09", "ZDR-RET-16", "ZDR-RET-17", "ZDR-RET-18", "ZDR-RET-19")} == {"pass"}
    assert {(s["source"], s["how"]) for s in found.control("ZDR-RET-01")["sight"]} == {
        ("database", "control"), ("artifacts", "spike"), ("log", "spike"),
    }  # fmt: skip


def test_mitmproxy_that_records_keeps_everything(server, audited):
    proxy = server("mitmproxy, recording")
    found = audited("mitmproxy", "MITMPROXY", proxy, proxy)
    assert found.status == 1
    assert {found.verdicts()[c] for c in (*RETENTION, "ZDR-RET-09")} == {"fail"}
    assert {c: found.places(c, "flows") for c in RETENTION} == {key: {"recorded.mitm"} for key in RETENTION}


def test_mitmproxy_that_records_nothing_passes(server, audited):
    found = audited("mitmproxy", "MITMPROXY", server("mitmproxy"), server("mitmproxy, recording"))
    assert (found.status, undecided(found.verdicts())) == (0, set()), {c: found.control(c)["reason"] for c in undecided(found.verdicts())}
    assert {found.verdicts()[c] for c in (*RETENTION, "ZDR-RET-09", "ZDR-RET-16", "ZDR-RET-19")} == {"pass"}
    assert {(s["source"], s["how"]) for s in found.control("ZDR-RET-01")["sight"]} == {("flows", "control"), ("log", "spike")}
    assert found.control("ZDR-RET-17")["reason"] == "mitmdump has no interface that gives recorded flows back"
