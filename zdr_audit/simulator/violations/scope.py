"""Violations of the rule that ZDR belongs to one organization, and of the scope of the promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from zdr_audit.simulator.cache import Prefix
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.tables import CacheRow, Organization, OutsideMessage, ZdrRequest
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Step = Callable[[Caller, str, str], Any]


def account_decides(parts: Parts) -> None:
    """A new organization starts with ZDR where its account has an organization under ZDR."""

    def inherited(session: Session, account_id: str) -> str | None:
        return session.scalars(
            select(Organization.zdr_since).where(Organization.account_id == account_id, Organization.zdr_since.is_not(None))
        ).first()

    wrap(parts.directory, "inherited_zdr", lambda _inherited: inherited)


def _enabling_reaches(parts: Parts, others: Callable[[Session, Organization], Iterable[Organization]]) -> None:
    """Enabling an organization also switches ZDR on for others that are found by it."""

    def make(enable: Step) -> Step:
        def enable_more(caller: Caller, request_id: str, reference: str) -> ZdrRequest:
            row: ZdrRequest = enable(caller, request_id, reference)
            with parts.stores.write() as session:
                enabled = session.get_one(Organization, row.organization_id)
                for other in others(session, enabled):
                    other.zdr_since = other.zdr_since or enabled.zdr_since
            return row

        return enable_more

    wrap(parts.workflow, "enable", make)


def newest_is_enabled_too(parts: Parts) -> None:
    """Enabling also switches ZDR on for the organization that the account's console has open: its newest."""

    def newest(session: Session, enabled: Organization) -> Iterable[Organization]:
        mine = select(Organization).where(Organization.account_id == enabled.account_id)
        return session.scalars(mine.order_by(Organization.created_at.desc()).limit(1))

    _enabling_reaches(parts, newest)


def the_name_is_enabled(parts: Parts) -> None:
    """Enabling switches ZDR on for every organization of that name: the switch is kept by name."""
    _enabling_reaches(parts, lambda session, enabled: session.scalars(select(Organization).where(Organization.name == enabled.name)))


def disabling_reaches_a_sibling(parts: Parts) -> None:
    """Disabling also takes ZDR from the sibling that was enabled last."""

    def make(disable: Step) -> Step:
        def disable_both(caller: Caller, organization_id: str, reference: str) -> None:
            disable(caller, organization_id, reference)
            with parts.stores.write() as session:
                account = session.get_one(Organization, organization_id).account_id
                enabled = select(Organization).where(Organization.account_id == account, Organization.zdr_since.is_not(None))
                last = session.scalars(enabled.order_by(Organization.zdr_since.desc())).first()
                if last is not None:
                    last.zdr_since = None

        return disable_both

    wrap(parts.workflow, "disable", make)


def first_of_account_alone(parts: Parts) -> None:
    """The decision to keep is remembered by account, for the first organization that was enabled: a second one is kept."""

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def forgetful(ctx: RequestContext) -> bool:
            if ctx.caller is None or ctx.operation is None or not ctx.operation.carries_content:
                return False
            if keeps(ctx) or not parts.workflow.enabled(ctx.organization):
                return keeps(ctx)
            with parts.stores.read() as session:
                mine = session.get_one(Organization, ctx.organization)
                enabled = select(Organization.id).where(Organization.account_id == mine.account_id, Organization.zdr_since.is_not(None))
                return session.scalars(enabled.order_by(Organization.zdr_since)).first() != mine.id

        return forgetful

    wrap(parts.retention, "keeps", make)


def claims_more(parts: Parts, covered: str) -> None:
    """The statement of scope says that something outside is covered."""

    def make(statement: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
        def broad(organization_id: str) -> dict[str, Any]:
            said = statement(organization_id)
            said["covers"].append(covered)
            said["not_covered"].remove(covered)
            return said

        return broad

    wrap(parts.scope, "statement", make)


def outside_messages_never_expire(parts: Parts, service: str) -> None:
    """Messages of one service outside ZDR are kept for ever."""

    def make(send: Callable[[RequestContext, str, str], tuple[str, str]]) -> Callable[[RequestContext, str, str], tuple[str, str]]:
        def send_for_ever(ctx: RequestContext, asked: str, text: str) -> tuple[str, str]:
            message_id, answer = send(ctx, asked, text)
            if asked == service:
                with parts.stores.write() as session:
                    session.get_one(OutsideMessage, message_id).expires_at = parts.clock.stamp(days=36_500)
            return message_id, answer

        return send_for_ever

    wrap(parts.outside, "send", make)


def cache_rows_are_for_all(parts: Parts) -> None:
    """A stored beginning counts for whoever sends the same."""

    def make(holds: Callable[[Prefix, RequestContext], bool]) -> Callable[[Prefix, RequestContext], bool]:
        def anybodys(prefix: Prefix, ctx: RequestContext) -> bool:
            with parts.stores.cached() as session:
                found = session.scalars(select(CacheRow.key).where(CacheRow.key == parts.cache._row_key(prefix.text, ctx))).first()
            return found is not None or holds(prefix, ctx)

        return anybodys

    wrap(parts.cache, "holds", make)


def cache_in_memory_is_for_all(parts: Parts) -> None:
    """A beginning that is counted in memory counts for whoever sends the same under ZDR."""

    def make(mark: Callable[[Prefix, RequestContext], bytes]) -> Callable[[Prefix, RequestContext], bytes]:
        return lambda prefix, ctx: mark(prefix, replace(ctx, caller=replace(ctx.known_caller, organization_id="everybody")))

    wrap(parts.cache, "_mark", make)
