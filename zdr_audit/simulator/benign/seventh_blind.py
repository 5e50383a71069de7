"""Variants of a seventh blind list: less is kept and less is offered than the promise allows, and lists end in another way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.directory import new_id
from zdr_audit.simulator.errors import ConflictError, PolicyError
from zdr_audit.simulator.operations import Handler, Reply
from zdr_audit.simulator.schemas.messages import PromptFields
from zdr_audit.simulator.tables import User
from zdr_audit.simulator.violations import alter, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Page = tuple[list[dict[str, Any]], bool]


def log_ends_with_an_empty_page(parts: Parts) -> None:
    """A full page of the log says that there is more; where there is not, the next one is empty."""

    def make(read: Callable[[str, str | None, int], Page | None]) -> Callable[[str, str | None, int], Page | None]:
        def read_page(organization_id: str, after_id: str | None, limit: int) -> Page | None:
            found = read(organization_id, after_id, limit)
            return found and (found[0], len(found[0]) == limit)

        return read_page

    wrap(parts.audit, "list", make)


def one_model_refuses_zdr(parts: Parts, model: str) -> None:
    """A model that needs its prompts to be stored refuses organizations under ZDR, by the policy."""

    def make(handler: Handler) -> Handler:
        def refuse_or_answer(those: Parts, ctx: RequestContext) -> Reply:
            if ctx.zdr and ctx.body(PromptFields).model == model:
                raise PolicyError(
                    "This model is not available: your organization's policy (custom data retention settings) does not allow it."
                )
            return handler(those, ctx)

        return refuse_or_answer

    for name in ("messages.create", "messages.count_tokens"):
        alter(parts, name, handler=make)


def chat_of_zdr_organizations_is_not_kept(parts: Parts) -> None:
    """Chat and Cowork are not covered, and may be kept; of organizations under ZDR they are answered and no more."""

    def make(send: Callable[[RequestContext, str, str], tuple[str, str]]) -> Callable[[RequestContext, str, str], tuple[str, str]]:
        def send_or_answer(ctx: RequestContext, service: str, text: str) -> tuple[str, str]:
            if parts.workflow.enabled(ctx.organization):
                return new_id(service), parts.model.answer(text)
            return send(ctx, service, text)

        return send_or_answer

    wrap(parts.outside, "send", make)


def limits_are_always_sent_whole(parts: Parts) -> None:
    """Policy limits have no validators: each client that asks gets them whole."""

    def make(handler: Handler) -> Handler:
        def send_whole(those: Parts, ctx: RequestContext) -> Reply:
            ctx.headers.pop("if-none-match", None)
            return Reply(handler(those, ctx).body)

        return send_whole

    alter(parts, "policy_limits.read", handler=make, also=(), headers=())


def inference_under_zdr_is_not_logged(parts: Parts) -> None:
    """Inference under ZDR is counted and charged; it has neither a line in the log nor a span."""

    def make(record: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def record_less(ctx: RequestContext) -> None:
            if not (ctx.inferred and ctx.zdr):
                record(ctx)
                return
            with parts.stores.write() as session:
                parts.cost.charge(session, ctx)
                parts.exceptions.record(session, ctx)

        return record_less

    wrap(parts.retention, "record", make)


def an_address_is_of_one_user(parts: Parts) -> None:
    """An address can be of one user alone, of whichever organization; whoever adds one that is known elsewhere is told so."""

    def make(create: Callable[..., User]) -> Callable[..., User]:
        def create_user(caller: Caller, organization_id: str, email: str, *rest: Any, **more: Any) -> User:
            if parts.stores.first(select(User.id).where(User.email == email)) is not None:
                raise ConflictError("A user with that email exists already.", reason="email_taken")
            return create(caller, organization_id, email, *rest, **more)

        return create_user

    wrap(parts.directory, "create_user", make)
