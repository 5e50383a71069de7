"""Shapes of administration, of the ZDR workflow and of the audit log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from zdr_audit.simulator.schemas.base import WHOLE, Answer, Identifier, Name, Page, Paging, Query, Reference, Request, SessionId

Email = Annotated[str, StringConstraints(max_length=120, pattern=r"^[A-Za-z0-9._+-]{1,60}@[A-Za-z0-9.-]{1,59}$")]
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")]


class CreateOrganization(Request):
    """`zdr` is for product `api` only: a contract that includes ZDR already."""

    account_id: Identifier
    name: Name
    product: Literal["enterprise", "api"]
    commercial_terms: bool = True
    zdr: bool = False


class AdminUser(Answer):
    user_id: str
    email: str
    key: str


class CreatedOrganization(Answer):
    id: str
    account_id: str
    name: str
    product: str
    admin: AdminUser


class OrganizationInfo(Answer):
    id: str
    account_id: str
    name: str
    product: str
    commercial_terms: bool
    status: Literal["open", "closed"]
    created_at: str


class DeletedOrganization(Answer):
    id: str
    type: Literal["organization_deleted"] = "organization_deleted"


class CreateUser(Request):
    email: Email
    role: Literal["member", "admin"]


class UserInfo(Answer):
    id: str
    email: str
    role: str
    seat: str


class UserList(Page):
    data: list[UserInfo]


class CreateKey(Request):
    user_id: Identifier
    name: Name


class CreatedKey(Answer):
    id: str
    key: str


class DeletedKey(Answer):
    id: str
    type: Literal["api_key_revoked"] = "api_key_revoked"


class SetLimit(Request):
    """Minor units (cents) a calendar month, as a string; "0" stops at once."""

    amount: Amount


class LimitQuery(Query):
    user_id: Identifier


class LimitSource(Answer):
    type: Literal["user", "none"]


class EffectiveLimit(Answer):
    user_id: str
    amount: str | None
    currency: Literal["USD"] = "USD"
    period: Literal["monthly"] = "monthly"
    period_to_date_spend: str
    source: LimitSource


class Actor(Answer):
    type: Literal["user_actor"]
    email_address: str


class CoreMetrics(Answer):
    num_sessions: int
    requests: int
    input_tokens: int
    output_tokens: int


class ModelTokens(Answer):
    input: int
    output: int


class EstimatedCost(Answer):
    currency: Literal["USD"]
    amount: int


class ModelUsage(Answer):
    model: str
    tokens: ModelTokens
    estimated_cost: EstimatedCost


class ContributionMetrics(Answer):
    commits_by_claude_code: int
    pull_requests_by_claude_code: int
    lines_of_code_by_claude_code: int


class UsageRow(Answer):
    """Counts of a user and day. `contribution_metrics` is absent for organizations with ZDR."""

    date: str
    actor: Actor
    organization_id: str
    terminal_type: str
    core_metrics: CoreMetrics
    tool_actions: dict[str, int]
    model_breakdown: list[ModelUsage]
    contribution_metrics: ContributionMetrics | None = None


class UsageReport(Answer):
    data: list[UsageRow]
    has_more: bool


class WriteSettings(Request):
    settings: dict[str, Any]


class SettingsAnswer(Answer):
    uuid: str
    checksum: str
    settings: dict[str, Any]


class Referenced(Request):
    """A workflow action. `reference` is a short note (a ticket number), kept in the audit log."""

    reference: Reference


class ZdrRequestAnswer(Answer):
    id: str
    organization_id: str
    status: Literal["requested", "approved", "rejected", "enabled"]


class ZdrStatus(Answer):
    organization_id: str
    status: Literal["enabled", "disabled"]
    request_status: Literal["requested", "approved", "rejected", "enabled", "disabled"] | None
    since: str | None
    covers: list[str]
    not_covered: list[str]
    platforms_covered: list[str]
    platforms_not_covered: list[str]


class ActivityQuery(Paging):
    """Entries of one organization (the caller's own, if it is not named), in order."""

    organization_id: Identifier | None = None


class ActivityActor(Answer):
    id: str
    email: str
    role: str
    organization_id: str


class Entity(Answer):
    type: str
    id: str


class Activity(Answer):
    id: str
    sequence: int
    created_at: str
    type: str
    outcome: Literal["success", "refused"]
    reason: str
    actor: ActivityActor
    organization_id: str
    entity: Entity
    reference: str
    ip_address: str
    user_agent: str
    previous_digest: str
    digest: str


class ActivityList(Page):
    data: list[Activity]


class LocalSession(Answer):
    id: str
    session_id: str
    created_at: str


class LocalSessionList(Page):
    data: list[LocalSession]


class LocalSessionContent(LocalSession):
    request: str
    response: str


class AdvanceClock(Request):
    advance_seconds: Annotated[int, Field(ge=1, le=315_360_000), WHOLE]


class ClockAnswer(Answer):
    now: str


class PurgeAnswer(Answer):
    deleted: dict[str, int]


class RestartAnswer(Answer):
    restarted: bool


class NamedSession(Request):
    organization_id: Identifier
    session_id: SessionId
    reference: Reference


class FlagAnswer(Answer):
    organization_id: str
    session_id: str
    status: Literal["flagged"] = "flagged"


class HoldAnswer(Answer):
    id: str


class ReleasedHold(Answer):
    id: str
    type: Literal["hold_released"] = "hold_released"


class ExceptionQuery(Query):
    organization_id: Identifier


class ExceptionHead(Answer):
    id: str
    organization_id: str
    session_id: str
    reason: Literal["flag", "hold"]
    expires_at: str


class ExceptionList(Answer):
    data: list[ExceptionHead]


class ExceptionContent(ExceptionHead):
    request: str
    response: str


class SetFaults(Request):
    organization_id: Identifier
    status: Literal[500, 529]
    count: Annotated[int, Field(ge=0, le=1000), WHOLE]


class FaultAnswer(Answer):
    organization_id: str
    status: int
    count: int
