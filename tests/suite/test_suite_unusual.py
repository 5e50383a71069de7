"""Prompts that are not words alone and requests that come slowly: each is sent for both organizations, and whoever keeps what is in it is found."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

import pytest
from inside import Lab

from zdr_audit.evidence.files import read_files
from zdr_audit.journal.events import Interaction
from zdr_audit.suite.history import History
from zdr_audit.suite.marks import Scenario
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.transport import Outgoing

UNUSUAL, RETENTION = (importlib.import_module(f"suites.retention.{name}") for name in ("unusual", "scenarios"))
TEXTS, TOOLS = UNUSUAL.unusual_requests, RETENTION.tool_use


def driven(folder: Path, scenario: Scenario, violation: str | None = None, offered: frozenset[str] | None = None) -> tuple[Lab, History]:
    with Lab(folder, violation) as lab:
        assay = lab.assay(scenario.name, 1, "quick")
        assay.offered = assay.offered if offered is None else offered
        assay.parallel = lambda jobs: [job() for job in jobs]  # type: ignore[method-assign,misc] # the laboratory deals with one request at a time
        scenario.drive(assay)
        return lab, lab.history()


def dress(item: Interaction) -> tuple[bool, str | None, str | None]:
    sent = item.stimulus or {}
    return sent.get("stream", False), sent.get("signs"), sent.get("guise")


def test_unusual_texts_are_sent_in_pairs_and_the_reference_backend_takes_them(tmp_path: Path) -> None:
    _, history = driven(tmp_path, TEXTS)
    sent = history.interactions.values()
    assert all(i.accepted and i.status == 200 and i.labels["answer"] == "follows" for i in sent)
    mine, theirs = ([dress(i) for i in sent if i.organization == party] for party in ("subject", "control"))
    assert mine == theirs and len(mine) == 8
    assert all({i.organization for i in sent if i.pair == pair} == {"subject", "control"} for pair in {i.pair for i in sent})
    assert {signs for _, signs, _ in mine} == {None, "terminal", "invisible", "binary"}
    assert {guise for _, _, guise in mine} == {None, "personal", "credentials"}
    assert {i.step for i in sent if dress(i)[0]} == {"ask streamed"} and {i.step for i in sent if not dress(i)[0]} == {"ask"}


def test_results_of_tools_are_what_programs_print_and_read(tmp_path: Path) -> None:
    _, history = driven(tmp_path, TOOLS)
    sent = [i for i in history.interactions.values() if i.organization == "subject"]
    assert all(i.accepted and i.status == 200 for i in sent)
    said = {signs or guise: set((i.stimulus or {}).get("places", ())) for i in sent for _, signs, guise in [dress(i)] if signs or guise}
    assert said == {
        "terminal": {"tool_result", "system"},
        "invisible": {"tool_result", "tool_description", "document"},
        "credentials": {"tool_result", "tool_input"},
    }


def test_a_target_without_either_gets_plain_texts(tmp_path: Path) -> None:
    _, history = driven(tmp_path, TEXTS, offered=AnthropicMessages.features - {"signs", "guise"})
    sent = history.interactions.values()
    assert all(i.accepted and dress(i)[1:] == (None, None) for i in sent)
    assert Counter(i.labels.get("left_out") for i in sent) == {"signs": 6, "guise": 4, "signs,guise": 2, None: 4}


def test_a_plain_and_a_streamed_body_of_each_organization_come_slowly_and_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Outgoing] = []
    with Lab(tmp_path) as lab:
        through, jobs = lab.transport.send, []
        monkeypatch.setattr(lab.transport, "send", lambda outgoing: (sent.append(outgoing), through(outgoing))[1])
        assay = lab.assay(TEXTS.name, 1, "quick")
        assay.parallel = lambda given: [job() for job in jobs.extend(given) or jobs]  # type: ignore[method-assign]
        TEXTS.drive(assay)
        made = list(lab.history().interactions.values())
    slow = [bool(outgoing.slowly) for outgoing in sent]
    assert {outgoing.slowly for outgoing in sent} == {0.0, UNUSUAL.SLOW_BODY} and UNUSUAL.SLOW_BODY > 1
    assert len(jobs) == 5 and slow == [True] * 4 + [False] * 12
    assert {(i.organization, dress(i), i.step) for i in made[:4]} == {
        (party, (stream, None, None), "ask streamed" if stream else "ask") for party in ("subject", "control") for stream in (False, True)
    }


def kept(folder: Path, scenario: Scenario, violation: str | None) -> set[str]:
    """In which dress content of the organization under ZDR is found in the stores, by the name of what it wears."""
    lab, history = driven(folder, scenario, violation)
    reading = read_files("data", folder / "data", lab.recorder.seeker)
    owners = [history.owner(hit.canary) for hit in reading.hits]
    return {signs or guise or "plain" for i in owners if i is not None and i.organization == "subject" for _, signs, guise in [dress(i)]}


@pytest.mark.parametrize(
    ("scenario", "violation", "seen"),
    [
        (TEXTS, None, set()),
        (TOOLS, None, set()),
        (TEXTS, "ret-originals-of-cleaned-texts-kept", {"terminal", "binary"}),
        (TOOLS, "ret-originals-of-cleaned-texts-kept", {"terminal"}),
        (TEXTS, "ret-redacted-values-in-a-vault", {"personal", "credentials", "terminal"}),
        (TOOLS, "ret-redacted-values-in-a-vault", {"credentials"}),
    ],
)
def test_whoever_keeps_what_is_cleaned_or_redacted_is_found(
    tmp_path: Path, scenario: Scenario, violation: str | None, seen: set[str]
) -> None:
    assert kept(tmp_path, scenario, violation) == seen
