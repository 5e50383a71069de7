"""Credentials that a command prints: asked for once, again when old or refused, never written."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_profiles import small
from engine_servers import answer, serving

from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.journal.redact import Redactor
from zdr_audit.journal.store import Journal
from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import ActorSection
from zdr_audit.profile.token import Token
from zdr_audit.suite.party import Actor
from zdr_audit.suite.recorder import Judged, Planned, Recorder
from zdr_audit.target.transport import Outgoing, Transport

COUNTING = """\
import pathlib, sys
place = pathlib.Path(sys.argv[1])
number = int(place.read_text() or 0) + 1 if place.exists() else 1
place.write_text(str(number))
print(f"token-number-{number}")
"""


@pytest.fixture
def counting(tmp_path: Path) -> Callable[..., ActorSection]:
    """A section whose command prints a new token each time."""
    script = tmp_path / "token.py"
    script.write_text(COUNTING)
    return lambda **more: ActorSection(command=(sys.executable, str(script), str(tmp_path / "count")), **more)


def test_a_token_is_asked_for_once_and_told_before_it_is_used(counting):
    told: list[str] = []
    token = Token("actors.subject.member", counting(), told.append)
    assert [token.current(), token.current()] == ["token-number-1"] * 2
    assert told == ["token-number-1"]


def test_an_old_token_is_replaced(counting):
    token = Token("a", counting(refresh_seconds=0.05), lambda _: None)
    first = token.current()
    time.sleep(0.06)
    assert (first, token.current()) == ("token-number-1", "token-number-2")


def test_a_token_that_was_refused_is_replaced_once_for_all_who_saw_it(counting):
    token = Token("a", counting(), lambda _: None)
    first = token.current()
    assert [token.renewed(first), token.renewed(first), token.current()] == ["token-number-2"] * 3


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/nowhere/token",), "actors.subject.member.command: cannot be run: No such file or directory"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "actors.subject.member.command: ended with status 3"),
        ((sys.executable, "-c", "print('short')"), "actors.subject.member.command: printed no usable credential"),
        ((sys.executable, "-c", "print('two words-of-it')"), "actors.subject.member.command: printed no usable credential"),
        ((sys.executable, "-c", "import time; time.sleep(60)"), "actors.subject.member.command: took longer than 0.2 s"),
    ],
)
def test_a_command_that_gives_none_is_said_without_what_it_printed(command, words):
    section = ActorSection(command=command, timeout_seconds=0.2 if "sleep" in command[-1] else 60)
    with pytest.raises(ProfileError) as caught:
        Token("actors.subject.member", section, lambda _: None).current()
    assert str(caught.value).startswith(words)
    assert "of-it" not in str(caught.value)


def test_after_a_401_a_fresh_token_is_tried_once_and_no_token_is_journaled(counting, tmp_path):
    def script(request: bytes, write: Callable[[bytes], None]) -> None:
        write(answer(b"{}", "200 OK" if b"Token token-number-2" in request else "401 Unauthorized"))

    redactor, literal = Redactor(), new_literal()
    redactor.set_literal(literal)
    token = Token("a", counting(), redactor.add_secret)
    actor = Actor("subject.member", "member", "subject", "org", "zdr", "authorization", "", prefix="Token", token=token)
    registry = Registry(literal, b"key")
    with serving(script) as server, Journal(tmp_path / "journal.sqlite", redactor) as journal:
        recorder = Recorder(Transport(server.base_url, 20, 1 << 16), journal, Mint(literal), registry, Seeker(literal, registry.identify))
        planned = Planned("s", "ask", "main", "messages.create")
        outgoing = Outgoing("POST", "/?t=token-number-2", {}, b"{}")
        judge = lambda a: Judged("accepted", a.status == 200)  # noqa: E731
        first, _ = recorder.exchange("i-1", planned, actor, outgoing, (), judge)
        second, _ = recorder.exchange("i-2", planned, actor, outgoing, (), judge)
    assert [server.headers(n)["authorization"] for n in range(3)] == [
        "Token token-number-1",
        "Token token-number-2",
        "Token token-number-2",
    ]
    assert (first.status, first.labels["credential"]) == (200, "renewed after 401")
    assert (second.status, "credential" in second.labels) == (200, False)
    assert b"token-number" not in (tmp_path / "journal.sqlite").read_bytes()


def test_a_token_that_stays_the_same_is_not_sent_twice(tmp_path):
    section = ActorSection(command=(sys.executable, "-c", "print('always-the-same-token')"))
    actor = Actor("a", "member", "subject", "org", "zdr", "x-api-key", "", token=Token("a", section, lambda _: None))
    literal = new_literal()
    registry = Registry(literal, b"key")
    with serving(answer(b"{}", "401 Unauthorized")) as server, Journal(tmp_path / "journal.sqlite", Redactor()) as journal:
        recorder = Recorder(Transport(server.base_url, 20, 1 << 16), journal, Mint(literal), registry, Seeker(literal, registry.identify))
        planned = Planned("s", "ask", "main", "messages.create")
        found, _ = recorder.exchange("i-1", planned, actor, Outgoing("GET", "/"), (), lambda _: Judged("denied", False))
    assert (found.status, len(server.requests)) == (401, 1)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ('{ env = "PAPER_OPERATOR", command = ["token"] }', "needs either 'env' or 'command'"),
        ("{}", "needs either 'env' or 'command'"),
        ('{ command = ["token"], sample = "sample-key-1" }', "'sample' goes with 'env'"),
        ('{ env = "PAPER_OPERATOR", refresh_seconds = 5 }', "'refresh_seconds' goes with 'command'"),
    ],
)
def test_what_does_not_go_together_is_said(tmp_path, new, words):
    with pytest.raises(ProfileError) as caught:
        small(tmp_path, '{ env = "PAPER_OPERATOR" }', new)
    assert f"actors.staff.operator: {words}" in str(caught.value)
