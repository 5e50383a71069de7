"""A server with an interface unlike any we know gets right verdicts from a profile alone."""

from __future__ import annotations

import sqlite3
import sys

from zdr_audit.journal.events import Spiked, SpikeRemoved
from zdr_audit.journal.store import Journal

from .conftest import HERE

RETENTION = "ZDR-RET-01,ZDR-RET-02,ZDR-RET-03,ZDR-RET-05,ZDR-RET-09"


def test_a_parlour_that_keeps_its_promise_passes(parlour, audited):
    house = parlour("honest")
    found = audited(HERE / "parlour.toml", RETENTION, PARLOUR=house.base_url, PARLOUR_HOME=house.home)
    passed = dict.fromkeys(("ZDR-RET-01", "ZDR-RET-02", "ZDR-RET-03", "ZDR-RET-09"), "pass")
    assert (found.status, found.verdicts()) == (0, passed | {"ZDR-RET-05": "not_applicable"})
    assert found.control("ZDR-RET-05")["reason"].endswith("has no tool_description or tool_input or tool_result in a request")
    assert "wrong:no_version" in found.control("ZDR-RET-09")["reason"], "what could not be sent is said"
    assert {s["how"] for s in found.control("ZDR-RET-01")["sight"]} == {"control"}
    assert found.report["summary"]["partial"]


def test_a_parlour_that_remembers_fails_with_table_column_and_file(parlour, audited):
    house = parlour("remember")
    found = audited(HERE / "parlour.toml", RETENTION, PARLOUR=house.base_url, PARLOUR_HOME=house.home)
    assert found.status == 1
    places = {(c, f["source"], f["object"], f["location"].split(", ")[-1]) for c in found.verdicts() for f in found.control(c)["findings"]}
    assert {p for p in places if p[1] == "ledger"} == {
        ("ZDR-RET-01", "ledger", "visits", "column words"),
        ("ZDR-RET-02", "ledger", "visits", "column reply"),
        ("ZDR-RET-03", "ledger", "visits", "column words"),
        ("ZDR-RET-03", "ledger", "visits", "column reply"),
        ("ZDR-RET-09", "ledger", "visits", "column words"),
    }
    assert {p[2] for p in places if p[1] == "diary"} == {"quiet.txt"}
    # It takes a body for whole whose announced end never came. What it cannot read it does not write down.
    assert len({f["request"] for f in found.control("ZDR-RET-09")["findings"]}) == 1


def test_a_parlour_that_forgets_everybody_proves_nothing_by_itself(parlour, audited):
    house = parlour("forgetful")
    found = audited(HERE / "parlour.toml", "ZDR-RET-01,ZDR-RET-02", PARLOUR=house.base_url, PARLOUR_HOME=house.home)
    assert (found.status, set(found.verdicts().values())) == (3, {"inconclusive"})


def test_a_twin_that_remembers_proves_sight(parlour, audited):
    house, twin = parlour("forgetful"), parlour("remember")
    places = {"PARLOUR": house.base_url, "PARLOUR_HOME": house.home, "PARLOUR_TWIN": twin.base_url, "PARLOUR_TWIN_HOME": twin.home}
    found = audited(HERE / "parlour-twin.toml", "ZDR-RET-01,ZDR-RET-02,ZDR-RET-19", **places)
    assert (found.status, set(found.verdicts().values())) == (0, {"pass"})
    assert "sight proven in 2 by the control organization of a twin deployment" in found.control("ZDR-RET-01")["reason"]
    proofs = {(s["source"], s["how"], s["object"]) for s in found.control("ZDR-RET-01")["sight"]}
    assert ("ledger", "control", "twin-ledger of the twin deployment: visits") in proofs
    with sqlite3.connect(house.home / "ledger.db") as ledger, sqlite3.connect(twin.home / "ledger.db") as other:
        assert ledger.execute("select count(*) from visits").fetchone() == (0,)
        assert other.execute("select distinct guest from visits").fetchall() == [("open",)], "each guest goes to one house alone"


def test_a_twin_proves_nothing_for_a_house_that_remembers(parlour, audited):
    house, twin = parlour("remember"), parlour("honest")
    places = {"PARLOUR": house.base_url, "PARLOUR_HOME": house.home, "PARLOUR_TWIN": twin.base_url, "PARLOUR_TWIN_HOME": twin.home}
    found = audited(HERE / "parlour-twin.toml", "ZDR-RET-01", **places)
    assert (found.status, found.verdicts()) == (1, {"ZDR-RET-01": "fail"})
    assert {f["source"] for f in found.control("ZDR-RET-01")["findings"]} == {"ledger", "diary"}


def test_where_the_twin_keeps_nothing_either_the_house_is_blind(parlour, audited):
    house, twin = parlour("forgetful"), parlour("honest")
    places = {"PARLOUR": house.base_url, "PARLOUR_HOME": house.home, "PARLOUR_TWIN": house.base_url, "PARLOUR_TWIN_HOME": twin.home}
    found = audited(HERE / "parlour-twin.toml", "ZDR-RET-01", **places)
    assert (found.status, found.verdicts()) == (3, {"ZDR-RET-01": "inconclusive"})
    assert (
        "no canary of the control organization was found in twin-ledger, the same place of the twin"
        in found.control("ZDR-RET-01")["reason"]
    )


def test_spikes_prove_that_the_house_can_be_read_and_are_taken_out_again(parlour, audited, tmp_path):
    house = parlour("forgetful")
    found = audited(
        HERE / "parlour-spike.toml", "ZDR-RET-01,ZDR-RET-02", PARLOUR=house.base_url, PARLOUR_HOME=house.home, PYTHON=sys.executable
    )
    assert (found.status, set(found.verdicts().values())) == (0, {"pass"})
    assert "in 2 by a spike alone, which shows that it can be read" in found.control("ZDR-RET-01")["reason"]
    assert {s["how"] for s in found.control("ZDR-RET-01")["sight"]} == {"spike"}
    assert list((house.home / "diary").iterdir()) == []
    with sqlite3.connect(house.home / "ledger.db") as ledger:
        assert ledger.execute("select count(*) from visits").fetchone() == (0,)
    with Journal(tmp_path / "report" / "journal.sqlite", read_only=True) as journal:
        events = list(journal.events())
    assert [(e.source, e.how, e.error) for e in events if isinstance(e, Spiked)] == [("ledger", "command", ""), ("diary", "file", "")]
    assert [(e.source, e.removed, e.error) for e in events if isinstance(e, SpikeRemoved)] == [("ledger", True, ""), ("diary", True, "")]


def test_a_spike_hides_no_finding_and_needs_permission(parlour, audited, tmp_path):
    house = parlour("remember")
    places = {"PARLOUR": house.base_url, "PARLOUR_HOME": house.home, "PYTHON": sys.executable}
    assert audited(HERE / "parlour-spike.toml", "ZDR-RET-01", **places).verdicts() == {"ZDR-RET-01": "fail"}
    quiet = parlour("forgetful")
    unasked = tmp_path / "unasked.toml"
    unasked.write_text(
        (HERE / "parlour-spike.toml").read_text(encoding="utf-8").replace('allow = ["spike.*"]', "allow = []"), encoding="utf-8"
    )
    found = audited(unasked, "ZDR-RET-01", **places | {"PARLOUR": quiet.base_url, "PARLOUR_HOME": quiet.home})
    assert (found.status, found.verdicts()) == (3, {"ZDR-RET-01": "inconclusive"})
    assert list((quiet.home / "diary").iterdir()) == []
