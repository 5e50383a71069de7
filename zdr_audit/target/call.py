"""The shape of a call of the profile (an operation, an endpoint of a feature) that carries content: what can be taken away from it, and what it is in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from zdr_audit.target.prune import Path, leaves, only, said
from zdr_audit.target.shape import Feature, Features
from zdr_audit.target.template import names

MEMBER = "member"
PARTS = ("body", "multipart", "query")


class Call(BaseModel):
    """One call. `content` are the paths of the leaves that hold content, `fields` those of the others, each path begun with the part of the request
    that it is in; `form` is another way of writing, framing or signing it, `form_words` what that is; `role` is whose credential it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operation: str
    title: str
    method: str
    path: str
    content: tuple[Path, ...]
    fields: tuple[Path, ...] = ()
    form: str | None = None
    form_words: str = ""
    role: str = MEMBER

    def features(self) -> Features:
        """What the call has beyond an empty request to its endpoint."""
        found = {Feature("content", path) for path in self.content} | {Feature("field", path) for path in self.fields}
        found |= {Feature("form", self.form)} if self.form else set()
        return frozenset(found | ({Feature("role", self.role)} if self.role != MEMBER else set()))

    def least(self) -> tuple[Features, ...]:
        """The smallest calls that could leak: content in one place, and nothing else."""
        return tuple(frozenset({Feature("content", path)}) for path in self.content)

    def having(self, chosen: Features) -> Call:
        """The call that has these features alone."""
        form = any(f.name == "form" for f in chosen)
        return self.model_copy(
            update={
                "content": tuple(path for path in self.content if Feature("content", path) in chosen),
                "fields": tuple(path for path in self.fields if Feature("field", path) in chosen),
                "form": self.form if form else None,
                "form_words": self.form_words if form else "",
                "role": self.role if any(f.name == "role" for f in chosen) else MEMBER,
            }
        )


def described(parts: Mapping[str, Any], operation: str, title: str, method: str, path: str) -> Call:
    """The plain call that a template is (`parts`: body, multipart and query of it)."""
    found = [((name, *at), value) for name in PARTS if parts.get(name) for at, value in leaves(parts[name])]
    content = tuple(at for at, value in found if "canary" in names(value))
    return Call(
        operation=operation,
        title=title,
        method=method,
        path=path,
        content=content,
        fields=tuple(at for at, _ in found if at not in content),
    )


def pruned(parts: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """The parts of a template with what the call has left of them. A body without any leaf is none."""
    kept = {name: [at[1:] for at in (*call.content, *call.fields) if at[0] == name] for name in PARTS}
    left = {name: only(parts[name], paths) if paths else None for name, paths in kept.items()}
    return left | {"query": left["query"] or {}}


def words(call: Call) -> str:
    """The call in words: `one request to POST /v1/files (Files) with content in file`."""
    where = ", ".join(said(path[1:]) for path in call.content)
    text = f"one request to {call.method} {call.path}" + (f" ({call.title})" if call.title else "") + f" with content in {where}"
    more = [f"the field {said(path[1:])}" for path in call.fields]
    text += f", and with {', '.join(more)}" if more else ""
    text += f", sent in another form ({call.form_words})" if call.form else ""
    return text + (f", with the credential of the {call.role}" if call.role != MEMBER else "")
