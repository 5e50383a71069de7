"""What a target can be asked: calls as templates, and the features that they make up."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from zdr_audit.profile.base import Closed, Member, Name, Place, Pointer, StatusCode


class Page(Closed):
    """How a list is paged: the query parameter that takes the cursor, pointers to the cursor and to the 'more' flag, and the parameter, if there is one, for
    how many entries a page may have."""

    parameter: str
    cursor: Pointer
    more: Pointer
    size: str | None = None


class Sign(Closed):
    """What an answer must say beside its status: one of the `values` at the pointer, or one of the `words` in the text there. With neither, that there is
    something at all."""

    pointer: Pointer
    values: tuple[Any, ...] = ()
    words: tuple[str, ...] = ()


class Refusal(Closed):
    """What counts as a policy refusal: one of the statuses, one of the types at the pointer (no types: any), and one of the words in the text at
    `text_pointer` or `code_pointer`."""

    status: tuple[StatusCode, ...] = (403,)
    type_pointer: Pointer = "/error/type"
    types: tuple[str | int, ...] = ("permission_error",)
    text_pointer: Pointer = "/error/message"
    words: tuple[str, ...] = (
        "polic", "retention", "zero data", "zdr", "richtlinie", "politique", "política", "politica", "beleid", "polityk", "политик",
        "ポリシー", "정책", "政策", "策略",
    )  # fmt: skip
    code_pointer: Pointer = "/error/details/error_code"


class Operation(Closed):
    """One call that the suites can make. `by` is the role entitled to it; `changes` marks what alters the target and so needs permission.

    `accepted` and `accepted_when` say together what success is; `refusal` takes the place of the profile's rule for policy refusals.
    `means` says, for a name in `extract` or `fields`, our word and what the target says for it: `{ status = { enabled = [true] } }`.
    `creates` is the name in `extract` that identifies what the call makes in the target, `cleanup` the operation that removes it again.
    `also` names the further step that the call does by itself: with some providers the approval enables.
    `session` says which member of the body names the session, of inference and of features: requests that belong to none go without it.
    """

    method: Annotated[str, StringConstraints(pattern=r"^[A-Z]+$")]
    path: Annotated[str, StringConstraints(pattern=r"^/")]
    by: str = "member"
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: Any = None
    multipart: dict[str, str] | None = None
    accepted: tuple[StatusCode, ...] = (200, 201, 202, 204)
    accepted_when: Sign | None = None
    refused: tuple[StatusCode, ...] = ()
    refusal: Refusal | None = None
    extract: dict[str, Pointer] = {}
    items: Pointer | None = None
    fields: dict[str, Place] = {}
    means: dict[str, dict[str, tuple[Any, ...]]] = {}
    secret: tuple[str, ...] = ()
    page: Page | None = None
    changes: bool = False
    creates: Name | None = None
    cleanup: Name | None = None
    also: tuple[Name, ...] = ()
    session: Member | None = None

    @model_validator(mode="after")
    def _made(self) -> Operation:
        if self.creates and (self.creates not in self.extract or self.creates in self.secret):
            raise ValueError(f"'creates' names '{self.creates}', which must be in 'extract' and not in 'secret'")
        if self.cleanup and not self.creates:
            raise ValueError("'cleanup' needs 'creates': what is to be removed")
        if strange := sorted(set(self.means) - set(self.extract) - set(self.fields)):
            raise ValueError(f"'means' speaks of '{strange[0]}', which is neither in 'extract' nor in 'fields'")
        return self

    def without(self, names: Collection[str]) -> Self:
        """The same call without the query parameters and headers of these names."""
        less = {part: {k: v for k, v in getattr(self, part).items() if k not in names} for part in ("query", "headers")}
        return self.model_copy(update=less) if names else self

    def read(self, name: str, value: Any) -> Any:
        """A value out of an answer in our words, as it is where `means` says nothing of it; of a list each item."""
        if isinstance(value, list) and name in self.means and not any(value in said for said in self.means[name].values()):
            return [self.read(name, item) for item in value]
        for word, said in self.means.get(name, {}).items():
            if any(type(value) is type(other) and value == other for other in said):
                return word
        return value


class FeatureEndpoint(Operation):
    """An endpoint of a feature that needs storage. `helper` marks those beside the main ones; `carries` those whose body carries content."""

    name: Name
    helper: bool = False
    carries: bool = True
    continues: bool = False

    @property
    def begins(self) -> bool:
        """What a feature is begun with: content goes in, and nothing from before is needed."""
        return self.carries and not self.helper and not self.continues


class Feature(Closed):
    """A feature that needs storage, as the set of its endpoints in order of use. `examples` fills names that earlier answers did not give."""

    title: str
    named_in_policy: bool = False
    restriction: str | None = None
    examples: dict[str, str] = {}
    endpoints: Annotated[tuple[FeatureEndpoint, ...], Field(min_length=1)]

    @property
    def first(self) -> FeatureEndpoint:
        """What it is begun with, also where no content goes in there (an export, say)."""
        main = [e for e in self.endpoints if not e.helper and not e.continues]
        return next((e for e in main if e.begins), (main or self.endpoints)[0])
