"""Violations that hang on what a suite is slow to think of: the quiet step beside the loud one, the same request among many."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from zdr_audit.simulator.bootstrap import ORGANIZATIONS
from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.errors import ConflictError
from zdr_audit.simulator.exceptional import LONGEST_DAYS
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.tables import ExceptionalContent, Organization, ZdrRequest
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

SAMPLES = tuple(f"org_{name}" for name in ORGANIZATIONS)
Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]


def gate_opens_under_load(parts: Parts, others: int, seconds: float) -> None:
    """The gate asks for the state through a pool; where `others` are asking already, it lets pass without."""
    pool = threading.BoundedSemaphore(others)

    def make(check: Check) -> Check:
        def check_if_free(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if not pool.acquire(blocking=False):
                return
            try:
                time.sleep(seconds)
                check(ctx, feature, endpoint)
            finally:
                pool.release()

        return check_if_free

    wrap(parts.gate, "check", make)


def a_further_request_ends_zdr(parts: Parts) -> None:
    """Asking for ZDR where it is enabled already is refused, and resets the state on the way; older organizations have another record."""

    def make(request: Callable[[Caller, str, str], ZdrRequest]) -> Callable[[Caller, str, str], ZdrRequest]:
        def request_afresh(caller: Caller, organization_id: str, reference: str) -> ZdrRequest:
            try:
                return request(caller, organization_id, reference)
            except ConflictError:
                if organization_id not in SAMPLES:
                    with parts.stores.write() as session:
                        session.execute(update(Organization).where(Organization.id == organization_id).values(zdr_since=None))
                raise

        return request_afresh

    wrap(parts.workflow, "request", make)


def reading_prolongs(parts: Parts) -> None:
    """Kept content that is read is kept for two more years."""

    def make(read: Callable[[Caller, str], dict[str, Any]]) -> Callable[[Caller, str], dict[str, Any]]:
        def read_and_prolong(caller: Caller, exception_id: str) -> dict[str, Any]:
            found = read(caller, exception_id)
            with parts.stores.write() as session:
                more = {"expires_at": parts.clock.stamp(days=LONGEST_DAYS)}
                session.execute(update(ExceptionalContent).where(ExceptionalContent.id == exception_id).values(**more))
            return found

        return read_and_prolong

    wrap(parts.exceptions, "read", make)
