"""Shapes of what the command line client asks and tells, and of the services outside ZDR."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from zdr_audit.simulator.schemas.base import Answer, Request


class AnyBody(Request):
    """Any JSON object; what is not counted is dropped."""


class CountsReport(AnyBody):
    """What the client counted; metrics that are not known are dropped."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"metrics": [{"name": "claude_code.commit.count", "data_points": [{"value": 1, "timestamp": "2026-01-31T12:00:00Z"}]}]},
            ]
        }
    )


class Allowed(Answer):
    allowed: bool


class PolicyLimitsAnswer(Answer):
    restrictions: dict[str, Allowed]
    compliance_taints: list[Literal["zdr"]]


class MetricsEnabled(Answer):
    metrics_logging_enabled: bool


class Counted(Answer):
    accepted_count: int


class Bootstrap(Answer):
    client_data: dict[str, Any]


class ProfileAccount(Answer):
    uuid: str
    email: str


class ProfileOrganization(Answer):
    uuid: str
    name: str
    organization_type: str


class Profile(Answer):
    account: ProfileAccount
    organization: ProfileOrganization


class TextRequest(Request):
    text: str


class OutsideAnswer(Answer):
    id: str
    text: str
    zdr_covered: Literal[False] = False


class ConnectorResult(Answer):
    characters: int


class ConnectorAnswer(Answer):
    result: ConnectorResult
    zdr_covered: Literal[False] = False
    notice: str
