"""What the sections of a profile are made of: names, pointers into answers, addresses."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

import jsonpath
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]


def _is_query(where: str) -> str:
    if where.startswith("$"):
        try:
            jsonpath.compile(where)
        except jsonpath.JSONPathError as exc:
            raise ValueError(f"is no JSONPath: {str(exc).splitlines()[0]}") from None
    return where


Pointer = Annotated[str, StringConstraints(pattern=r"^([/$].*)?$"), AfterValidator(_is_query)]
"""Where a value stands in an answer: a JSON pointer, or, where it begins with `$`, a JSONPath, of which the first match counts."""
OF_THE_REQUEST = "={org}"
Place = Annotated[str, StringConstraints(pattern=r"^([/$].*|=\{org\})?$"), AfterValidator(_is_query)]
"""Where a value stands in an entry of a list, as a pointer; or `={org}`: it is the organization that the list was asked for."""
Member = Annotated[str, StringConstraints(pattern=r"^(/[^/]+)+$")]
"""A member of a JSON object that is sent, as a JSON pointer: `/conversation/id`. What it stands in is made where it is not there."""
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
StatusCode = Annotated[int, Field(ge=100, le=599)]
_ORIGIN = r"^https?://[^/\s?#@\\]+"
# Below a path, as gateways serve several providers. No `..`, which would lead out of it, and no sign that needs an escape.
_BASE_URL = _ORIGIN + r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~%+:-]+)*/?$"


CLOSED = ConfigDict(frozen=True, extra="forbid")
"""Of every section: what is not known is an error."""


class Closed(BaseModel):
    """A section of a profile."""

    model_config = CLOSED


def has_password(url: str) -> bool:
    try:
        return bool(urlsplit(url).password) or "password" in url.lower()
    except ValueError:
        return "@" in url or "password" in url.lower()


def usable_url(url: str) -> str:
    """The URL itself. Raises ValueError where it is no address of a target."""
    if not _fits(_BASE_URL, url):
        raise ValueError("should be http:// or https://, a host, perhaps a port and a path, without user or query")
    return url


def usable_origin(url: str) -> str:
    """The URL itself. Raises ValueError where it is no plain origin."""
    if not _fits(_ORIGIN + "/?$", url):
        raise ValueError("should be http:// or https://, a host and perhaps a port, without user, path or query")
    return url


def _fits(pattern: str, url: str) -> bool:
    try:
        return bool(re.search(pattern, url) and urlsplit(url).hostname and urlsplit(url).port != 0)
    except ValueError:  # a port or an IPv6 address that is none
        return False


TEMPLATE_NAME = re.compile(r"\{([a-z][a-z0-9_]*)(?::number)?\}")
"""`{org}`; `{org:number}` where the target wants a number of what is a text here."""


def names(template: Any) -> set[str]:
    """All names a template uses."""
    if isinstance(template, str):
        return set(TEMPLATE_NAME.findall(template))
    if isinstance(template, list | tuple):
        return {n for item in template for n in names(item)}
    if isinstance(template, dict):
        return {n for k, v in template.items() for n in names(k) | names(v)}
    return set()


# In the file it may still be a variable.
Address = Annotated[str, AfterValidator(usable_url), Field(json_schema_extra={"pattern": rf"{_BASE_URL}|\$\{{.+\}}"})]
