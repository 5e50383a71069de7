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


@control("ZDR-RET-17", after=(*INFERENCE, after.answers_asked_for_again))
def test_no_answer_can_be_asked_for_again(expect: Expect) -> None:
    expect.about(after.answers_asked_for_again)
    again = expect.some(step="ask for it again", organization="subject")
    expect.dealt_with(again)
    expect.echoes_nothing(again, "what was answered must not be had again from where it was asked for")
