"""Reads the evidence again for the canaries of a finished run: days later, or in a folder that was handed over since."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from zdr_audit.attest.remake import check_catalogue
from zdr_audit.canary.seeker import Seeker
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.evidence.size import changed_at
from zdr_audit.journal.events import SourceRead
from zdr_audit.journal.redact import Redactor
from zdr_audit.journal.store import Journal, JournalError
from zdr_audit.profile.credentials import required_places
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.load import ProfileError, in_file, load
from zdr_audit.run.audit import JOURNAL
from zdr_audit.run.cast import cast_of
from zdr_audit.run.observe import read_source, tokenizer_of
from zdr_audit.run.place import server_secrets
from zdr_audit.run.progress import Reporter
from zdr_audit.run.recall import recall
from zdr_audit.suite.history import History
from zdr_audit.target.security import proxy_secrets, security_of
from zdr_audit.target.transport import Transport, now


def rescan(
    run: Path, target: str, folder: Path, handed_over: Sequence[str], reporter: Reporter, environment: Mapping[str, str] | None = None
) -> Path:
    """Copy the run's journal into `folder`, read every source that can still be read, append what was seen. Returns the new journal.

    `handed_over`: folders whose entries, named by source id (`log`, `database.db`), take the place of the profile's paths, or single ones as
    `source=path`. The original is not touched.
    Sources of the run that are interfaces (kind `http`) are not read again. Raises ProfileError or JournalError; AttestError for a run that was made for
    another catalogue than the installed one.
    """
    surroundings = os.environ if environment is None else environment
    journal = run / JOURNAL if run.is_dir() else run
    if not journal.is_file():
        raise ProfileError(f"{run}: no run journal here (expected a report folder or its {JOURNAL})")
    loaded = load(target, surroundings)
    profile = loaded.profile
    copy = folder / JOURNAL
    if copy.exists():
        raise ProfileError(f"{folder}: there is a run journal already; name another --report-dir")
    sources = _placed(profile.evidence, handed_over)
    with in_file(loaded.origin):
        required_places(profile, frozenset(item.id for item in sources if item in profile.evidence), surroundings)
        tokenizer, security = tokenizer_of(profile), security_of(profile, surroundings)
    redactor = Redactor()
    for secret in (*server_secrets(tuple(sources), surroundings), *proxy_secrets(security)):
        redactor.add_secret(secret)
    with in_file(loaded.origin):
        cast_of(profile, surroundings, redactor)  # nobody acts; what their credentials are must not be written where a store holds one
    _of_this(journal, profile.name)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(journal, copy)
    with Journal(copy, redactor) as record:
        history = History(record.events())
        redactor.set_literal(history.run.literal)
        registry, digests = recall(history)
        seeker = Seeker(history.run.literal, registry.identify, digests=digests, tokenizer=tokenizer)
        limits = profile.limits
        transport = Transport(
            profile.target.base_url, limits.timeout_seconds, limits.max_answer_bytes, profile.target.nodes, security=security
        )
        epoch = "late" if any(r.epoch == "late" for r in history.reads) else "main"
        reporter.phase("Reading evidence again", len(sources))
        for item in sources:
            reporter.step(item.what)
            at = now()
            outcome = read_source(item, seeker, lambda _: transport, profile.operations, (), environment=surroundings)
            changed = changed_at(Path(item.path)) if item.path else None
            event = {"epoch": epoch, "reading": "rescan", "at": at, "group": "stores", "outcome": outcome, "changed_at": changed}
            record.append(SourceRead.model_validate(event))
            reporter.done()
    return copy


def _of_this(journal: Path, target: str) -> None:
    """Before anything is written: the run was made against this target and for this catalogue. Raises ProfileError, JournalError or AttestError."""
    with Journal(journal, read_only=True) as record:
        if problems := record.problems():
            raise JournalError(f"{journal}: the journal is damaged: {problems[0]}")
        try:
            history = History(record.events())
            recall(history)
        except ValueError as exc:
            raise JournalError(f"{journal}: not the journal of a run: {' '.join(str(exc).split())[:200]}") from None
        run = history.run
    if run.target != target:
        raise ProfileError(f"{journal}: a run against '{run.target}', not against '{target}'")
    check_catalogue(journal, run, load_catalogue())


def _placed(evidence: Sequence[Evidence], handed_over: Sequence[str]) -> list[Evidence]:
    """The sources to read, each where it is now. Raises ProfileError for a place that is not there, is empty, or belongs to no source."""
    sources = {item.id: item for item in evidence if item.kind != "http"}
    if not handed_over:
        return list(sources.values())
    found: dict[str, Evidence] = {}
    for given in handed_over:
        name, sign, place = given.partition("=")
        named = sign and not Path(given).exists()
        path = Path(place if named else given)
        if named and name not in sources:
            raise ProfileError(f"--evidence {given}: the profile has no source '{name}' to be read again ({', '.join(sources)})")
        if not path.exists():
            raise ProfileError(f"--evidence {given}: {path} is not there")
        if path.is_dir() and not any(path.iterdir()):
            raise ProfileError(f"--evidence {given}: the folder {path} is empty")
        if named:
            found[name] = _at(sources[name], path)
            continue
        entries = {i: e for i, item in sources.items() if (e := _entry(item, path)) is not None}
        if not entries:
            raise ProfileError(f"{path}: no entry is named like a source of the profile ({', '.join(e.id for e in evidence)})")
        found |= {i: _at(sources[i], entry) for i, entry in entries.items()}
    return list(found.values())


def _entry(item: Evidence, folder: Path) -> Path | None:
    names = (item.id, f"{item.id}.db", f"{item.id}.sqlite", f"{item.id}.log", f"{item.id}.jsonl")
    return next((folder / name for name in names if (folder / name).exists()), None)


def _at(item: Evidence, path: Path) -> Evidence:
    kind = item.kind if item.kind in ("files", "sqlite") else "files"
    return Evidence(id=item.id, kind=kind, what=item.what, path=str(path), of=item.of, twin=item.twin)
