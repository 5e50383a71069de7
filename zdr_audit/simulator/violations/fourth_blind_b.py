"""Violations of a fourth blind list: what the other direction of a switch, a bystander of a change or the next month brings to light."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from zdr_audit.simulator.analytics import CONTRIBUTIONS
from zdr_audit.simulator.audit import ZDR
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.operations import Handler, Operation, Reply
from zdr_audit.simulator.schemas.admin import SettingsAnswer
from zdr_audit.simulator.tables import ApiKey, AuditEntry, ClientCount, FeatureObject, User, ZdrRequest
from zdr_audit.simulator.violations import alter, wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]


def limits_tag_counts_enablings(parts: Parts) -> None:
    """The tag of the policy limits tells how often the organization was enabled."""

    def make(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            times = select(func.count()).select_from(ZdrRequest).where(ZdrRequest.organization_id == ctx.organization)
            found = those.stores.first(times.where(ZdrRequest.status.in_(("enabled", "disabled"))))
            tag = f'"{hashlib.sha256(f"{ctx.organization} {found}".encode()).hexdigest()[:32]}"'
            if tag in ctx.headers.get("if-none-match", ""):
                return Reply(None, 304, {"etag": tag})
            ctx.headers.pop("if-none-match", None)
            return Reply(handler(those, ctx).body, headers={"etag": tag})

        return handle

    alter(parts, "policy_limits.read", handler=make)


def begun_in_a_gap_is_served(parts: Parts) -> None:
    """The gate lets be read what was begun after the first enabling."""

    def make(check: Check) -> Check:
        def lenient(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if endpoint.action in {"read", "content"}:
                first = select(func.min(AuditEntry.created_at)).where(
                    AuditEntry.organization_id == ctx.organization, AuditEntry.type == ZDR + "enabled", AuditEntry.outcome == "success"
                )
                newer = select(FeatureObject.id).where(
                    FeatureObject.id == ctx.path["id"], FeatureObject.created_at > first.scalar_subquery()
                )
                if parts.stores.first(newer.where(FeatureObject.organization_id == ctx.organization)) is not None:
                    return
            check(ctx, feature, endpoint)

        return lenient

    wrap(parts.gate, "check", make)


def members_of_zdr_times_are_refused(parts: Parts) -> None:
    """The gate refuses, besides organizations under ZDR, users who were added under ZDR."""

    def make(check: Check) -> Check:
        def strict(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            check(ctx, feature, endpoint)
            born = select(User.created_at).where(User.id == ctx.known_caller.user_id).scalar_subquery()
            switches = select(AuditEntry.type).where(AuditEntry.organization_id == ctx.organization, AuditEntry.outcome == "success")
            switches = switches.where(AuditEntry.type.in_((ZDR + "enabled", ZDR + "disabled")), AuditEntry.created_at < born)
            last = parts.stores.first(switches.order_by(AuditEntry.sequence.desc()).limit(1))
            if feature.stores(endpoint) and last is not None and last[0] == ZDR + "enabled":
                raise parts.gate.refusal(feature)

        return strict

    wrap(parts.gate, "check", make)


def sibling_admins_can_disable(parts: Parts) -> None:
    """Disabling is open to admins of the other organizations of the account."""

    def make(require: Callable[[RequestContext, Operation, str | None], None]) -> Callable[[RequestContext, Operation, str | None], None]:
        def lenient(ctx: RequestContext, operation: Operation, concerned: str | None) -> None:
            if operation.name == "zdr.disable" and concerned is not None and ctx.caller is not None and ctx.caller.role == "admin":
                own, other = parts.directory.organization(ctx.organization), parts.directory.organization(concerned)
                if own.account_id == other.account_id and own.id != other.id:
                    return
            require(ctx, operation, concerned)

        return lenient

    wrap(parts.auth, "require", make)


def refusals_on_closed_are_not_logged(parts: Parts) -> None:
    """What is refused to be done to a closed organization is not written to its log."""

    def make(refused: Callable[..., None]) -> Callable[..., None]:
        def refused_while_open(caller: Caller, type_: str, organization_id: str, *rest: Any, **more: Any) -> None:
            if parts.directory.is_open(organization_id):
                refused(caller, type_, organization_id, *rest, **more)

        return refused_while_open

    wrap(parts.audit, "refused", make)


def revoking_masks_entries(parts: Parts) -> None:
    """Reading the log masks the address of actors whose keys are all revoked."""

    def masked(entry: dict[str, Any]) -> dict[str, Any]:
        keys = select(func.count(), func.count(ApiKey.revoked_at)).where(ApiKey.user_id == entry["actor"]["id"])
        made, revoked = tuple(parts.stores.first(keys) or (0, 0))
        gone = made > 0 and made == revoked
        return {**entry, "actor": {**entry["actor"], "email": "former-user"}} if gone else entry

    def make_list(listed: Callable[..., Any]) -> Callable[..., Any]:
        def list_masked(*args: Any) -> Any:
            found = listed(*args)
            return found and ([masked(entry) for entry in found[0]], found[1])

        return list_masked

    def make_entry(entry: Callable[[str], dict[str, Any] | None]) -> Callable[[str], dict[str, Any] | None]:
        def entry_masked(entry_id: str) -> dict[str, Any] | None:
            found = entry(entry_id)
            return found and masked(found)

        return entry_masked

    wrap(parts.audit, "list", make_list)
    wrap(parts.audit, "entry", make_entry)


def settings_that_are_off_are_dropped(parts: Parts) -> None:
    """Clients are served those settings alone whose value counts as true."""

    def make(handler: Handler) -> Handler:
        def handle(those: Parts, ctx: RequestContext) -> Reply:
            reply = handler(those, ctx)
            assert isinstance(reply.body, SettingsAnswer)
            return Reply(reply.body.model_copy(update={"settings": {name: value for name, value in reply.body.settings.items() if value}}))

        return handle

    alter(parts, "settings.read", handler=make)


def older_contributions_are_shown(parts: Parts) -> None:
    """The report shows all contribution counts that are stored: under ZDR those from before."""

    def make(rows: Callable[[str], list[dict[str, Any]]]) -> Callable[[str], list[dict[str, Any]]]:
        def rows_with_older(organization_id: str) -> list[dict[str, Any]]:
            found = rows(organization_id)
            with parts.stores.read() as session:
                query = select(ClientCount.date, User.email, ClientCount.name, ClientCount.value).join(User, User.id == ClientCount.user_id)
                counts = session.execute(query.where(ClientCount.organization_id == organization_id)).all()
            for row in found:
                own = {c.name: c.value for c in counts if (c.date, c.email) == (row["date"][:10], row["actor"]["email_address"])}
                if own:
                    row["contribution_metrics"] = {name: own.get(name, 0) for name in CONTRIBUTIONS.values()}
            return found

        return rows_with_older

    wrap(parts.analytics, "rows", make)


def limit_ends_with_its_month(parts: Parts) -> None:
    """There is no limit in a month in which none was set."""

    def make(limit: Callable[[str], int | None]) -> Callable[[str], int | None]:
        def limit_of_the_month(user_id: str) -> int | None:
            found = limit(user_id)
            sets = select(func.max(AuditEntry.created_at)).where(AuditEntry.type == "spend_limit_set", AuditEntry.entity_id == user_id)
            last = None if found is None else parts.stores.first(sets.where(AuditEntry.outcome == "success"))
            return found if last is not None and last[0] and last[0][:7] == parts.clock.today()[:7] else None

        return limit_of_the_month

    wrap(parts.cost, "limit", make)


def revoked_keys_return_with_migration(parts: Parts) -> None:
    """Migration takes the mark of revocation off all keys of the organization."""

    def make(migrate: Callable[[Caller, str, str], None]) -> Callable[[Caller, str, str], None]:
        def migrate_all_keys(caller: Caller, organization_id: str, reference: str) -> None:
            migrate(caller, organization_id, reference)
            with parts.stores.write() as session:
                session.execute(update(ApiKey).where(ApiKey.organization_id == organization_id).values(revoked_at=None))

        return migrate_all_keys

    wrap(parts.workflow, "migrate", make)
