"""Reads the evidence again for the canaries of a finished run: days later, or in a folder that was handed over since."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from zdr_audit.canary.seeker import Seeker
from zdr_audit.journal.events import SourceRead
from zdr_audit.journal.redact import Redactor
from zdr_audit.journal.store import Journal
from zdr_audit.profile.load import ProfileError, load
from zdr_audit.profile.model import Evidence
from zdr_audit.run.audit import JOURNAL
from zdr_audit.run.observe import read_source, server_secrets, tokenizer_of
from zdr_audit.run.progress import Reporter
from zdr_audit.run.recall import recall
from zdr_audit.suite.history import History
from zdr_audit.target.security import security_of
from zdr_audit.target.transport import Transport, now


def rescan(
    run: Path, target: str, folder: Path, handed_over: Path | None, reporter: Reporter, environment: Mapping[str, str] | None = None
) -> Path:
    """Copy the run's journal into `folder`, read every source that can still be read, append what was seen. Returns the new journal.

    `handed_over`: a folder whose entries, named by source id (`log`, `database.db`), take the place of the profile's paths. The original is not touched.
    Sources of the run that are interfaces (kind `http`) are not read again. Raises ProfileError or JournalError.
    """
    surroundings = os.environ if environment is None else environment
    journal = run / JOURNAL if run.is_dir() else run
    if not journal.is_file():
        raise ProfileError(f"{run}: no run journal here (expected a report folder or its {JOURNAL})")
    profile = load(target, surroundings).profile
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / JOURNAL
    if copy.exists():
        raise ProfileError(f"{folder}: there is a run journal already; name another --report-dir")
    sources = [_placed(item, handed_over) for item in profile.evidence if item.kind != "http"]
    if handed_over is not None and not any(sources):
        raise ProfileError(f"{handed_over}: no entry is named like a source of the profile ({', '.join(e.id for e in profile.evidence)})")
    shutil.copyfile(journal, copy)
    redactor = Redactor()
    for secret in server_secrets(profile.evidence, surroundings):
        redactor.add_secret(secret)
    with Journal(copy, redactor) as record:
        history = History(record.events())
        if history.run.target != profile.name:
            raise ProfileError(f"{journal}: a run against '{history.run.target}', not against '{profile.name}'")
        redactor.set_literal(history.run.literal)
        registry, digests = recall(history)
        seeker = Seeker(history.run.literal, registry.identify, digests=digests, tokenizer=tokenizer_of(profile))
        limits, security = profile.limits, security_of(profile, surroundings)
        transport = Transport(
            profile.target.base_url, limits.timeout_seconds, limits.max_answer_bytes, profile.target.nodes, security=security
        )
        epoch = "late" if any(r.epoch == "late" for r in history.reads) else "main"
        reporter.phase("Reading evidence again", len(sources))
        for item in sources:
            if item is None:
                continue
            reporter.step(item.what)
            at = now()
            outcome = read_source(item, seeker, lambda _: transport, profile.operations, (), environment=surroundings)
            record.append(SourceRead.model_validate({"epoch": epoch, "reading": "rescan", "at": at, "group": "stores", "outcome": outcome}))
            reporter.done()
    return copy


def _placed(item: Evidence, handed_over: Path | None) -> Evidence | None:
    if handed_over is None:
        return item
    for name in (item.id, f"{item.id}.db", f"{item.id}.sqlite", f"{item.id}.log", f"{item.id}.jsonl"):
        if (handed_over / name).exists():
            kind = item.kind if item.kind in ("files", "sqlite") else "files"
            return item.model_copy(update={"kind": kind, "path": str(handed_over / name)})
    return None
