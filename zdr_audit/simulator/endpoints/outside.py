"""Chat, Cowork and connectors: outside ZDR, and every answer says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zdr_audit.simulator.context import CUSTOMER_ROLES, RequestContext
from zdr_audit.simulator.operations import Operation, Reply
from zdr_audit.simulator.schemas.client import ConnectorAnswer, ConnectorResult, OutsideAnswer, TextRequest
from zdr_audit.simulator.scope import NOTICE

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


def chat(parts: Parts, ctx: RequestContext) -> Reply:
    message_id, answer = parts.outside.send(ctx, "chat", ctx.body(TextRequest).text)
    return Reply(OutsideAnswer(id=message_id, text=answer))


def cowork(parts: Parts, ctx: RequestContext) -> Reply:
    message_id, answer = parts.outside.send(ctx, "cowork", ctx.body(TextRequest).text)
    return Reply(OutsideAnswer(id=message_id, text=answer))


def connector(parts: Parts, ctx: RequestContext) -> Reply:
    characters = parts.outside.call_connector(ctx.body(TextRequest).text)
    return Reply(ConnectorAnswer(result=ConnectorResult(characters=characters), notice=NOTICE))


OPERATIONS = [
    Operation(
        "chat.send",
        "POST",
        "/v1/chat/messages",
        "Send a chat message (not covered by ZDR)",
        chat,
        CUSTOMER_ROLES,
        request=TextRequest,
        answer=OutsideAnswer,
        carries_content=True,
    ),
    Operation(
        "cowork.send",
        "POST",
        "/v1/cowork/messages",
        "Send a Cowork message (not covered by ZDR)",
        cowork,
        CUSTOMER_ROLES,
        request=TextRequest,
        answer=OutsideAnswer,
        carries_content=True,
    ),
    Operation(
        "connector.call",
        "POST",
        "/v1/connectors/{name}/call",
        "Call a third party's connector (not covered by ZDR)",
        connector,
        CUSTOMER_ROLES,
        request=TextRequest,
        answer=ConnectorAnswer,
    ),
]
