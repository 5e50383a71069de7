"""A synthetic run journal of any size, over the installed catalogue: every control checked, every control-organization canary seen everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from zdr_audit import __version__
from zdr_audit.catalogue.model import Catalogue
from zdr_audit.evidence.model import Frozen, Hit, Reading
from zdr_audit.journal.events import (
    CanaryMinted,
    Checked,
    FindingSeen,
    GrowthMeasured,
    Interaction,
    RunEnded,
    RunStarted,
    SanityProbed,
    ScenarioEnded,
    SourceRead,
)
from zdr_audit.journal.store import Journal

SUBJECT, CONTROL = "org_subject_0000000000000001", "org_control_0000000000000002"
SOURCES = {
    "database.db": ("sqlite", "database of the backend"),
    "app.log": ("files", "structured log"),
    "traces": ("files", "trace export"),
    "cache.db": ("sqlite", "response cache"),
    "blobs": ("files", "blob folder"),
    "read-back": ("http", "interfaces that give stored content back"),
}
EACH_SCENARIO = 125
FAILING, FINDINGS_EACH = 10, 50
BLOCKS, BLOCK_BITS = 12, 80_000
_START = datetime(2026, 11, 23, 9, tzinfo=UTC)


def _at(number: int) -> str:
    return (_START + timedelta(milliseconds=20 * number)).isoformat(timespec="microseconds")


def _org(number: int) -> tuple[str, str]:
    return ("control", CONTROL) if number % 2 else ("subject", SUBJECT)


def _interaction(number: int, canaries: tuple[str, ...]) -> Interaction:
    organization, organization_id = _org(number)
    return Interaction(
        id=f"i-{number:05d}",
        scenario=f"bench.scenario_{number // EACH_SCENARIO:03d}",
        step="ask",
        epoch="main",
        actor=f"{organization}.member",
        role="member",
        organization=organization,
        organization_id=organization_id,
        operation="messages.create",
        method="POST",
        path="/v1/messages",
        model="model-a",
        status=200,
        outcome="accepted",
        accepted=True,
        counts=organization == "subject",
        pair=f"p-{number // 2:05d}",
        content="standard" if number % 2 else "zdr",
        error="",
        request_id=f"req_{number:024d}",
        request_bytes=800,
        answer_bytes=600,
        started_at=_at(number),
        ended_at=_at(number + 1),
        labels={"shape": f"shape-{number % 17}"},
        data=None,
        echoes=(),
        canaries=canaries,
    )


def _canary(number: int) -> CanaryMinted:
    return CanaryMinted(
        id=f"c-{number:05d}",
        kind="response" if number % 2 else "prompt",
        place="last user turn",
        interaction=f"i-{number // 2:05d}",
        organization=_org(number // 2)[1],
        digest=f"{number:064x}",
        cuts=(f"{number:032x}", f"{number + 1:032x}"),
    )


def _hit(number: int, source: str) -> Hit:
    forms = ("gzip", "base64", "plain") if number % 5 == 0 else ("plain",)
    return Hit(source=source, object=f"object-{number % 40}", location=f"row {number}, column body", forms=forms, canary=f"c-{number:05d}")


def _finding(number: int) -> FindingSeen:
    owner = 2 * (number // 2)  # even: of the subject organization
    return FindingSeen(
        source="database.db",
        object="conversations",
        location=f"row {number}, column body",
        forms=("gzip", "base64", "plain"),
        canary=f"c-{2 * owner:05d}",
        interaction=f"i-{owner:05d}",
        excerpt="...zqx123a456...",
        message="a prompt canary of the subject organization is stored",
    )


def events(catalogue: Catalogue, canaries: int) -> Iterator[Frozen]:
    """A whole run with that many canaries, two to a request, and one scenario for each 125 requests."""
    requests = canaries // 2
    scenarios = [f"bench.scenario_{n:03d}" for n in range((requests - 1) // EACH_SCENARIO + 1)]
    yield RunStarted(
        id="run-bench",
        version=__version__,
        target="synthetic",
        base_url="http://127.0.0.1:1",
        platform="direct",
        enforcement="backend",
        organizations={"subject": SUBJECT, "control": CONTROL},
        profile_digest="1f" * 32,
        catalogue_digest=catalogue.digest,
        policy_edition=catalogue.edition,
        seed=1,
        depth="thorough",
        selection="all",
        selected=tuple(c.id for c in catalogue.controls),
        unavailable={},
        without_means={},
        sources=SOURCES,
        settle_seconds=0,
        clock_tolerance_seconds=1,
        command="zdr-audit run --target synthetic",
        literal="zqx123a456",
        key="00" * 16,
        started_at=_at(0),
    )
    yield SanityProbed(when="first", ok=True, detail="both organizations are served", at=_at(0))
    for number in range(requests):
        yield _canary(2 * number)
        yield _canary(2 * number + 1)
        yield _interaction(number, (f"c-{2 * number:05d}", f"c-{2 * number + 1:05d}"))
    yield from (ScenarioEnded(name=name) for name in scenarios)
    yield from _growth(requests)
    yield from _readings(canaries, requests)
    yield SanityProbed(when="last", ok=True, detail="both organizations are served", at=_at(requests))
    for place, control in enumerate(catalogue.controls):
        found = tuple(_finding(FINDINGS_EACH * place + n) for n in range(FINDINGS_EACH)) if place < FAILING else ()
        yield Checked(
            nodeid=f"suites/bench/test_bench.py::test_{control.id}",
            control=control.id,
            title="nothing is kept",
            after=tuple(scenarios[place % len(scenarios) :][:2]),
            epochs=("main",),
            counting="",
            outcome="violated" if found else "holds",
            message=f"{len(found)} canaries were found" if found else "",
            findings=found,
        )
    yield RunEnded(ended_at=_at(requests + 1))


def _growth(requests: int) -> Iterator[GrowthMeasured]:
    stores = [name for name, (kind, _) in SOURCES.items() if kind != "http"]
    for block in range(2 * BLOCKS):
        organization = "control" if block % 2 else "subject"
        bits = BLOCK_BITS * (block // 2 % 4 + 1)
        grown = bits // 8 if organization == "control" else 100 + block
        yield GrowthMeasured(
            scenario="bench.growth",
            organization=organization,
            bits=bits,
            sent=4,
            accepted=4,
            before=dict.fromkeys(stores, 10_000),
            after=dict.fromkeys(stores, 10_000 + grown),
            at=_at(requests),
        )


def _readings(canaries: int, requests: int) -> Iterator[SourceRead]:
    of_control = [number for number in range(canaries) if _org(number // 2)[0] == "control"]
    for reading in ("first", "settled"):
        for source, (kind, _) in SOURCES.items():
            outcome = Reading(
                source=source,
                kind=kind,
                objects=40,
                bytes=50_000_000,
                hits=tuple(_hit(number, source) for number in of_control),
                searched=("plain", "base64", "gzip"),
            )
            group = "read_back" if kind == "http" else "stores"
            yield SourceRead.model_validate({"epoch": "main", "reading": reading, "at": _at(requests), "group": group, "outcome": outcome})


def write(path: Path, catalogue: Catalogue, canaries: int) -> None:
    """Write such a journal."""
    with Journal(path) as journal:
        for event in events(catalogue, canaries):
            journal.append(event)
