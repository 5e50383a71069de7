"""Nothing is kept on the paths beside success: errors, broken connections, retries, concurrency."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control

from . import scenarios as after


@control("ZDR-RET-09", after=after.requests_in_error)
def test_requests_with_a_client_error_leave_nothing(expect: Expect) -> None:
    expect.kept_nowhere(promise="nothing of a request that brings a client error must be kept")


@control("ZDR-RET-09", after=(after.requests_in_error, after.requests_over_a_limit))
def test_requests_over_a_limit_leave_nothing(expect: Expect) -> None:
    expect.about(after.requests_over_a_limit)
    refused = expect.some(step="over the limit")
    expect.kept_nowhere(refused, promise="nothing of a request that is refused for a spend limit must be kept")


@control("ZDR-RET-09", after=(after.requests_in_error, after.requests_with_a_revoked_key))
def test_requests_with_a_revoked_key_leave_nothing(expect: Expect) -> None:
    expect.about(after.requests_with_a_revoked_key)
    refused = expect.some(step="with a revoked key")
    expect.kept_nowhere(refused, promise="nothing of a request that is refused for a revoked key must be kept")


@control("ZDR-RET-09", after=(after.requests_in_error, after.requests_of_a_closed_organization))
def test_requests_of_a_closed_organization_leave_nothing(expect: Expect) -> None:
    expect.about(after.requests_of_a_closed_organization)
    refused = [*expect.some(step="when it is closed"), *expect.where(step="use when it is closed")]
    expect.kept_nowhere(refused, promise="nothing of what is refused because its organization is closed must be kept")


@control("ZDR-RET-10", after=after.requests_that_the_backend_fails)
def test_requests_with_a_server_error_leave_nothing(expect: Expect) -> None:
    expect.kept_nowhere(promise="nothing of a request that the backend fails must be kept")


@control("ZDR-RET-11", after=after.abandoned_requests)
def test_abandoned_requests_leave_nothing(expect: Expect) -> None:
    expect.kept_nowhere(answers=1, promise="nothing of a request that the client abandons must be kept")


@control("ZDR-RET-12", after=after.repeated_requests)
def test_repeated_requests_leave_nothing(expect: Expect) -> None:
    expect.kept_nowhere(answers=1, promise="nothing of a repeated or retried request must be kept")


@control("ZDR-RET-13", after=after.parallel_requests)
def test_parallel_requests_leave_nothing(expect: Expect) -> None:
    expect.kept_nowhere(answers=1, promise="nothing of requests in parallel must be kept")
