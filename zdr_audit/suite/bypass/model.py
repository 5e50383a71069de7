"""The shape of the bypass corpus: each form is one other way of writing, framing or signing the same feature request."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Group = Literal["path", "method", "indirect", "claim", "header", "body", "credential", "connection"]
Reshape = Literal[
    "same",
    "gzip",
    "deflate",
    "utf-16",
    "bom",
    "escaped",
    "padded",
    "listed",
    "lines",
    "quoted",
    "doubled keys",
    "upper keys",
    "form",
    "multipart",
    "large",
    "empty",
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Line = Annotated[
    tuple[str, str], Field(description="A header line: name and value; values may hold {path}, {method}, {own}, {other}, {long}.")
]


class Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Form(Closed):
    """One form. What it does not name stays as the endpoint has it.

    `path` is a template over {path}, {parent}, {last}, {upper}, {capital}, {swapped}, {encoded}, {encoded_all}, {encoded_lower},
    {twice}, {bare}, {host} and the values of lines; `lines`
    are header lines added after the request's own, doubled ones too; `drop` takes some of its own away; `body` reshapes it; `before` sends a
    harmless request first on the same connection, with the own credential or that of the organization without ZDR; `role` is whose
    credential it is, `scheme` in which header it goes. `reads`: it is tried where a feature is read, not where it is begun.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z0-9]+)+$")]
    group: Group
    title: Text
    method: Annotated[str, StringConstraints(pattern=r"^[A-Z]+$")] | None = None
    path: Annotated[str, StringConstraints(pattern=r"^(/|\{)")] | None = None
    lines: tuple[Line, ...] = ()
    drop: tuple[Text, ...] = ()
    body: Reshape = "same"
    media_type: str | None = None
    version: Literal["1.0", "1.1"] = "1.1"
    chunked: bool = False
    before: Literal["own", "other"] | None = None
    pipelined: bool = False
    role: Text = "member"
    scheme: Literal["own", "authorization", "x-api-key", "both"] = "own"
    reads: bool = False


class Corpus(Closed):
    """The file: all forms."""

    form: Annotated[tuple[Form, ...], Field(min_length=1)]
