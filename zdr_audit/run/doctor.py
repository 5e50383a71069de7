"""Checks a profile against its target without a stimulus: can it be reached, who is let in, what can be read, what will be tested and what not."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from zdr_audit import __version__
from zdr_audit.canary.mint import new_literal
from zdr_audit.canary.seeker import Seeker
from zdr_audit.catalogue.model import Catalogue, Control
from zdr_audit.evidence.model import Reading
from zdr_audit.evidence.size import changed_at, size_of
from zdr_audit.journal.redact import Redactor
from zdr_audit.journal.store import Journal
from zdr_audit.profile.credentials import is_loopback
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import STAFF
from zdr_audit.profile.operation import Operation
from zdr_audit.run.audit import Audit
from zdr_audit.run.observe import read_source
from zdr_audit.run.options import Options
from zdr_audit.run.progress import Reporter
from zdr_audit.run.strange_names import strange
from zdr_audit.suite.answers import body_of
from zdr_audit.suite.party import Actor
from zdr_audit.suite.recorder import clock_offset
from zdr_audit.target.outcome import document, outcome
from zdr_audit.target.template import fill, fill_path, names, pointer, with_query
from zdr_audit.target.transport import Answer, Outgoing

SCHEMA: Literal["zdr-audit/doctor/1"] = "zdr-audit/doctor/1"
State = Literal["ok", "note", "missing", "unusable"]
EXIT = {"ok": 0, "note": 0, "missing": 3, "unusable": 2}
PREFERRED = ("models.list", "zdr.status")
"""Operations that change nothing and that a target is likeliest to grant, tried first to see whether a credential is good."""
FILES_LOOKED_AT = 200_000


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Check(Part):
    """One thing looked at. `unusable`: no run makes sense; `missing`: a run would be incomplete; `ask` is what the target's owner can do about it."""

    about: Literal["profile", "address", "tls", "clock", "credential", "organization", "answer", "evidence"]
    name: str
    state: State
    said: str
    ask: str | None = None


class Diagnosis(Part):
    """All that was found. In JSON the first key is `schema`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_id: Literal["zdr-audit/doctor/1"] = Field(SCHEMA, alias="schema")
    version: str
    target: str
    base_url: str
    checks: tuple[Check, ...]
    tested: tuple[str, ...]
    not_tested: Mapping[str, str]
    not_applicable: Mapping[str, str]

    @property
    def exit_status(self) -> int:
        """0 a run can decide everything that applies, 2 no run makes sense, 3 a run would be incomplete."""
        found = {EXIT[check.state] for check in self.checks}
        return 2 if 2 in found else 3 if 3 in found or self.not_tested else 0

    @property
    def asks(self) -> tuple[str, ...]:
        """What to ask the target's owner for."""
        wanted = [check.ask for check in self.checks if check.ask]
        lacking: dict[str, list[str]] = {}
        for control, reason in self.not_tested.items():
            lacking.setdefault(reason, []).append(control)
        return tuple(
            dict.fromkeys([*wanted, *(f"{reason}: {len(ids)} control{'s' if len(ids) > 1 else ''}" for reason, ids in lacking.items())])
        )


class _Bench(Audit):
    """The parts of a run, with nothing written down; what is missing is told with the rest."""

    def _claim(self) -> None:
        pass

    def _look_for_evidence(self) -> None:
        pass

    def _journal(self, redactor: Redactor) -> Journal:
        return Journal(Path(":memory:"), redactor)


def diagnose(
    options: Options, catalogue: Catalogue, selected: tuple[Control, ...], reporter: Reporter, environment: Mapping[str, str] | None = None
) -> Diagnosis:
    """Look at everything. Raises ProfileError or LaunchError. Sends no content and changes nothing."""
    bench = _Bench(options, catalogue, selected, reporter, environment)
    try:
        bench.open()
        return _diagnosis(bench, reporter)
    finally:
        bench.stop()


def _diagnosis(bench: Audit, reporter: Reporter) -> Diagnosis:
    parts: tuple[tuple[str, Callable[[Audit], Iterator[Check]]], ...] = (
        ("Profile", _profile),
        ("Addresses", _addresses),
        ("Credentials", _credentials),
        ("Organizations", _organizations),
        ("Answers", _answers),
        ("Evidence", _evidence),
    )
    checks: list[Check] = []
    for name, look in parts:
        if name in ("Credentials", "Organizations") and any(check.state == "unusable" for check in checks):
            continue  # where nobody answers, nobody can be asked
        reporter.phase(name, 1)
        for check in look(bench):
            reporter.step(check.name)
            said = {name: bench.redactor.text(text) for name in ("said", "ask") if (text := getattr(check, name))}
            checks.append(check.model_copy(update=said))
        reporter.done()
    aside = bench.unavailable | bench.without_means
    return Diagnosis(
        version=__version__,
        target=bench.profile.name,
        base_url=bench.profile.target.base_url,
        checks=tuple(checks),
        tested=tuple(c.id for c in bench.selected if c.id not in aside),
        not_tested=dict(sorted(bench.without_means.items())),
        not_applicable=dict(sorted(bench.unavailable.items())),
    )


# -- addresses, TLS, clock ------------------------------------------------------------------------------------------------------------


def _addresses(bench: Audit) -> Iterator[Check]:
    transports = {"target": bench.transport} | {f"organization {name}": way for name, way in bench.recorder.elsewhere.items()}
    for whose, transport in transports.items():
        for number, address in enumerate(transport.addresses):
            answer = transport.send(Outgoing("GET", "/", node=number))
            if answer.status is None:
                ask = f"a way to {address} from here ({answer.error})"
                yield Check(about="address", name=address, state="unusable", said=f"{whose}: {answer.error}", ask=ask)
                continue
            yield Check(about="address", name=address, state="ok", said=f"{whose}: answers (GET / gave {answer.status})")
            yield _tls(address, bench)
            yield _clock(address, answer, bench)


def _tls(address: str, bench: Audit) -> Check:
    url = urlsplit(address)
    if url.scheme != "https":
        if is_loopback(address):
            return Check(about="tls", name=address, state="ok", said="none, on a loopback address")
        ask = f"HTTPS at {address}"
        return Check(
            about="tls", name=address, state="note", said="none: credentials and content go over the network in clear text", ask=ask
        )
    if bench.security.proxy is not None:
        return Check(about="tls", name=address, state="ok", said="the certificate was accepted, through the proxy")
    context = ssl.create_default_context(cafile=bench.security.ca)
    with contextlib.suppress(OSError, ssl.SSLError, ValueError):
        chain = bench.security.certificate
        if chain is not None:
            certificate, key = chain if isinstance(chain, tuple) else (chain, None)
            context.load_cert_chain(certificate, key)
        host, port = url.hostname or "", url.port or 443
        with socket.create_connection((host, port), 10) as plain, context.wrap_socket(plain, server_hostname=host) as secured:
            ends = ssl.cert_time_to_seconds(str((secured.getpeercert() or {}).get("notAfter")))
            days = int((ends - datetime.now(UTC).timestamp()) // 86_400)
            said = f"{secured.version()}, the certificate is accepted and good for {days} more days"
            return Check(about="tls", name=address, state="note" if days < 7 else "ok", said=said)
    return Check(about="tls", name=address, state="ok", said="the certificate was accepted")


def _clock(address: str, answer: Answer, bench: Audit) -> Check:
    offset, tolerance = clock_offset(answer), bench.profile.limits.clock_tolerance_seconds
    if offset is None:
        return Check(about="clock", name=address, state="note", said="the answer has no Date header: the clock is not known")
    said = f"{abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'} (Date header), the tolerance is {tolerance:g} s"
    if abs(offset) <= tolerance:
        return Check(about="clock", name=address, state="ok", said=said)
    return Check(
        about="clock",
        name=address,
        state="missing",
        said=said,
        ask=f"the clock of {address} to be set, or a larger limits.clock_tolerance_seconds",
    )


# -- credentials and organizations ----------------------------------------------------------------------------------------------------


def _credentials(bench: Audit) -> Iterator[Check]:
    actors = {actor.key: actor for party in bench.cast.parties.values() for actor in party.actors.values()}
    actors |= {actor.key: actor for actor in bench.cast.staff.values()}
    for group, roles in bench.profile.actors.items():
        for role, section in roles.items():
            key = f"{group}.{role}"
            if key in actors:
                yield _credential(bench, actors[key])
            else:
                said = f"the environment variable {section.env} is not set"
                yield Check(about="credential", name=key, state="missing", said=said, ask=f"a credential for {key} ({section.env})")
    for role in STAFF:
        needed = [name for name, spec in bench.profile.operations.items() if spec.by == role]
        if needed and role not in bench.profile.actors.get("staff", {}):
            said = f"the profile has no actor for it, and {', '.join(needed[:3])} need{'s' if len(needed) == 1 else ''} one"
            yield Check(about="credential", name=f"staff.{role}", state="missing", said=said, ask=f"a credential for the role {role}")


COUNTED_ON: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("organization.create", "organization.create_ineligible", "organization.create_api_zdr"), ("organization", "admin_key")
    ),
    "user.create": ("user",),
    "key.create": ("key",),
    "zdr.request": ("request",),
    "hold.place": ("hold",),
}
"""What the suites read out of answers and cannot do without."""


def _answers(bench: Audit) -> Iterator[Check]:
    for name, wanted in COUNTED_ON.items():
        spec = bench.profile.operations.get(name)
        for lacking in sorted(set(wanted) - set(spec.extract)) if spec is not None else ():
            said = f"'extract' gives no '{lacking}': what begins with it cannot be tried"
            yield Check(
                about="answer", name=name, state="missing", said=said, ask=f"where the answer of '{name}' says '{lacking}' (extract)"
            )


def _credential(bench: Audit, actor: Actor) -> Check:
    state: State = "unusable" if actor.key in ("subject.member", "control.member") else "missing"
    try:
        name, spec = _harmless(bench.profile.operations, actor)
    except LookupError:
        said = "not tried: the profile has no operation for this role that changes nothing"
        return Check(about="credential", name=actor.key, state="note", said=said)
    try:
        answer = _ask(bench, actor, name, spec, actor.organization_id or bench.profile.organizations["subject"].id)
    except ProfileError as exc:
        return Check(about="credential", name=actor.key, state=state, said=str(exc), ask=f"a credential for {actor.key}")
    seen = outcome(answer, spec, bench.profile.refusal)
    said = f"{name} gave {answer.status or answer.error}"
    if seen == "accepted":
        return Check(about="credential", name=actor.key, state="ok", said=said)
    if answer.status == 401:
        return Check(
            about="credential", name=actor.key, state=state, said=f"{said}: not accepted", ask=f"a valid credential for {actor.key}"
        )
    if answer.status is None or answer.status >= 500:
        return Check(about="credential", name=actor.key, state=state, said=said, ask=f"'{name}' to work for {actor.key}")
    entitled = spec.by == actor.role
    if answer.status in (404, 405) and entitled:
        where = f"{spec.method} {bench.profile.target.base_url}{spec.path} gave {answer.status}"
        path = f"the right address and path of '{name}' ({where}), or leave for whoever is told that nothing is there"
        return Check(about="credential", name=actor.key, state="missing", said=f"{said}: nothing there, or hidden from it", ask=path)
    ask = f"{actor.key} to be entitled to '{name}'" if entitled else None
    return Check(
        about="credential", name=actor.key, state="missing" if entitled else "note", said=f"{said}: known, but not let in there", ask=ask
    )


def _harmless(operations: Mapping[str, Operation], actor: Actor) -> tuple[str, Operation]:
    """An operation that this role is entitled to, that changes nothing and needs nothing known, neither content. Raises LookupError."""
    known = {"org", "account", "run"}
    fit = [
        (name, spec)
        for name, spec in operations.items()
        if not name.startswith("messages.") and (spec.method == "GET" or spec.extract or spec.items is not None)
        if not spec.changes and spec.by != "anybody" and spec.multipart is None
        if names([spec.path, spec.query, spec.headers, spec.body]) <= known
    ]
    fit.sort(key=lambda item: item[1].method != "GET")
    own = [item for item in fit if item[1].by == actor.role]
    order = own if actor.role in STAFF and own else own + [item for item in fit if item[1].by == "member"]
    if not order:
        raise LookupError
    preferred = [item for item in order if item[0] in PREFERRED] if actor.role not in ("admin", *STAFF) else []
    return (preferred or order)[0]


def _ask(bench: Audit, actor: Actor, name: str, spec: Operation, organization: str) -> Answer:
    account = bench.profile.organizations["subject"].account or ""
    values = {"org": organization, "account": account, "run": bench.run_id}
    path = with_query(fill_path(spec.path, values), fill(spec.query, values))
    body, headers = body_of(spec, values)
    sent = Outgoing(spec.method, path, {**headers, **actor.headers()[0]}, body, operation=name)
    return bench.recorder.transport_of(actor.organization).send(sent)


def _organizations(bench: Audit) -> Iterator[Check]:
    spec = bench.profile.operations.get("zdr.status")
    for key, expected in (("subject", "enabled"), ("control", "disabled")):
        party = bench.cast.parties[key]
        if spec is None:
            said = "the profile has no operation 'zdr.status': whether it is under ZDR is not known"
            if reason := bench.profile.why_absent("zdr.status"):
                yield Check(about="organization", name=key, state="note", said=f"whether it is under ZDR cannot be read: {reason}")
                continue
            yield Check(
                about="organization",
                name=key,
                state="note",
                said=said,
                ask="a way to read the ZDR status of an organization ('zdr.status')",
            )
            continue
        try:
            answer = _ask(bench, party.member, "zdr.status", spec, party.id)
        except (ProfileError, KeyError) as exc:
            yield Check(about="organization", name=key, state="note", said=f"its ZDR status is not known: {exc}")
            continue
        status = spec.read("status", pointer(document(answer), spec.extract.get("status", "/status")))
        if outcome(answer, spec, bench.profile.refusal) != "accepted":
            yield Check(
                about="organization",
                name=key,
                state="note",
                said=f"its ZDR status is not known: zdr.status gave {answer.status or answer.error}",
            )
        elif status == expected:
            yield Check(about="organization", name=key, state="ok", said=f"{party.id}: ZDR is {status}")
        else:
            said = f"{party.id}: ZDR is {bench.redactor.text(str(status)):.40}, the profile needs it {expected}"
            ask = f"an organization {'with' if key == 'subject' else 'without'} ZDR in the place of {party.id}"
            yield Check(about="organization", name=key, state="unusable", said=said, ask=ask)


def _profile(bench: Audit) -> Iterator[Check]:
    for key, said in strange(bench.profile, bench.catalogue):
        yield Check(about="profile", name=key, state="note", said=said)


# -- evidence -------------------------------------------------------------------------------------------------------------------------


def _evidence(bench: Audit) -> Iterator[Check]:
    if not bench.profile.evidence:
        ask = "read access to the places where the target may keep something: logs, databases, caches, object stores"
        yield Check(about="evidence", name="(none)", state="missing", said="the profile names no evidence", ask=ask)
    for item in bench.profile.evidence:
        if item.path is not None:
            yield _on_disk(item)
        else:
            yield _elsewhere(item, bench)


def _on_disk(item: Evidence) -> Check:
    path = Path(item.path or "")
    ask = f"read access to {item.what} ({item.id})"
    try:
        if not path.exists():
            return Check(about="evidence", name=item.id, state="missing", said=f"{path}: not there", ask=ask)
        files = [path] if path.is_file() else [p for p in _some(path) if p.is_file()]
        closed = [p for p in files if not os.access(p, os.R_OK)]
        size = size_of(item.kind, path)
    except Exception as exc:  # whatever a file system or a database library says, it is not readable
        words = " ".join(str(exc).split())[:200]
        return Check(about="evidence", name=item.id, state="missing", said=f"{path}: {type(exc).__name__}: {words}", ask=ask)
    if closed:
        return Check(
            about="evidence",
            name=item.id,
            state="missing",
            said=f"{len(closed)} of {len(files)} files cannot be read, first {closed[0]}",
            ask=ask,
        )
    changed = changed_at(path)
    said = f"{len(files)} file{'s' if len(files) != 1 else ''}, {size:,} bytes" + (f", last written {changed[:19]}Z" if changed else "")
    return Check(about="evidence", name=item.id, state="ok" if files else "note", said=said if files else f"{path}: empty so far")


def _some(path: Path) -> Iterator[Path]:
    for number, item in enumerate(path.rglob("*")):
        if number >= FILES_LOOKED_AT:
            return
        yield item


def _elsewhere(item: Evidence, bench: Audit) -> Check:
    """A source that must be read to know how much it holds; an interface's lists are read, not what they list."""
    subject, control = bench.cast.parties["subject"], bench.cast.parties["control"]
    parties = tuple(party for party in (subject, control) if item.of in ("both", party.key))
    looked = item.model_copy(update={"detail": None}) if item.kind == "http" else item
    found = read_source(
        looked,
        Seeker(new_literal(), lambda _: None),
        bench.recorder.transport_of,
        bench.profile.operations,
        parties,
        environment=bench.environment,
        refusal=bench.profile.refusal,
    )
    return _read(item, found, bench.redactor)


def _read(item: Evidence, found: Reading, redactor: Redactor) -> Check:
    ask = f"read access to {item.what} ({item.id})"
    if found.error or (found.not_examined and not found.objects):
        why = redactor.text(found.error or f"{found.not_examined[0].object}: {found.not_examined[0].reason}")
        return Check(about="evidence", name=item.id, state="missing", said=why[:300], ask=ask)
    said = f"{found.objects:,} object{'s' if found.objects != 1 else ''}, {found.bytes:,} bytes"
    if found.not_examined:
        first = redactor.text(f"{found.not_examined[0].object}: {found.not_examined[0].reason}")
        said += f"; {len(found.not_examined)} could not be examined, first {first}"[:200]
    return Check(about="evidence", name=item.id, state="ok", said=said)
