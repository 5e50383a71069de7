"""What differs between two reports: a pure function of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from zdr_audit.report.fingerprint import fingerprint
from zdr_audit.report.model import ControlResult, Finding, Report, Status, Verdict

Kind = Literal["new", "changed", "still", "fixed", "unchecked"]
KINDS: tuple[Kind, ...] = ("new", "changed", "still", "fixed", "unchecked")
VERDICT_RANK: dict[Verdict, int] = {"pass": 0, "not_applicable": 1, "waived": 2, "not_tested": 3, "inconclusive": 4, "fail": 5}
STATUS_RANK: dict[Status, int] = {"compliant": 0, "incomplete": 1, "non_compliant": 2}
DEVIATIONS, SHARE = 3.0, 0.5
"""A sample may lose so many standard deviations of a count, though no more than this share of it, without a word: what is sent while something else goes
on varies by chance. Two runs of the same target came out with 87 and 106 accepted requests (ZDR-ENB-11), 35 and 53 (ZDR-ENB-10), 12 and 24 (ZDR-RET-19)."""


@dataclass(frozen=True)
class FindingChange:
    """A finding by its fingerprint, and in how many places each report has it.

    `new`: only in the second report. `still`: in both. `changed`: the same control, source and object, in another form or kind of place.
    `fixed`: gone, and the control and the source were looked at again. `unchecked`: gone, but nobody could have seen it.
    """

    kind: Kind
    control: str
    fingerprint: str
    finding: Finding
    before: int
    after: int


@dataclass(frozen=True)
class VerdictChange:
    """A control whose verdict changed; `old` None: it was not in the first report, `new` None: it vanished from the second."""

    control: str
    title: str
    old: Verdict | None
    new: Verdict | None
    reason: str

    @property
    def worse(self) -> bool:
        """Whether the second report knows less good of the control than the first; one that is new is worse only where it fails."""
        if self.new is None:
            return True
        return self.new == "fail" if self.old is None else VERDICT_RANK[self.new] > VERDICT_RANK[self.old]


@dataclass(frozen=True)
class Shrunk:
    """A number that a control's verdict rests on, and that fell: `what` is "accepted requests" or "requests needed"."""

    control: str
    what: str
    before: int
    after: int


@dataclass(frozen=True)
class Difference:
    """All that differs, with the two reports' status and notes on what makes them hard to compare."""

    old: Report
    new: Report
    findings: tuple[FindingChange, ...]
    verdicts: tuple[VerdictChange, ...]
    shrunk: tuple[Shrunk, ...]
    lost_sources: tuple[str, ...]
    notes: tuple[str, ...]

    def of(self, kind: Kind) -> tuple[FindingChange, ...]:
        """The findings of one kind."""
        return tuple(f for f in self.findings if f.kind == kind)

    def complaints(self) -> tuple[str, ...]:
        """What is worse in the second report, each in a few words; empty: nothing."""
        vanished = sum(v.new is None for v in self.verdicts)
        worsened = sum(v.worse for v in self.verdicts) - vanished
        counts = (
            (len(self.of("new")), "new finding"),
            (worsened, "control with a worse verdict", "controls with a worse verdict"),
            (vanished, "control that vanished", "controls that vanished"),
            (len(self.shrunk), "sample that shrank", "samples that shrank"),
            (len(self.lost_sources), "evidence source no longer read", "evidence sources no longer read"),
        )
        said = [f"{n} {words[0] if n == 1 else words[-1] + ('s' if len(words) == 1 else '')}" for n, *words in counts if n]
        if STATUS_RANK[self.new.summary.status] > STATUS_RANK[self.old.summary.status]:
            said.append(f"the run is {self.new.summary.status.replace('_', '-')}, it was {self.old.summary.status.replace('_', '-')}")
        return tuple(said)

    @property
    def worse(self) -> bool:
        return bool(self.complaints())


def compare(old: Report, new: Report) -> Difference:
    """The difference from `old` to `new`, in the order of control ids."""
    before, after = {c.id: c for c in old.controls}, {c.id: c for c in new.controls}
    read = _read(new)
    return Difference(
        old=old,
        new=new,
        findings=_findings(old, new, after),
        verdicts=_verdicts(before, after),
        shrunk=_samples(before, after),
        lost_sources=tuple(s for s in _read(old) if s not in read),
        notes=_notes(old, new),
    )


def _gathered(report: Report) -> dict[str, tuple[str, list[Finding]]]:
    found: dict[str, tuple[str, list[Finding]]] = {}
    for control in sorted(report.controls, key=lambda c: c.id):
        for item in control.findings:
            found.setdefault(fingerprint(control.id, item), (control.id, []))[1].append(item)
    return found


def _thing(control: str, finding: Finding) -> str:
    """What is leaking, whatever the form and place in it."""
    return fingerprint(control, finding.model_copy(update={"forms": (), "location": ""}))


def _findings(old: Report, new: Report, after: Mapping[str, ControlResult]) -> tuple[FindingChange, ...]:
    was, now = _gathered(old), _gathered(new)
    gone = {key: items for key, items in was.items() if key not in now}
    partners: dict[str, list[str]] = {}
    for key, (control, items) in gone.items():
        partners.setdefault(_thing(control, items[0]), []).append(key)
    changes = []
    for key, (control, items) in now.items():
        kind: Kind = "still" if key in was else "new"
        before = len(was[key][1]) if key in was else 0
        candidates = partners.get(_thing(control, items[0]), []) if kind == "new" else []
        if candidates:
            kind, before = "changed", len(gone.pop(candidates.pop(0))[1])
        changes.append(FindingChange(kind, control, key, items[0], before, len(items)))
    for key, (control, items) in gone.items():
        kind = "fixed" if _looked(new, after.get(control), items[0]) else "unchecked"
        changes.append(FindingChange(kind, control, key, items[0], len(items), 0))
    return tuple(sorted(changes, key=lambda c: (KINDS.index(c.kind), c.control, c.finding.source, c.finding.object, c.fingerprint)))


def _looked(new: Report, control: ControlResult | None, finding: Finding) -> bool:
    """Whether the second run could have seen the finding again: control decided, source read with sight."""
    if control is None or control.verdict not in ("pass", "fail", "waived") or (control.verdict == "waived" and not control.findings):
        return False
    blind = any(s.source == finding.source and s.how == "blind" for s in control.sight)
    return finding.source == "answers" or (finding.source in _read(new) and not blind)


def _read(report: Report) -> list[str]:
    """Sources of which at least one reading succeeded."""
    return [s.id for s in report.sources if any(not r.error for r in s.readings)]


def _verdicts(before: Mapping[str, ControlResult], after: Mapping[str, ControlResult]) -> tuple[VerdictChange, ...]:
    changes = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        known = new or old
        if known is not None and (old is None or new is None or old.verdict != new.verdict):
            reason = new.reason if new else "the second report does not have this control"
            changes.append(VerdictChange(key, known.title, old.verdict if old else None, new.verdict if new else None, reason))
    return tuple(changes)


def _samples(before: Mapping[str, ControlResult], after: Mapping[str, ControlResult]) -> tuple[Shrunk, ...]:
    """Controls that lost their verdict altogether are not listed again."""
    found = []
    for key in sorted(before.keys() & after.keys()):
        old, new = before[key], after[key]
        if new.verdict in ("not_tested", "not_applicable"):
            continue
        if new.accepted < old.accepted - min(DEVIATIONS * old.accepted**0.5, SHARE * old.accepted):
            found.append(Shrunk(key, "accepted requests", old.accepted, new.accepted))
        if new.minimum_accepted < old.minimum_accepted:
            found.append(Shrunk(key, "requests needed", old.minimum_accepted, new.minimum_accepted))
    return tuple(found)


def _notes(old: Report, new: Report) -> tuple[str, ...]:
    a, b = old.run, new.run
    pairs = (
        ("different targets", a.target.name, b.target.name),
        ("different organizations", f"{a.target.subject} / {a.target.control}", f"{b.target.subject} / {b.target.control}"),
        ("different target profiles", a.profile_digest[:12], b.profile_digest[:12]),
        ("different control catalogues", a.catalogue_digest[:12], b.catalogue_digest[:12]),
        ("different versions of zdr-audit", a.version, b.version),
        ("different depths", a.depth, b.depth),
        ("different selections", a.selection, b.selection),
    )
    return tuple(f"{what}: {before}, then {now}" for what, before, now in pairs if before != now)
