"""Reads every evidence source of a profile once, for all canaries."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from zdr_audit.canary import tokens
from zdr_audit.canary.seeker import Seeker
from zdr_audit.canary.tokens import Tokenizer
from zdr_audit.evidence.command import read_command
from zdr_audit.evidence.documents import read_documents
from zdr_audit.evidence.earlier import Earlier
from zdr_audit.evidence.model import Reading
from zdr_audit.evidence.registry import READERS, SERVER_READERS, more_readers
from zdr_audit.evidence.sqlite import read_sqlite
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation, Refusal
from zdr_audit.run.place import command_of, server_place
from zdr_audit.run.read_back import ReadBack
from zdr_audit.suite.party import Party
from zdr_audit.target.transport import Transport

NO_OTHER = Refusal()


def read_source(
    evidence: Evidence,
    seeker: Seeker,
    transport_of: Callable[[str], Transport],
    operations: dict[str, Operation],
    parties: tuple[Party, ...],
    progress: Callable[[int], None] | None = None,
    environment: Mapping[str, str] | None = None,
    earlier: Earlier | None = None,
    refusal: Refusal = NO_OTHER,
) -> Reading:
    """One reading of one source. Never raises for what the source does: that is a Reading with `error`.

    `transport_of` gives the way to the deployment that serves an organization. What leads to a server with a password is looked up in
    `environment` (None: that of the process). `earlier` is what earlier readings of the run gave. `refusal` is the profile's rule
    for policy refusals, by which an interface may refuse to give anything back.
    """
    try:
        if evidence.kind == "http":
            pages = ReadBack(evidence, transport_of, operations, parties, refusal)
            found = read_documents(evidence.id, "http", pages.documents(), seeker)
            return found.model_copy(update={"error": pages.problem, "searched": ()}) if pages.problem else found
        if evidence.kind == "extension":
            return more_readers()[evidence.reader or ""](evidence.id, evidence.options, seeker, progress)
        if evidence.kind == "command":
            return read_command(evidence.id, command_of(evidence), seeker, progress)
        if evidence.kind in SERVER_READERS:
            return SERVER_READERS[evidence.kind](
                evidence.id, server_place(evidence, os.environ if environment is None else environment), seeker, progress
            )
        if evidence.kind == "sqlite":
            return read_sqlite(evidence.id, Path(evidence.path or ""), seeker, progress, earlier)
        return READERS[evidence.kind](evidence.id, Path(evidence.path or ""), seeker, progress)
    except Exception as exc:  # a reader that breaks must not pass for a clean source
        words = " ".join(str(exc).split())[:200]
        return Reading(
            source=evidence.id, kind=evidence.kind, objects=0, bytes=0, error=f"reading it failed: {type(exc).__name__}: {words}"
        )


def tokenizer_of(profile: Profile) -> Tokenizer | None:
    """The tokenizer that the profile names. Raises ProfileError where it cannot be had."""
    if profile.target.tokenizer is None:
        return None
    try:
        return tokens.load(profile.target.tokenizer)
    except ValueError as problem:
        raise ProfileError(f"target.tokenizer: {problem}") from None
