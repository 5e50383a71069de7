"""Violations that show when the service ends and begins anew: what was in memory alone is lost, and what a start reads may be old."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from zdr_audit.simulator.bootstrap import ORGANIZATIONS
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.tables import ApiKey, Organization, ZdrRequest
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

SHIPPED = [f"org_{name}" for name in ORGANIZATIONS]


def _at_a_later_start(parts: Parts, change: Callable[[Session], None]) -> None:
    """Whatever is done to the stores when a service begins over those of an earlier life."""

    def make(run: Callable[[], None]) -> Callable[[], None]:
        def run_and_change() -> None:
            run()
            with parts.stores.write() as session:
                change(session)

        return run_and_change

    wrap(parts.recovery, "run", make)


def start_reads_an_old_list(parts: Parts) -> None:
    """A start writes the list of its configuration into the database: who was enabled since that was made is without ZDR."""

    def forget(session: Session) -> None:
        for row in session.scalars(select(Organization).where(Organization.id.not_in(SHIPPED))):
            row.zdr_since = None

    _at_a_later_start(parts, forget)


def start_brings_zdr_back(parts: Parts) -> None:
    """A start goes through what was ever enabled, and enables it again."""

    def enable_again(session: Session) -> None:
        for row in session.scalars(select(ZdrRequest).where(ZdrRequest.status == "disabled")):
            organization = session.get_one(Organization, row.organization_id)
            organization.zdr_since = organization.zdr_since or row.created_at

    _at_a_later_start(parts, enable_again)


def start_revives_keys(parts: Parts) -> None:
    """Which keys are revoked is a list in memory; a start has none."""

    def revive(session: Session) -> None:
        for row in session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_not(None))):
            row.revoked_at = None

    _at_a_later_start(parts, revive)


def _enabled_in_this_life(parts: Parts) -> tuple[set[str], set[str]]:
    """(organizations that were enabled since the start, those enabled before it)."""
    now: set[str] = set()
    before: set[str] = set()

    def make(enable: Callable[[Caller, str, str], Any]) -> Callable[[Caller, str, str], Any]:
        def noted(caller: Caller, request_id: str, reference: str) -> Any:
            row = enable(caller, request_id, reference)
            now.add(row.organization_id)
            return row

        return noted

    def find(session: Session) -> None:
        before.update(session.scalars(select(Organization.id).where(Organization.zdr_since.is_not(None), Organization.id.not_in(SHIPPED))))

    wrap(parts.workflow, "enable", make)
    _at_a_later_start(parts, find)
    return now, before


def start_forgets_the_gate(parts: Parts) -> None:
    """The gate's list is filled by enabling, and begins empty."""
    now, before = _enabled_in_this_life(parts)

    def make(check: Callable[..., None]) -> Callable[..., None]:
        def lenient(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if ctx.organization not in before - now:
                check(ctx, feature, endpoint)

        return lenient

    wrap(parts.gate, "check", make)


def start_forgets_retention(parts: Parts) -> None:
    """The stores' list of whose content must not be kept is filled by enabling, and begins empty."""
    now, before = _enabled_in_this_life(parts)

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def forgetful(ctx: RequestContext) -> bool:
            content = ctx.operation is not None and ctx.operation.carries_content and ctx.caller is not None
            return keeps(ctx) or (content and ctx.organization in before - now)

        return forgetful

    wrap(parts.retention, "keeps", make)


def log_is_written_behind(parts: Parts, types: list[str]) -> None:
    """Entries of some types wait in memory until the next entry or reader comes."""
    waiting: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def make(append: Callable[..., None]) -> Callable[..., None]:
        def write(session: Session) -> None:
            while waiting:
                held, more = waiting.pop(0)
                append(session, *held, **more)

        def behind(session: Session, caller: Caller, asked: str, *rest: Any, **more: Any) -> None:
            write(session)
            if asked in types:
                waiting.append(((caller, asked, *rest), more))
            else:
                append(session, caller, asked, *rest, **more)

        def make_list(listed: Callable[..., Any]) -> Callable[..., Any]:
            def written_first(*args: Any) -> Any:
                with parts.stores.write() as session:
                    write(session)
                return listed(*args)

            return written_first

        wrap(parts.audit, "list", make_list)
        return behind

    wrap(parts.audit, "append", make)
