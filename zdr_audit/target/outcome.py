"""Reads what an answer means: accepted, refused by policy, denied, ... by the rules of the profile."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from zdr_audit.profile.operation import Operation, Refusal, Sign
from zdr_audit.target.pace import NO_ANSWER
from zdr_audit.target.template import pointer
from zdr_audit.target.transport import Answer

MAX_DEPTH = 100
NOT_MODIFIED = 304
"""What a client that has an earlier answer is told where that still holds."""


def document(answer: Answer) -> Any:
    """The answer's JSON, None where it is none. JSON nested more than `MAX_DEPTH` deep is taken for none: nothing that we read is."""
    if not answer.body:
        return None
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return data if _shallow(data) else None


def _shallow(data: Any) -> bool:
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [part for item in level for part in _inside(item)]
        if not level:
            return True
    return False


def _inside(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def is_policy_refusal(answer: Answer, rule: Refusal) -> bool:
    """Status, type and meaning all say that the organization's policy does not allow it. Wording and language are left to the target."""
    return policy_refusal_problem(answer, rule) is None


def _problem_text(answer: Answer, data: Any, rule: Refusal) -> str | None:
    """What a problem document (RFC 9457) says, whose type is an address of its owner's choice and stands with its words, and what it says beyond that
    where the rule points. None for any other answer."""
    if not isinstance(data, dict) or not (answer.header("content-type") or "").casefold().startswith("application/problem+json"):
        return None
    said = [data.get(key, "") for key in ("type", "title", "detail")]
    said += [pointer(data, where) or "" for where in (rule.text_pointer, rule.code_pointer)]
    return " ".join(map(str, said)).casefold()


def policy_refusal_problem(answer: Answer, rule: Refusal) -> str | None:
    """Why an answer is not a policy refusal, None where it is one."""
    if answer.status not in rule.status:
        return f"status {answer.status}, not {' or '.join(map(str, rule.status))}"
    data = document(answer)
    said = _problem_text(answer, data, rule)
    if said is not None:
        return (
            None
            if any(word.casefold() in said for word in rule.words)
            else "its text does not say that the organization's policy is the reason"
        )
    kind = pointer(data, rule.type_pointer)
    if rule.types and kind not in rule.types:
        return f"its error type is {kind!r}, not {' or '.join(map(repr, rule.types))}"
    text = f"{pointer(data, rule.text_pointer) or ''} {pointer(data, rule.code_pointer) or ''}".casefold()
    if not any(word.casefold() in text for word in rule.words):
        return "its text does not say that the organization's policy is the reason"
    return None


def shows(answer: Answer, sign: Sign) -> bool:
    """Whether an answer says what the sign asks for."""
    found = pointer(document(answer), sign.pointer)
    if not sign.values and not sign.words:
        return found is not None
    said = str(found or "").casefold()
    return found in sign.values or any(word.casefold() in said for word in sign.words)


def outcome(answer: Answer, spec: Operation, general: Refusal, accepted: tuple[int, ...] | None = None) -> str:
    """The outcome word by the rules of an operation, and where it has none by those of the profile. `accepted` takes the place of its statuses."""
    return classify(answer, spec.accepted if accepted is None else accepted, spec.refusal or general, spec.accepted_when)


def classify(answer: Answer, accepted: tuple[int, ...], rule: Refusal, when: Sign | None = None) -> str:
    """The outcome word of the journal for an answer to an ordinary operation."""
    status = answer.status
    if status is None:
        return "no_answer"
    if status == NOT_MODIFIED:  # whatever a profile accepts: there is nothing in it that could be read
        return "not_modified"
    if status >= 400 and is_policy_refusal(answer, rule):  # also where the profile accepts the status for another reason
        return "refused_by_policy"
    if status in accepted and (when is None or shows(answer, when)):
        return "accepted"
    if is_policy_refusal(answer, rule):
        return "refused_by_policy"
    if status in (401, 403):
        return "denied"
    if status in (404, 405, 410):
        return "not_found"
    if status == 429:
        return "rate_limited"
    if status < 300:
        return "declined" if status in accepted else "unexpected"
    if status < 400:
        return "redirected"
    if status in NO_ANSWER:
        return "no_answer"
    return "client_error" if 400 <= status < 500 else "server_error"
