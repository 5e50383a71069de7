"""Bodies and answers of other shapes: a body of its own for counts, a session in a body, limits in other words. A mistake is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_profiles import SMALL, small, write

from zdr_audit.profile.load import ProfileError, load
from zdr_audit.target.dialects.registry import dialect_of

COUNT = '[operations."messages.count_tokens"]\nmethod = "POST"\npath = "/count"\n'
LIMITS = '[operations."policy_limits.read"]\nmethod = "GET"\npath = "/limits"\n'
GENERIC = 'dialect = "generic-json"\n\n[generic]\nbody = { ask = "{text}" }\nanswer = "/said"\n'
STATES = 'extract = { states = "/features" }\n'
ITEMS = 'items = "/features"\nfields = { feature = "/name", state = "/on" }\n'
WHERE = "profile: operations.policy_limits.read:"

CASES = {
    "two ways at once": (
        'extract = { closed = "/off", open = "/on" }\n',
        f"{WHERE} 'closed' and 'open' both say what is closed; give one",
    ),
    "a list beside an object": (
        'extract = { restrictions = "/r" }\n' + ITEMS,
        f"{WHERE} 'restrictions' and 'feature' both say what is closed; give one",
    ),
    "other words for allowed": (
        'extract = { restrictions = "/r" }\nmeans = { restrictions = { closed = ["off"] } }\n',
        f"{WHERE} 'means' says nothing of 'restrictions', where 'allowed' is true or false; for other words give 'states'",
    ),
    "states without words": (
        STATES,
        f"{WHERE} 'states' needs means = {{ states = {{ closed = [...], open = [...] }} }}: 'closed' is missing",
    ),
    "states with half of the words": (
        STATES + 'means = { states = { closed = ["off"] } }\n',
        f"{WHERE} 'states' needs means = {{ states = {{ closed = [...], open = [...] }} }}: 'open' is missing",
    ),
    "states with a word of another kind": (
        STATES + 'means = { states = { closd = ["off"], open = ["on"] } }\n',
        f"{WHERE} 'means' of 'states' has 'closd' (allowed: closed, open)",
    ),
    "a word for both": (
        STATES + 'means = { states = { closed = ["off", 1], open = [true, "off"] } }\n',
        f"{WHERE} 'means' of 'states' has 'off' for closed and for open",
    ),
    "a list without its words": (
        ITEMS,
        f"{WHERE} 'state' needs means = {{ state = {{ closed = [...], open = [...] }} }}: 'closed' is missing",
    ),
    "a list without names": (
        'items = "/features"\nfields = { state = "/on" }\n',
        f"{WHERE} 'items' needs 'feature' and 'state' in 'fields'",
    ),
    "fields of no list": (
        'fields = { feature = "/name", state = "/on" }\n',
        f"{WHERE} 'feature' and 'state' in 'fields' need 'items': where the list is",
    ),
}


def said(folder: Path, text: str) -> str:
    """The line about a profile, without its file."""
    path = write(folder, text)
    with pytest.raises(ProfileError) as caught:
        dialect_of(load(str(path), {}).profile)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(("what", "words"), CASES.values(), ids=CASES)
def test_limits_that_nobody_could_read_are_a_line(tmp_path: Path, what: str, words: str) -> None:
    assert said(tmp_path, SMALL.replace("[features.feedback]", f"{LIMITS}{what}[features.feedback]")) == words


@pytest.mark.parametrize(
    "what",
    [
        "",
        'extract = { restrictions = "/r", taints = "/t" }\n',
        'extract = { closed = "/off" }\nmeans = { closed = { allow_feedback = ["feedback"] } }\n',
        'extract = { open = "/on" }\n',
        STATES + 'means = { states = { closed = ["off", 0], open = ["on", 1, true] } }\n',
        ITEMS + "means = { state = { closed = [false], open = [true] } }\n",
    ],
)
def test_limits_of_each_way_are_right(tmp_path: Path, what: str) -> None:
    assert small(tmp_path, "[features.feedback]", f"{LIMITS}{what}[features.feedback]").profile.name == "paper"


def generic(more: str, *, inference: str = "") -> str:
    """The small profile with inference in JSON of its own."""
    text = SMALL.replace('platform = "gateway"\n', f'platform = "gateway"\n{GENERIC}').replace(
        'path = "/v1/messages"\n', f'path = "/v1/messages"\n{inference}'
    )
    return text.replace("[features.feedback]", f"{more}[features.feedback]")


def test_a_count_of_tokens_has_a_body_of_its_own(tmp_path: Path) -> None:
    body = 'body = { speech = "{text}", of = "{document}", model = "{model}" }\nsession = "/talk/id"\n'
    profile = load(str(write(tmp_path, generic(COUNT + body))), {}).profile
    dialect = dialect_of(profile)
    assert dialect.features & {"system", "document", "session"} == set()
    assert dialect.counts_by.features & {"message", "document", "wrong:unknown_model"} == {"message", "document", "wrong:unknown_model"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("more", "inference", "words"),
    [
        (
            COUNT + 'body = { speech = "all" }\n',
            "",
            "profile: operations.messages.count_tokens: 'body' needs '{text}' where the user's words go",
        ),
        (COUNT + 'body = "{text}"\n', "", "profile: operations.messages.count_tokens: 'body' needs '{text}' where the user's words go"),
        (
            "",
            'body = { ask = "{text}" }\n',
            "profile: operations.messages.create: has no body of its own: the section 'generic' says what it is",
        ),
        (
            COUNT + 'body = { ask = "{text}", talk = "{session}" }\nsession = "/talk"\n',
            "",
            "profile: operations.messages.count_tokens: 'session' and '{session}' in the body both name the session; give one",
        ),
        (
            COUNT + 'body = { ask = "{text} {txt}" }\n',
            "",
            "operations.messages.count_tokens.body: no such name: {txt} (allowed: text, model, stream, session, ",
        ),
    ],
)
def test_a_body_that_cannot_be_right_is_a_line(tmp_path: Path, more: str, inference: str, words: str) -> None:
    assert said(tmp_path, generic(more, inference=inference)).startswith(words)


def test_where_the_dialect_knows_the_body_the_profile_gives_none(tmp_path: Path) -> None:
    text = SMALL.replace("[features.feedback]", COUNT + 'body = { ask = "{text}" }\n[features.feedback]')
    words = "profile: operations.messages.count_tokens: has no body of its own: it is that of the dialect 'anthropic-messages'"
    assert said(tmp_path, text) == words


def test_a_session_is_named_by_inference_and_features_alone(tmp_path: Path) -> None:
    named = 'body = { text = "{canary}" }\nsession = "/about/talk"\n'
    profile = small(tmp_path, 'body = { text = "{canary}" }\n', named).profile
    assert profile.features["feedback"].endpoints[0].session == "/about/talk"
    other = SMALL.replace("[features.feedback]", f'{LIMITS}session = "/talk"\n[features.feedback]')
    words = "'session' is for messages.count_tokens, messages.create and the endpoints of features"
    assert said(tmp_path, other) == f"profile: operations.policy_limits.read: {words}"
    said_wrong = said(tmp_path, SMALL.replace('path = "/v1/messages"\n', 'path = "/v1/messages"\nsession = "talk"\n'))
    assert said_wrong.startswith("operations.messages.create.session: String should match pattern")
