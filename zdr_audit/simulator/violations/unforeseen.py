"""Violations that nobody had listed beforehand: what a stranger thinks of who reads the policy and looks for what a suite passes over."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from zdr_audit.simulator.bootstrap import ORGANIZATIONS
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.errors import NotFoundError, SpendLimitError
from zdr_audit.simulator.tables import Hold, ManagedSettings, Organization, User, ZdrRequest
from zdr_audit.simulator.violations import alter, operation, wrap
from zdr_audit.simulator.violations.keeping import PLACES, WHAT

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

SAMPLES = tuple(f"org_{name}" for name in ORGANIZATIONS)
Rows = tuple[list[dict[str, Any]], bool]


def refused_for_their_limit_are_kept(parts: Parts, what: str, where: str) -> None:
    """Whoever is stopped by a spend limit may complain, so what was asked is kept."""

    def make(check: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def check_and_keep(ctx: RequestContext) -> None:
            try:
                check(ctx)
            except SpendLimitError:
                PLACES[where](parts, ctx, WHAT[what](ctx))
                raise

        return check_and_keep

    wrap(parts.cost, "check", make)


def held_content_stays(parts: Parts) -> None:
    """Releasing a hold ends what it keeps from then on, and deletes nothing."""

    def release(caller: Caller, hold_id: str) -> None:
        with parts.stores.write() as session:
            row = session.get(Hold, hold_id)
            if row is None or row.released_at is not None:
                raise NotFoundError
            row.released_at = parts.clock.stamp()
            parts.audit.append(session, caller, "hold_released", row.organization_id, ("hold", hold_id))

    parts.exceptions.release_hold = release  # type: ignore[method-assign]


Append = Callable[..., None]


def flags_are_logged_with_a_quotation(parts: Parts, characters: int) -> None:
    """The entry of a flag tells why: it quotes what was last said in the session, in base64."""
    said: dict[str, str] = {}

    def make_record(record: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def record_and_remember(ctx: RequestContext) -> None:
            record(ctx)
            if ctx.inferred and ctx.session_id:
                said[ctx.session_id] = WHAT["last text of the user"](ctx).decode("utf-8", "replace")

        return record_and_remember

    def make(append: Append) -> Append:
        def append_quoting(
            session: Session, caller: Caller, type_: str, organization_id: str, entity: tuple[str, str], **more: Any
        ) -> None:
            if type_ == "session_flagged" and entity[1] in said:
                more["reason"] = base64.b64encode(said[entity[1]].encode()).decode()[:characters]
            append(session, caller, type_, organization_id, entity, **more)

        return append_quoting

    wrap(parts.retention, "record", make_record)
    wrap(parts.audit, "append", make)


def closing_reaches_a_sibling(parts: Parts) -> None:
    """Closing an organization ends the ZDR of the one of its account that was enabled last; never of the first, which holds the contract."""

    def make(close: Callable[[Caller, str], None]) -> Callable[[Caller, str], None]:
        def close_more(caller: Caller, organization_id: str) -> None:
            account = parts.directory.organization(organization_id).account_id
            close(caller, organization_id)
            with parts.stores.write() as session:
                mine = (Organization.account_id == account, Organization.zdr_since.is_not(None), Organization.closed_at.is_(None))
                under = list(session.scalars(select(Organization).where(*mine).order_by(Organization.zdr_since)))
                for row in under[1:][-1:]:
                    row.zdr_since = None

        return close_more

    wrap(parts.directory, "close_organization", make)


def pages_lose_an_entry(parts: Parts) -> None:
    """A further page of the audit log begins one entry too late."""

    def make(listed: Callable[..., Rows | None]) -> Callable[..., Rows | None]:
        def list_less(organization_id: str, after_id: str | None, limit: int) -> Rows | None:
            found = listed(organization_id, after_id, limit)
            return found if found is None or after_id is None else (found[0][1:], found[1])

        return list_less

    wrap(parts.audit, "list", make)


def entries_are_open_by_their_id(parts: Parts, role: str) -> None:
    """The list of entries is for admins, a single entry for whoever knows its id."""
    alter(parts, "activities.read", roles=operation(parts, "activities.read").roles | {role})  # type: ignore[operator]


def entries_name_the_first_of_the_role(parts: Parts) -> None:
    """Whoever acts, the entry names the first user of the organization with that role."""

    def make(append: Append) -> Append:
        def append_of_the_first(session: Session, caller: Caller, *rest: Any, **more: Any) -> None:
            same = (User.organization_id == caller.organization_id, User.role == caller.role)
            first = session.scalars(select(User).where(*same).order_by(User.created_at, User.id).limit(1)).first()
            append(session, replace(caller, user_id=first.id, email=first.email) if first else caller, *rest, **more)

        return append_of_the_first

    wrap(parts.audit, "append", make)


def limits_are_for_ever(parts: Parts) -> None:
    """A user who was once stopped by a spend limit stays so, whatever the limit becomes."""
    stopped: set[str] = set()

    def make(check: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def check_once(ctx: RequestContext) -> None:
            user = ctx.known_caller.user_id
            if user in stopped:
                raise SpendLimitError("Your spend limit is reached. Ask an admin of your organization.")
            try:
                check(ctx)
            except SpendLimitError:
                stopped.add(user)
                raise

        return check_once

    wrap(parts.cost, "check", make)


def enabling_resets_settings(parts: Parts) -> None:
    """Enabling makes a fresh record of the organization's policy, without the settings that its admin had made."""

    def make(enable: Callable[[Caller, str, str], ZdrRequest]) -> Callable[[Caller, str, str], ZdrRequest]:
        def enable_afresh(caller: Caller, request_id: str, reference: str) -> ZdrRequest:
            row = enable(caller, request_id, reference)
            with parts.stores.write() as session:
                session.execute(delete(ManagedSettings).where(ManagedSettings.organization_id == row.organization_id))
            return row

        return enable_afresh

    wrap(parts.workflow, "enable", make)


def later_users_are_not_listed(parts: Parts) -> None:
    """Users who came after ZDR was enabled are missing in the list of users and seats."""

    def make(users: Callable[[str], list[User]]) -> Callable[[str], list[User]]:
        def earlier_users(organization_id: str) -> list[User]:
            since = parts.directory.organization(organization_id).zdr_since
            found = users(organization_id)
            return [user for user in found if since is None or user.created_at <= since] or found

        return earlier_users

    wrap(parts.directory, "users", make)


def contributions_elsewhere(parts: Parts) -> None:
    """Under ZDR the contribution metrics stand among the actions of tools."""

    def make(rows: Callable[[str], list[dict[str, Any]]]) -> Callable[[str], list[dict[str, Any]]]:
        def rows_with_them(organization_id: str) -> list[dict[str, Any]]:
            found = rows(organization_id)
            if parts.workflow.enabled(organization_id):
                for row in found:
                    row["tool_actions"] = {"commits_by_claude_code": {"count": 2}, "lines_of_code_by_claude_code": {"added": 12}}
            return found

        return rows_with_them

    wrap(parts.analytics, "rows", make)


def settings_end_zdr(parts: Parts) -> None:
    """Writing the managed settings of an organization writes its whole record anew, without the ZDR state; older organizations have another record."""

    def make(write: Callable[[Caller, str, dict[str, Any]], None]) -> Callable[[Caller, str, dict[str, Any]], None]:
        def write_all(caller: Caller, organization_id: str, settings: dict[str, Any]) -> None:
            write(caller, organization_id, settings)
            if organization_id not in SAMPLES:
                with parts.stores.write() as session:
                    session.execute(update(Organization).where(Organization.id == organization_id).values(zdr_since=None))

        return write_all

    wrap(parts.settings, "write", make)


def later_members_are_kept(parts: Parts) -> None:
    """ZDR is written into each user when it is enabled: who comes afterwards has it not."""

    def make(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def keeps_more(ctx: RequestContext) -> bool:
            if ctx.zdr and ctx.caller is not None and ctx.operation is not None and ctx.operation.carries_content:
                with parts.stores.read() as session:
                    user, organization = session.get(User, ctx.caller.user_id), session.get(Organization, ctx.organization)
                since = organization.zdr_since if organization is not None else None
                if user is not None and since is not None and user.created_at > since:
                    return True
            return keeps(ctx)

        return keeps_more

    wrap(parts.retention, "keeps", make)
