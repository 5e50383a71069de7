"""Administration: organizations, users and seats, keys, cost controls, analytics, server-managed settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdr_audit.simulator.context import CUSTOMER_ROLES, PROVIDER, STAFF_ROLES, Caller, RequestContext
from zdr_audit.simulator.errors import ConflictError
from zdr_audit.simulator.operations import ADMIN, Operation, Reply
from zdr_audit.simulator.schemas import admin as shapes

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

ACCOUNT_TEAM = frozenset({"account_team"})
CONTRACT = "contract includes ZDR"
SYSTEM = Caller("system", "system@provider.example", "system", PROVIDER)


def create_organization(parts: Parts, ctx: RequestContext) -> Reply:
    asked = ctx.body(shapes.CreateOrganization)
    if asked.zdr and asked.product != "api":
        raise ConflictError("ZDR by contract is for product api only; others go through the workflow.", reason="not_pay_as_you_go")
    if asked.zdr and not asked.commercial_terms:
        raise ConflictError("The organization is not eligible: it has no commercial terms.", reason="not_eligible")
    caller = ctx.known_caller
    row = parts.directory.create_organization(caller, asked.account_id, asked.name, asked.product, commercial_terms=asked.commercial_terms)
    user = parts.directory.create_user(caller, row.id, f"admin@{row.id.replace('_', '-')}.example", "admin")
    _, key = parts.directory.create_key(caller, row.id, user.id, "first admin key")
    if asked.zdr:
        # The contract was reviewed when it was signed: the same steps as ever, but the account team takes only the first.
        request = parts.workflow.request(caller, row.id, CONTRACT)
        parts.workflow.approve(SYSTEM, request.id, CONTRACT)
        parts.workflow.enable(SYSTEM, request.id, CONTRACT)
    first = shapes.AdminUser(user_id=user.id, email=user.email, key=key)
    answer = shapes.CreatedOrganization(id=row.id, account_id=row.account_id, name=row.name, product=row.product, admin=first)
    return Reply(answer, 201)


def read_organization(parts: Parts, ctx: RequestContext) -> Reply:
    row = parts.directory.organization(ctx.path["organization"])
    return Reply(
        shapes.OrganizationInfo(
            id=row.id,
            account_id=row.account_id,
            name=row.name,
            product=row.product,
            commercial_terms=row.commercial_terms,
            status="closed" if row.closed_at else "open",
            created_at=row.created_at,
        )
    )


def delete_organization(parts: Parts, ctx: RequestContext) -> Reply:
    parts.directory.close_organization(ctx.known_caller, ctx.path["organization"])
    return Reply(shapes.DeletedOrganization(id=ctx.path["organization"]))


def list_users(parts: Parts, ctx: RequestContext) -> Reply:
    users = [shapes.UserInfo(id=u.id, email=u.email, role=u.role, seat=u.seat) for u in parts.directory.users(ctx.organization)]
    return Reply(shapes.UserList(data=users, has_more=False, first_id=users[0].id, last_id=users[-1].id))


def create_user(parts: Parts, ctx: RequestContext) -> Reply:
    asked = ctx.body(shapes.CreateUser)
    user = parts.directory.create_user(ctx.known_caller, ctx.organization, asked.email, asked.role)
    return Reply(shapes.UserInfo(id=user.id, email=user.email, role=user.role, seat=user.seat), 201)


def create_key(parts: Parts, ctx: RequestContext) -> Reply:
    asked = ctx.body(shapes.CreateKey)
    key_id, key = parts.directory.create_key(ctx.known_caller, ctx.organization, asked.user_id, asked.name)
    return Reply(shapes.CreatedKey(id=key_id, key=key), 201)


def revoke_key(parts: Parts, ctx: RequestContext) -> Reply:
    parts.directory.revoke_key(ctx.known_caller, ctx.organization, ctx.path["id"])
    return Reply(shapes.DeletedKey(id=ctx.path["id"]))


def effective(parts: Parts, user_id: str) -> shapes.EffectiveLimit:
    limit = parts.cost.limit(user_id)
    return shapes.EffectiveLimit(
        user_id=user_id,
        amount=None if limit is None else str(limit),
        period_to_date_spend=str(parts.cost.spent(user_id)),
        source=shapes.LimitSource(type="none" if limit is None else "user"),
    )


def set_limit(parts: Parts, ctx: RequestContext) -> Reply:
    user_id = ctx.path["user_id"]
    parts.cost.set_limit(ctx.known_caller, ctx.organization, user_id, int(ctx.body(shapes.SetLimit).amount))
    return Reply(effective(parts, user_id))


def read_limit(parts: Parts, ctx: RequestContext) -> Reply:
    user_id = ctx.asked(shapes.LimitQuery).user_id
    parts.directory.user(ctx.organization, user_id)
    return Reply(effective(parts, user_id))


def usage_report(parts: Parts, ctx: RequestContext) -> Reply:
    return Reply({"data": parts.analytics.rows(ctx.organization), "has_more": False})


def write_settings(parts: Parts, ctx: RequestContext) -> Reply:
    parts.settings.write(ctx.known_caller, ctx.organization, ctx.body(shapes.WriteSettings).settings)
    return Reply(shapes.SettingsAnswer.model_validate(parts.settings.read(ctx.organization)))


ORGANIZATION = "/v1/organizations/{organization}"
OPERATIONS = [
    Operation(
        "organizations.create",
        "POST",
        "/v1/organizations",
        "Create an organization; it starts without ZDR, unless its contract includes it",
        create_organization,
        ACCOUNT_TEAM,
        request=shapes.CreateOrganization,
        answer=shapes.CreatedOrganization,
        status=201,
        errors=(409,),
        audit_type="org_created",
    ),
    Operation(
        "organizations.read",
        "GET",
        ORGANIZATION,
        "Read about an organization",
        read_organization,
        CUSTOMER_ROLES | STAFF_ROLES,
        answer=shapes.OrganizationInfo,
    ),
    Operation(
        "organizations.delete",
        "DELETE",
        ORGANIZATION,
        "Close an organization and delete its content",
        delete_organization,
        ACCOUNT_TEAM,
        answer=shapes.DeletedOrganization,
        audit_type="org_deleted",
    ),
    Operation("users.list", "GET", f"{ORGANIZATION}/users", "List users and seats", list_users, ADMIN, answer=shapes.UserList),
    Operation(
        "users.create",
        "POST",
        f"{ORGANIZATION}/users",
        "Add a user",
        create_user,
        ADMIN,
        request=shapes.CreateUser,
        answer=shapes.UserInfo,
        status=201,
        errors=(409,),
        audit_type="user_created",
    ),
    Operation(
        "api_keys.create",
        "POST",
        f"{ORGANIZATION}/api_keys",
        "Make a key for a user; it is shown this once",
        create_key,
        ADMIN,
        request=shapes.CreateKey,
        answer=shapes.CreatedKey,
        status=201,
        audit_type="api_key_created",
    ),
    Operation(
        "api_keys.revoke",
        "DELETE",
        f"{ORGANIZATION}/api_keys/{{id}}",
        "Revoke a key",
        revoke_key,
        ADMIN,
        answer=shapes.DeletedKey,
        audit_type="api_key_revoked",
    ),
    Operation(
        "spend_limits.set",
        "PUT",
        f"{ORGANIZATION}/spend_limits/users/{{user_id}}",
        "Set what a user may spend in a month",
        set_limit,
        ADMIN,
        request=shapes.SetLimit,
        answer=shapes.EffectiveLimit,
        audit_type="spend_limit_set",
    ),
    Operation(
        "spend_limits.read",
        "GET",
        f"{ORGANIZATION}/spend_limits/effective",
        "Read a user's limit and spending",
        read_limit,
        ADMIN,
        query=shapes.LimitQuery,
        answer=shapes.EffectiveLimit,
    ),
    Operation(
        "usage_report.claude_code",
        "GET",
        f"{ORGANIZATION}/usage_report/claude_code",
        "Usage by user and day",
        usage_report,
        ADMIN,
        answer=shapes.UsageReport,
    ),
    Operation(
        "settings.write",
        "PUT",
        f"{ORGANIZATION}/settings",
        "Set the server-managed settings",
        write_settings,
        ADMIN,
        request=shapes.WriteSettings,
        answer=shapes.SettingsAnswer,
        audit_type="settings_changed",
    ),
]
