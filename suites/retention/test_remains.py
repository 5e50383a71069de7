"""Nothing is recoverable, and no interface gives content back."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control

from . import scenarios as after

INFERENCE = (after.plain_requests, after.streamed_requests, after.long_and_cached_prompts)


@control("ZDR-RET-16", after=(*INFERENCE, after.the_last_requests))
def test_no_deleted_remains_are_recoverable(expect: Expect) -> None:
    expect.kept_nowhere(residue=True, answers=1, promise="no deleted remains of a prompt or answer may be recoverable")


@control("ZDR-RET-17", after=INFERENCE)
def test_no_interface_gives_stored_content_back(expect: Expect) -> None:
    expect.kept_nowhere(group="read_back", answers=1, promise="no interface may give back content of the subject organization")
