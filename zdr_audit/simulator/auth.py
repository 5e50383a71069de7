"""Authentication and authorization."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from zdr_audit.simulator.tables import ApiKey, Organization, User

if TYPE_CHECKING:
    from zdr_audit.simulator.operations import Operation
    from zdr_audit.simulator.parts import Parts


def key_digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _presented(headers: dict[str, str]) -> set[str]:
    """Every credential that the request carries; two that differ are as good as none."""
    keys = {headers["x-api-key"]} if "x-api-key" in headers else set()
    if "authorization" in headers:
        scheme, _, token = headers["authorization"].partition(" ")
        keys.add(token.strip() if scheme.lower() == "bearer" else "")
    return keys


_HOLDER = (
    select(User.id, User.email, User.role, Organization.id, ApiKey.id)
    .select_from(ApiKey)
    .join(User, User.id == ApiKey.user_id)
    .join(Organization, Organization.id == ApiKey.organization_id)
    .where(ApiKey.digest == bindparam("digest"), ApiKey.revoked_at.is_(None), Organization.closed_at.is_(None))
)


class Auth:
    def __init__(self, parts: Parts):
        self.parts = parts

    def identify(self, ctx: RequestContext) -> Caller | None:
        """Who calls, by `x-api-key` or bearer token; None where no single valid key of an open organization is presented."""
        keys = _presented(ctx.headers)
        if len(keys) != 1:
            return None
        found = self.parts.stores.first(_HOLDER, digest=key_digest(keys.pop()))
        if found is None:
            return None
        user, email, role, organization, key = tuple(found)
        return Caller(user, email, role, organization, key, ctx.ip_address, ctx.headers.get("user-agent", ""))

    def require(self, ctx: RequestContext, operation: Operation, concerned: str | None) -> None:
        """Raises UnauthenticatedError, NotFoundError (another tenant's, or no such thing: the same answer) or ForbiddenError (role)."""
        if operation.roles is None:
            return
        if ctx.caller is None:
            raise UnauthenticatedError("Invalid or missing API key.")
        if concerned is None:
            raise NotFoundError
        if not ctx.caller.is_staff and concerned != ctx.caller.organization_id:
            raise NotFoundError
        if ctx.caller.role not in operation.roles:
            raise ForbiddenError("Your role does not permit this action.", reason="wrong_role")
