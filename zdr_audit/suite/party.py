"""Who takes part in an audit: organizations of the target and the people and services that act for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from zdr_audit.profile.model import Profile
from zdr_audit.profile.token import Token
from zdr_audit.target.transport import auth_headers

Content = Literal["zdr", "standard", "exception", "not_covered", "none"]


class NotOffered(Exception):
    """The profile gives no means for something: an operation, a role, an organization."""


class NotThere(NotOffered):
    """The target does not have it, by the profile's own reason."""


@contextmanager
def at_will() -> Iterator[None]:
    """For a scenario that adds to what others of its controls show: where the profile gives no means for it, they rest on those alone."""
    try:
        yield
    except NotThere:
        raise
    except NotOffered as exc:
        raise NotThere(str(exc)) from exc


def not_offered(profile: Profile, need: str, said: str) -> NotOffered:
    """What to raise for a need that the profile does not meet: with its reason where it gives one."""
    reason = profile.why_absent(need)
    return NotOffered(said) if reason is None else NotThere(f"the target does not have '{need}': {reason}")


@dataclass(frozen=True)
class Actor:
    """One credential: `key` names it in the journal (`subject.member`), `secret` never leaves memory. `token` takes its place where a command gives it.
    `key_id` is what the target calls a key that was made for the run."""

    key: str
    role: str
    organization: str
    organization_id: str
    content: Content
    header: str
    secret: str = field(repr=False)
    email: str | None = None
    user: str | None = None
    prefix: str | None = None
    token: Token | None = field(default=None, repr=False, compare=False)
    key_id: str | None = None

    def headers(self) -> tuple[dict[str, str], str]:
        """The header that carries the credential as it is now, and the credential. Raises ProfileError where its command gives none."""
        secret = self.token.current() if self.token is not None else self.secret
        return auth_headers(self.header, secret, self.prefix), secret


OTHER_HEADER = {"x-api-key": "authorization", "authorization": "x-api-key"}
"""Newer clients bring a key as a bearer token, older ones in a header of its own; many a backend takes both."""


def in_the_other_header(actor: Actor) -> tuple[Actor, ...]:
    """The same credential as clients of another age bring it; none where it is given by a command or in a header of the target's own."""
    other = OTHER_HEADER.get(actor.header.lower()) if actor.token is None else None
    return (replace(actor, header=other, prefix=None),) if other else ()


@dataclass(frozen=True)
class Party:
    """An organization: `content` is the promise that holds now for what it sends to the model."""

    key: str
    id: str
    account: str | None
    content: Content
    actors: dict[str, Actor]

    def actor(self, role: str) -> Actor:
        if role not in self.actors:
            raise NotOffered(f"no credential for the role '{role}' of the organization '{self.key}'")
        return replace(self.actors[role], content=self.content)

    @property
    def member(self) -> Actor:
        return self.actor("member")

    @property
    def admin(self) -> Actor:
        return self.actor("admin")

    def under(self, content: Content) -> Party:
        """The same organization after its promise changed."""
        return replace(self, content=content)

    def with_actor(self, actor: Actor) -> Party:
        return replace(self, actors=self.actors | {actor.role: actor})
