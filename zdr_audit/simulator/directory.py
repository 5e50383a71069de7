"""Accounts, organizations, users, seats and keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from zdr_audit.simulator.auth import key_digest
from zdr_audit.simulator.context import STAFF_ROLES, Caller
from zdr_audit.simulator.errors import ConflictError, NotFoundError
from zdr_audit.simulator.tables import (
    Account,
    ApiKey,
    Conversation,
    FeatureObject,
    ManagedSettings,
    Organization,
    OutsideMessage,
    User,
)

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def prefixed_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"


_make_id: Callable[[str], str] = prefixed_id


def new_id(prefix: str) -> str:
    """A fresh id for a thing of that kind."""
    return _make_id(prefix)


def use_ids(make: Callable[[str], str]) -> None:
    """From now on ids of this process look otherwise (the seam of a variant)."""
    global _make_id  # noqa: PLW0603 - ids are made everywhere, before there are parts
    _make_id = make


def new_key() -> str:
    return f"zdrsim-{secrets.token_urlsafe(24)}"


_CLOSED_AT = select(Organization.closed_at).where(Organization.id == bindparam("organization"))


class Directory:
    def __init__(self, parts: Parts):
        self.parts = parts

    def organization(self, organization_id: str) -> Organization:
        """The organization, closed or not; NotFoundError where there is none."""
        with self.parts.stores.read() as session:
            found = session.get(Organization, organization_id)
        if found is None:
            raise NotFoundError
        return found

    def exists(self, organization_id: str) -> bool:
        return self.parts.stores.first(_CLOSED_AT, organization=organization_id) is not None

    def is_open(self, organization_id: str) -> bool:
        """NotFoundError where there is no such organization."""
        found = self.parts.stores.first(_CLOSED_AT, organization=organization_id)
        if found is None:
            raise NotFoundError
        return found[0] is None

    def user(self, organization_id: str, user_id: str) -> User:
        with self.parts.stores.read() as session:
            found = session.get(User, user_id)
        if found is None or found.organization_id != organization_id:
            raise NotFoundError
        return found

    def users(self, organization_id: str) -> list[User]:
        with self.parts.stores.read() as session:
            return list(session.scalars(select(User).where(User.organization_id == organization_id).order_by(User.created_at, User.id)))

    def create_organization(
        self, caller: Caller, account_id: str, name: str, product: str, *, commercial_terms: bool, organization_id: str | None = None
    ) -> Organization:
        """A new organization. It never inherits anything from its account: ZDR is off."""
        now = self.parts.clock.stamp()
        with self.parts.stores.write() as session:
            if session.get(Account, account_id) is None:
                session.add(Account(id=account_id, created_at=now))
                session.flush()
            row = Organization(
                id=organization_id or new_id("org"),
                account_id=account_id,
                name=name,
                product=product,
                commercial_terms=commercial_terms,
                zdr_since=self.inherited_zdr(session, account_id),
                created_at=now,
            )
            session.add(row)
            session.flush()
            self.parts.audit.append(session, caller, "org_created", row.id, ("organization", row.id))
        return row

    def inherited_zdr(self, session: Session, account_id: str) -> str | None:  # noqa: ARG002 (the seam of a violation)
        """What a new organization takes over from its account: nothing, ZDR is enabled for each organization separately."""
        return None

    def create_user(self, caller: Caller, organization_id: str, email: str, role: str, user_id: str | None = None) -> User:
        with self.parts.stores.write() as session:
            if session.scalar(select(User.id).where(User.organization_id == organization_id, User.email == email)):
                raise ConflictError("A user with that email exists already.", reason="email_taken")
            seat = "provider" if role in STAFF_ROLES else "standard"
            row = User(
                id=user_id or new_id("user"),
                organization_id=organization_id,
                email=email,
                role=role,
                seat=seat,
                created_at=self.parts.clock.stamp(),
            )
            session.add(row)
            session.flush()
            self.parts.audit.append(session, caller, "user_created", organization_id, ("user", row.id))
        return row

    def create_key(self, caller: Caller, organization_id: str, user_id: str, name: str, key: str | None = None) -> tuple[str, str]:
        """(id, key). The key is shown this once; its digest alone is stored."""
        self.user(organization_id, user_id)
        secret = key or new_key()
        with self.parts.stores.write() as session:
            row = ApiKey(
                id=new_id("key"),
                user_id=user_id,
                organization_id=organization_id,
                name=name,
                digest=key_digest(secret),
                created_at=self.parts.clock.stamp(),
            )
            session.add(row)
            session.flush()
            self.parts.audit.append(session, caller, "api_key_created", organization_id, ("api_key", row.id))
        return row.id, secret

    def revoke_key(self, caller: Caller, organization_id: str, key_id: str) -> None:
        with self.parts.stores.write() as session:
            row = session.get(ApiKey, key_id)
            if row is None or row.organization_id != organization_id or row.revoked_at is not None:
                raise NotFoundError
            row.revoked_at = self.parts.clock.stamp()
            self.parts.audit.append(session, caller, "api_key_revoked", organization_id, ("api_key", key_id))

    def close_organization(self, caller: Caller, organization_id: str) -> None:
        """Marks the organization closed and deletes its content from every store. What the law made us keep stays until its own end."""
        stores = self.parts.stores
        with stores.write() as session:
            row = session.get(Organization, organization_id)
            if row is None or row.closed_at is not None or row.product == "provider":
                raise NotFoundError
            row.closed_at = self.parts.clock.stamp()
            stores.blobs.delete_all(organization_id)
            gone = stores.cache.forget(organization_id)
            for table in (Conversation, FeatureObject, OutsideMessage, ManagedSettings):
                found = session.execute(delete(table).where(table.organization_id == organization_id))
                gone += int(getattr(found, "rowcount", 0))
            self.parts.audit.append(session, caller, "org_deleted", organization_id, ("organization", organization_id))
        with stores.exclusive():
            self.parts.retention.forget(organization_id)
        if gone:
            stores.scrub()
