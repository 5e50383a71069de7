"""The first start on empty stores: sample accounts and keys, made through the real directory and workflow, so that all of it is logged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import select

from zdr_audit.simulator.auth import key_digest
from zdr_audit.simulator.context import PROVIDER, Caller
from zdr_audit.simulator.tables import Account, ApiKey, Organization, User

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

STAFF = ("account_team", "reviewer", "operator", "auditor")
ORGANIZATIONS = {"subject": "acct_sample", "control": "acct_sample", "sibling": "acct_sample", "neighbour": "acct_other"}
PEOPLE = {"member": "member", "second": "member", "admin": "admin"}
REFERENCE = "bootstrap"


def sample_key(name: str) -> str:
    """The public sample credential of that name, or what the environment puts in its place (`ZDR_SIM_KEY_<NAME>`)."""
    return os.environ.get(f"ZDR_SIM_KEY_{name.upper().replace('-', '_')}") or f"sample-key-{name}"


def bootstrap(parts: Parts) -> bool:
    """Fills empty stores and says so; leaves stores with anything in them as they are."""
    with parts.stores.read() as session:
        if session.scalars(select(Organization.id).limit(1)).first():
            return False
    staff = _provider(parts)
    for name, account in ORGANIZATIONS.items():
        organization = f"org_{name}"
        parts.directory.create_organization(
            staff["account_team"], account, f"Sample {name}", "enterprise", commercial_terms=True, organization_id=organization
        )
        for person, role in PEOPLE.items():
            user = parts.directory.create_user(
                staff["account_team"], organization, f"{person}@{name}.example", role, f"user_{name}_{person}"
            )
            parts.directory.create_key(staff["account_team"], organization, user.id, "sample", sample_key(f"{name}-{person}"))
    request = parts.workflow.request(staff["account_team"], "org_subject", REFERENCE)
    parts.workflow.approve(staff["reviewer"], request.id, REFERENCE)
    parts.workflow.enable(staff["reviewer"], request.id, REFERENCE)
    return True


def _provider(parts: Parts) -> dict[str, Caller]:
    """The provider's own organization and staff. Somebody must be first: these rows are written directly."""
    now = parts.clock.stamp()
    callers = {}
    with parts.stores.write() as session:
        session.add(Account(id="acct_provider", created_at=now))
        session.flush()
        session.add(
            Organization(
                id=PROVIDER, account_id="acct_provider", name="Provider", product="provider", commercial_terms=False, created_at=now
            )
        )
        session.flush()
        for role in STAFF:
            name = role.replace("_", "-")
            user = User(
                id=f"user_{role}", organization_id=PROVIDER, email=f"{name}@provider.example", role=role, seat="provider", created_at=now
            )
            session.add(user)
            session.flush()
            digest = key_digest(sample_key(name))
            session.add(ApiKey(id=f"key_{role}", user_id=user.id, organization_id=PROVIDER, name="sample", digest=digest, created_at=now))
            callers[role] = Caller(user.id, user.email, role, PROVIDER, f"key_{role}")
    return callers
