"""Which dialect a profile asks for: one of ours, or one that an installed package adds by the entry point group `zdr_audit.dialects`."""

from __future__ import annotations

from collections.abc import Callable

from zdr_audit.extension import ExtensionError, extensions
from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import Profile
from zdr_audit.target.dialects.anthropic import AnthropicMessages
from zdr_audit.target.dialects.base import Dialect
from zdr_audit.target.dialects.generic_json import KNOWN_NAMES, GenericJsonDialect, templates_of, unknown_names
from zdr_audit.target.dialects.openai_chat import OpenAIChat
from zdr_audit.target.dialects.openai_responses import OpenAIResponses

GROUP = "zdr_audit.dialects"
Make = Callable[[Profile], Dialect]


def _generic(profile: Profile) -> Dialect:
    if profile.generic is None:
        raise ProfileError("target.dialect: 'generic-json' needs the section 'generic'")
    counting = profile.operations.get("messages.count_tokens")
    counted = counting.body if counting is not None else None
    for where, templates in (("generic", templates_of(profile.generic)), ("operations.messages.count_tokens.body", [counted])):
        if unknown := unknown_names(*templates):
            raise ProfileError(f"{where}: no such name: {', '.join(f'{{{name}}}' for name in unknown)} (allowed: {', '.join(KNOWN_NAMES)})")
    return GenericJsonDialect(profile.generic, counted)


def _chat(profile: Profile) -> Dialect:
    asked = profile.inference
    return OpenAIChat(asked.max_tokens, asked.extra, asked.max_tokens_key)


DIALECTS: dict[str, Make] = {
    AnthropicMessages.name: lambda profile: AnthropicMessages(profile.inference.max_tokens, profile.inference.extra),
    OpenAIChat.name: _chat,
    OpenAIResponses.name: lambda profile: OpenAIResponses(profile.inference.max_tokens, profile.inference.extra),
    GenericJsonDialect.name: _generic,
}


def dialect_of(profile: Profile) -> Dialect:
    """The dialect of the target. Raises ProfileError for one that nobody offers, or whose settings do not fit."""
    name = profile.target.dialect
    try:
        known: dict[str, Make] = extensions(GROUP) | DIALECTS
    except ExtensionError as exc:
        raise ProfileError(f"target.dialect: {exc}") from None
    if name not in known:
        raise ProfileError(f"target.dialect: no dialect '{name}' (known: {', '.join(sorted(known))})")
    return known[name](profile)
