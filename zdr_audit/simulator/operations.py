"""An operation: one route with everything that is decided about it before its handler runs. The interface document is made from these."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from zdr_audit.simulator.context import CUSTOMER_ROLES, STAFF_ROLES, RequestContext
from zdr_audit.simulator.features import Feature, FeatureEndpoint

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

BODY_LIMIT = 32 * 1024 * 1024
ADMIN = frozenset({"admin"})
EVERYONE = CUSTOMER_ROLES | STAFF_ROLES


@dataclass
class Reply:
    """What a handler answers: a body (a shape, bytes, or None), or a stream of `(chunk, pause in seconds)`."""

    body: BaseModel | dict[str, Any] | bytes | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    stream: Callable[[], AsyncIterator[bytes]] | None = None


Handler = Callable[["Parts", RequestContext], Reply]


@dataclass(frozen=True)
class Operation:
    """`roles` None means open to all without a key. `concerns` finds the organization that the call is about, where that is neither the
    caller's own nor named in the path. `carries_content` says that bodies are prompts, answers or the like: subject to retention.
    `audit_type` is what a refused attempt is logged as. `also` lists further statuses without a body."""

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE", "HEAD"]
    path: str
    summary: str
    handler: Handler
    roles: frozenset[str] | None
    request: type[BaseModel] | None = None
    multipart: bool = False
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    media_type: str = "application/json"
    streams: bool = False
    errors: tuple[int, ...] = ()
    also: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()
    carries_content: bool = False
    versioned: bool = False
    audit_type: str | None = None
    concerns: Callable[[Parts, RequestContext], str | None] | None = None
    feature: Feature | None = None
    endpoint: FeatureEndpoint | None = None

    @property
    def takes_body(self) -> bool:
        return self.request is not None or self.multipart

    @property
    def needs_storage(self) -> bool:
        return self.feature is not None and self.endpoint is not None and self.feature.stores(self.endpoint)

    def documented_errors(self) -> list[int]:
        """Every error status that can come, in order."""
        found = set(self.errors)
        if self.roles is not None:
            found |= {401}
            if self.roles != EVERYONE or self.needs_storage:
                found |= {403}
        if self.takes_body:
            found |= {400, 413}
        if self.query is not None or self.versioned:
            found |= {400}
        if "{" in self.path or (self.query is not None and "after_id" in self.query.model_fields):
            found |= {404}
        return sorted(found)


def extra(operation: Operation) -> dict[str, Any]:
    """The extension fields of the operation in the interface document."""
    fields: dict[str, Any] = {}
    if operation.roles is not None:
        fields["x-zdr-roles"] = sorted(operation.roles)
    if operation.feature is not None:
        fields["x-zdr-feature"] = operation.feature.id
        fields["x-zdr-requires-storage"] = operation.needs_storage
    return fields
