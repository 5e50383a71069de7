"""Violations that hang on the order of two changes, or on the spell of the switch: each change alone is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from zdr_audit.simulator.context import Caller, RequestContext
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.tables import FeatureObject, Hold, User
from zdr_audit.simulator.violations import wrap

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]
Limits = Callable[[str], Any]


def _held(parts: Parts, organization_id: str) -> bool:
    """Is a hold of any session of the organization in force?"""
    with parts.stores.read() as session:
        mine = select(Hold.id).where(Hold.organization_id == organization_id, Hold.released_at.is_(None))
        return session.scalars(mine).first() is not None


def first_spell_goes_on(parts: Parts) -> None:
    """What was made before the last enabling but one is let pass."""
    enabled: dict[str, list[str]] = {}

    def make_enable(enable: Callable[..., Any]) -> Callable[..., Any]:
        def enable_and_note(caller: Caller, request_id: str, reference: str) -> Any:
            row = enable(caller, request_id, reference)
            enabled.setdefault(row.organization_id, []).append(parts.clock.stamp())
            return row

        return enable_and_note

    def make(check: Check) -> Check:
        def check_later_work(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            with parts.stores.read() as session:
                row = session.get(FeatureObject, ctx.path.get("id", ""))
            before = enabled.get(ctx.organization, [])[:-1]
            if row is None or row.organization_id != ctx.organization or not before or row.created_at > before[0]:
                check(ctx, feature, endpoint)

        return check_later_work

    wrap(parts.workflow, "enable", make_enable)
    wrap(parts.gate, "check", make)


def came_under_a_hold(parts: Parts) -> None:
    """Whoever is made while a hold is in force has their content kept."""
    kept: set[str] = set()

    def make_create(create: Callable[..., User]) -> Callable[..., User]:
        def create_and_note(caller: Caller, organization_id: str, *rest: Any, **more: Any) -> User:
            row = create(caller, organization_id, *rest, **more)
            if _held(parts, organization_id):
                kept.add(row.id)
            return row

        return create_and_note

    def make_keeps(keeps: Callable[[RequestContext], bool]) -> Callable[[RequestContext], bool]:
        def keep_of_them(ctx: RequestContext) -> bool:
            content = ctx.operation is not None and ctx.operation.carries_content
            return keeps(ctx) or (content and ctx.caller is not None and ctx.caller.user_id in kept)

        return keep_of_them

    wrap(parts.directory, "create_user", make_create)
    wrap(parts.retention, "keeps", make_keeps)


def holds_freeze_limits(parts: Parts) -> None:
    """What clients are told stays as it was when the hold was placed, until none is in force any more."""
    frozen: dict[tuple[str, str], Any] = {}

    def make_place(place: Callable[..., str]) -> Callable[..., str]:
        def freeze_and_place(caller: Caller, organization_id: str, *rest: Any) -> str:
            for name in ("restrictions", "taints"):
                frozen[name, organization_id] = getattr(parts.limits, name)(organization_id)
            return place(caller, organization_id, *rest)

        return freeze_and_place

    def make(name: str) -> Callable[[Limits], Limits]:
        def make_limits(limits: Limits) -> Limits:
            def told(organization_id: str) -> Any:
                if (name, organization_id) in frozen and _held(parts, organization_id):
                    return frozen[name, organization_id]
                return limits(organization_id)

            return told

        return make_limits

    wrap(parts.exceptions, "place_hold", make_place)
    for name in ("restrictions", "taints"):
        wrap(parts.limits, name, make(name))


def flags_pin_the_gate(parts: Parts) -> None:
    """From a flagging on, the gate goes by whether the organization had ZDR then."""
    pinned: dict[str, bool] = {}

    def make_flag(flag: Callable[..., None]) -> Callable[..., None]:
        def flag_and_pin(caller: Caller, organization_id: str, *rest: Any) -> None:
            flag(caller, organization_id, *rest)
            pinned[organization_id] = parts.workflow.enabled(organization_id)

        return flag_and_pin

    def make(check: Check) -> Check:
        def check_pinned(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            if ctx.organization not in pinned:
                check(ctx, feature, endpoint)
            elif pinned[ctx.organization] and feature.stores(endpoint):
                raise parts.gate.refusal(feature)

        return check_pinned

    wrap(parts.exceptions, "flag", make_flag)
    wrap(parts.gate, "check", make)
