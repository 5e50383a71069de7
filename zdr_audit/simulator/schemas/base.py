"""Bases of all shapes: requests are strict (JSON types as they are), answers are built by us."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

# No control characters: these texts reach the audit log and the databases of more than one dialect.
PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
Reference = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PLAIN)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PLAIN)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_-]+$")]
SessionId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 2.0 is a whole number too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)


class Request(BaseModel):
    """A request body or query. Unknown fields are accepted and ignored, as the real interface does."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


class Query(BaseModel):
    """Query parameters: text that is converted."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Answer(BaseModel):
    """An answer body."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(Answer):
    type: Literal[
        "invalid_request_error",
        "authentication_error",
        "billing_error",
        "permission_error",
        "not_found_error",
        "conflict_error",
        "request_too_large",
        "rate_limit_error",
        "api_error",
        "timeout_error",
        "overloaded_error",
    ]
    message: str
    details: dict[str, Any] | None = None


class ErrorEnvelope(Answer):
    """Every error answer. `message` never quotes the request."""

    type: Literal["error"] = "error"
    error: ErrorBody
    request_id: str


class Paging(Query):
    """Paging through a list: at most `limit` items after the one with id `after_id`."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after_id: Identifier | None = None


class Page(Answer):
    has_more: bool
    first_id: str | None = None
    last_id: str | None = None
