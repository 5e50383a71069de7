"""What the command line client fetches and reports around inference."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from zdr_audit.simulator.context import CUSTOMER_ROLES, RequestContext
from zdr_audit.simulator.operations import EVERYONE, Operation, Reply
from zdr_audit.simulator.pipeline import to_json
from zdr_audit.simulator.schemas import client as shapes
from zdr_audit.simulator.schemas.admin import SettingsAnswer

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def alive(_parts: Parts, _ctx: RequestContext) -> Reply:
    return Reply(None)


def document(parts: Parts, _ctx: RequestContext) -> Reply:
    return Reply(parts.document)


def settings(parts: Parts, ctx: RequestContext) -> Reply:
    return Reply(SettingsAnswer.model_validate(parts.settings.read(ctx.organization)))


def policy_limits(parts: Parts, ctx: RequestContext) -> Reply:
    body = {
        "restrictions": parts.limits.restrictions(ctx.organization),
        "compliance_taints": parts.limits.taints(ctx.organization),
    }
    tag = f'"{hashlib.sha256(to_json(body)).hexdigest()[:32]}"'
    if tag in [part.strip().removeprefix("W/") for part in ctx.headers.get("if-none-match", "").split(",")]:
        return Reply(None, 304, {"etag": tag})
    return Reply(body, headers={"etag": tag})


def bootstrap(_parts: Parts, _ctx: RequestContext) -> Reply:
    return Reply(shapes.Bootstrap(client_data={}))


def profile(parts: Parts, ctx: RequestContext) -> Reply:
    caller = ctx.known_caller
    organization = parts.directory.organization(caller.organization_id)
    return Reply(
        shapes.Profile(
            account=shapes.ProfileAccount(uuid=caller.user_id, email=caller.email),
            organization=shapes.ProfileOrganization(
                uuid=organization.id, name=organization.name, organization_type=f"claude_{organization.product}"
            ),
        )
    )


def metrics_enabled(_parts: Parts, _ctx: RequestContext) -> Reply:
    return Reply(shapes.MetricsEnabled(metrics_logging_enabled=True))


def counts(body: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """(metric name, whole number) of every data point in a client's report, whatever else it holds."""
    metrics = body.get("metrics")
    for metric in metrics if isinstance(metrics, list) else ():
        if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
            continue
        points = metric.get("data_points")
        for point in points if isinstance(points, list) else ():
            value = point.get("value") if isinstance(point, dict) else None
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9:
                yield metric["name"], int(value)


def metrics(parts: Parts, ctx: RequestContext) -> Reply:
    totals: dict[str, int] = {}
    for name, value in counts(ctx.body(shapes.AnyBody).model_extra or {}):
        totals[name] = totals.get(name, 0) + value
    return Reply(shapes.Counted(accepted_count=parts.analytics.accept_counts(ctx, totals)))


def events(_parts: Parts, ctx: RequestContext) -> Reply:
    """Client events: how many came is answered, nothing of them is kept."""
    sent = (ctx.body(shapes.AnyBody).model_extra or {}).get("events")
    return Reply(shapes.Counted(accepted_count=len(sent) if isinstance(sent, list) else 0))


OPERATIONS = [
    Operation("root.alive", "HEAD", "/", "Is the service there?", alive, None),
    Operation("hello.alive", "HEAD", "/api/hello", "Is the service there?", alive, None),
    Operation("openapi.read", "GET", "/openapi.json", "This document", document, None, answer=shapes.AnyBody),
    Operation(
        "settings.read",
        "GET",
        "/api/claude_code/settings",
        "Fetch the server-managed settings",
        settings,
        CUSTOMER_ROLES,
        answer=SettingsAnswer,
    ),
    Operation(
        "policy_limits.read",
        "GET",
        "/api/claude_code/policy_limits",
        "Fetch what the organization's policy allows",
        policy_limits,
        CUSTOMER_ROLES,
        answer=shapes.PolicyLimitsAnswer,
        also=(304,),
        headers=("if-none-match",),
    ),
    Operation(
        "bootstrap.read", "GET", "/api/claude_cli/bootstrap", "Fetch client data", bootstrap, CUSTOMER_ROLES, answer=shapes.Bootstrap
    ),
    Operation("profile.read", "GET", "/api/oauth/profile", "Who am I?", profile, EVERYONE, answer=shapes.Profile),
    Operation(
        "metrics.enabled",
        "GET",
        "/api/claude_code/organizations/metrics_enabled",
        "May the client report counts?",
        metrics_enabled,
        CUSTOMER_ROLES,
        answer=shapes.MetricsEnabled,
    ),
    Operation(
        "metrics.send",
        "POST",
        "/api/claude_code/metrics",
        "Report counts; all else is ignored",
        metrics,
        CUSTOMER_ROLES,
        request=shapes.CountsReport,
        answer=shapes.Counted,
    ),
    Operation(
        "events.send",
        "POST",
        "/api/event_logging/v2/batch",
        "Report client events; they are counted and dropped",
        events,
        CUSTOMER_ROLES,
        request=shapes.AnyBody,
        answer=shapes.Counted,
    ),
]
