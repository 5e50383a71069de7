"""The reference simulator with an interface of other shapes: `python reshaped_simulator.py WAYS ARGUMENTS...` of the simulator.

WAYS are words with `+` between them. `at-once`: a request for ZDR is approved by the answer to it, with one entry in the log (`two-entries`: one for each), and
there is nothing to approve or to reject. `limits`: limits are told as a list of objects (`wrong-limits`: as if ZDR closed nothing; `strange-limits`: in
words that no profile knows). `body-sessions`: inference names its session in the body alone. `enables-at-once`: the request enables, too, which it must not;
`used-again`: what was used up enables again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.types import Message, Receive, Scope, Send

import zdr_audit.simulator.__main__ as program
from zdr_audit.profile.load import shipped
from zdr_audit.simulator import parts
from zdr_audit.simulator.audit import ZDR
from zdr_audit.simulator.endpoints import zdr
from zdr_audit.simulator.errors import ConflictError
from zdr_audit.simulator.lives import Lives
from zdr_audit.simulator.tables import Organization, ZdrRequest
from zdr_audit.simulator.workflow import Workflow

SESSION = b"x-claude-code-session-id"
GONE = ("zdr.approve", "zdr.reject")

PROFILE = {
    "at-once": (
        'extract = { request = "/id", status = "/status" }',
        'extract = { request = "/id", status = "/status" }\nalso = ["zdr.approve"]',
    ),
    "limits": (
        'extract = { restrictions = "/restrictions", taints = "/compliance_taints" }',
        'extract = { taints = "/marks" }\nitems = "/features"\nfields = { feature = "/name", state = "/state" }\n'
        'means = { state = { closed = ["off"], open = ["on", "beta"] }, taints = { zdr = ["no-retention"] } }',
    ),
    "body-sessions": ('[operations."messages.create"]\n', '[operations."messages.create"]\nsession = "/conversation/id"\n'),
}


def profile(folder: Path, ways: str, base_url: str = "http://127.0.0.1:9") -> Path:
    """The shipped profile of the simulator, changed as these ways need it, in a file of the folder."""
    text = (
        shipped()["simulator"].read_text(encoding="utf-8").replace("http://127.0.0.1:8700", base_url).replace('launch = "simulator"\n', "")
    )
    for way, (old, new) in PROFILE.items():
        if way in ways:
            assert old in text
            text = text.replace(old, new, 1)
    if "at-once" in ways:
        for name in GONE:
            before, _, after = text.partition(f'[operations."{name}"]\n')
            text = before + "[operations." + after.partition("[operations.")[2]
        types = ("approved", "rejected") if "two-entries" not in ways else ("rejected",)
        for kind in types:
            text = text.replace(f'{kind} = "org_claude_code_zero_data_retention_{kind}"\n', "")
    path = folder / "reshaped.toml"
    path.write_text(text, encoding="utf-8")
    return path


def approve_at_once(ways: str) -> None:
    """A request is approved where the organization is eligible, and refused where it is not."""
    ask = Workflow.request

    def request(self: Workflow, caller: Any, organization_id: str, reference: str) -> ZdrRequest:
        with self.parts.stores.read() as session:
            organization = session.get(Organization, organization_id)
        if organization is not None and organization.product != "provider" and not self.eligible(organization):
            raise ConflictError("The organization is not eligible: it has no commercial terms.", reason="not_eligible")
        made = ask(self, caller, organization_id, reference)
        with self.parts.stores.write() as session:
            row = session.get(ZdrRequest, made.id)
            assert row is not None
            row.status = "approved"
            if "two-entries" in ways:
                self.parts.audit.append(session, caller, ZDR + "approved", organization_id, ("zdr_request", row.id), reference=reference)
            if "enables-at-once" in ways:
                found = session.get(Organization, organization_id)
                assert found is not None
                found.zdr_since = self.parts.clock.stamp()
        return row

    approve, bootstrap = Workflow.approve, program.bootstrap

    def approved(self: Workflow, caller: Any, request_id: str, reference: str) -> ZdrRequest:
        """What an organization that is made with ZDR goes through: its request is approved already."""
        with self.parts.stores.read() as session:
            row = session.get(ZdrRequest, request_id)
        return row if row is not None and row.status == "approved" else approve(self, caller, request_id, reference)

    def then(made: Any) -> bool:
        """What the simulator is born with has gone the usual way."""
        first = bootstrap(made)
        Workflow.request, Workflow.approve = request, approved  # type: ignore[method-assign]
        return first

    program.bootstrap = then
    zdr.OPERATIONS[:] = [operation for operation in zdr.OPERATIONS if operation.name not in GONE]
    if "used-again" in ways:
        in_status = Workflow._in_status

        def any_status(session: Any, request_id: str, status: str, reason: str) -> ZdrRequest:
            row = session.get(ZdrRequest, request_id)
            return row if row is not None and row.status == "disabled" else in_status(session, request_id, status, reason)

        Workflow._in_status = staticmethod(any_status)  # type: ignore[method-assign]


def limits_of(said: Mapping[str, Any], ways: str) -> dict[str, Any]:
    """The same limits in another shape."""
    closed, opened = ("off", "on") if "strange-limits" not in ways else ("paused", "running")
    states = {name: closed if not told["allowed"] and "wrong-limits" not in ways else opened for name, told in said["restrictions"].items()}
    marks = ["no-retention" if taint == "zdr" else taint for taint in said["compliance_taints"]]
    return {"features": [{"name": name, "state": state} for name, state in states.items()], "marks": marks}


class Reshaped(Lives):
    """Lives whose requests and answers have another shape on the wire."""

    ways = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/v1/messages" and "body-sessions" in self.ways:
            scope, receive = await _session_out_of_body(scope, receive)
        if scope["type"] == "http" and scope["path"].endswith("/policy_limits") and "limits" in self.ways:
            send = _reshaping(send, self.ways)
        await super().__call__(scope, receive, send)


async def _session_out_of_body(scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """The request with the session that its body names, and no other, in the header that the simulator reads."""
    came: list[Message] = []
    while not came or (came[-1]["type"] == "http.request" and came[-1].get("more_body")):
        came.append(await receive())
    raw = b"".join(message.get("body", b"") for message in came)
    headers = [(name, value) for name, value in scope["headers"] if name != SESSION]
    try:
        body = json.loads(raw)
        named = body.pop("conversation")["id"] if isinstance(body, dict) and "conversation" in body else None
    except (ValueError, KeyError, TypeError, UnicodeDecodeError, RecursionError):
        named = None
    if named is not None:
        raw = json.dumps(body).encode() + raw[len(raw.rstrip(b" ")) :]
        headers = [(n, str(len(raw)).encode() if n == b"content-length" else v) for n, v in headers] + [(SESSION, str(named).encode())]
    whole: list[Message] = [{"type": "http.request", "body": raw, "more_body": came[-1]["type"] != "http.request"}]
    whole += [came[-1]] if came[-1]["type"] != "http.request" else []

    async def again() -> Message:
        return whole.pop(0) if whole else await receive()

    return {**scope, "headers": headers}, again


def _reshaping(send: Send, ways: str) -> Send:
    begun: list[Message] = []

    async def reshaped(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
            return
        start, body = begun[0], message.get("body", b"")
        if start["status"] == 200:
            body = json.dumps(limits_of(json.loads(body), ways)).encode()
        length = str(len(body)).encode()
        headers = [(name, length if name == b"content-length" else value) for name, value in start["headers"]]
        await send({**start, "headers": headers})
        await send({**message, "body": body})

    return reshaped


def reshape(ways: str) -> None:
    """Makes the simulators of this process such ones."""
    if "at-once" in ways:
        approve_at_once(ways)
    if "limits" in ways:
        document = parts.build_document

        def of_other_limits(*given: Any) -> dict[str, Any]:
            made = document(*given)
            made["components"]["schemas"]["PolicyLimitsAnswer"] = {"type": "object", "required": ["features", "marks"]}
            return made

        parts.build_document = of_other_limits
    Reshaped.ways = ways
    program.Lives = Reshaped  # type: ignore[misc]


if __name__ == "__main__":
    reshape(sys.argv[1])
    program.serve.main(args=sys.argv[2:], prog_name="simulator")
