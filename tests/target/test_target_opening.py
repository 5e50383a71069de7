"""A common beginning of prompts: the same whoever sends it, ahead of everything else; and what answers say was read from a cache."""

from __future__ import annotations

import json

import pytest

from zdr_audit.target.dialects import content
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.dialects.openai_chat import OpenAIChat
from zdr_audit.target.dialects.openai_responses import OpenAIResponses
from zdr_audit.target.stimulus import Stimulus

DIALECTS = (AnthropicMessages(), OpenAIChat(), OpenAIResponses())
each = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
ANSWERS = {
    "anthropic-messages": lambda usage: {
        "type": "message",
        "content": [{"type": "text", "text": "yes"}],
        "stop_reason": "end_turn",
        "usage": {"cache_read_input_tokens": usage},
    },
    "openai-chat": lambda usage: {
        "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens_details": {"cached_tokens": usage}},
    },
    "openai-responses": lambda usage: {
        "status": "completed",
        "output": [{"content": [{"type": "output_text", "text": "yes"}]}],
        "usage": {"input_tokens_details": {"cached_tokens": usage}},
    },
}


def sent(dialect, name, canary):
    places = {"system": canary}
    stimulus = Stimulus(opening=name, places=frozenset(places))
    return dialect.render(stimulus, "model", places, (), 1 << 20).body.decode()


@each
def test_two_who_send_the_same_opening_send_the_same_bytes_up_to_their_own(dialect):
    one, two, other = (
        sent(dialect, "edition-1", "canary-one"),
        sent(dialect, "edition-1", "canary-two"),
        sent(dialect, "edition-2", "canary-one"),
    )
    opening = json.dumps(content.opening("edition-1"))[1:-1]
    assert len(opening) > 20_000, "shorter ones are not cached"
    assert opening in one and one.index(opening) < one.index("canary-one")
    assert one[: one.index("canary-one")] == two[: two.index("canary-two")]
    assert opening not in other


@each
@pytest.mark.parametrize(("said", "read"), [(0, 0), (4096, 4096), (None, None), ("many", None), (True, None)])
def test_what_was_read_from_a_cache_is_taken_from_the_usage(dialect, said, read):
    body = json.dumps(ANSWERS[dialect.name](said)).encode()
    found = dialect.parse(200, "application/json", body, streamed=False)
    assert found.ok and found.cached == read
