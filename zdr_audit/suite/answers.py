"""What is sent for an operation of the profile, and what the answers to operations and stimuli come to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal

from zdr_audit.profile.base import OF_THE_REQUEST
from zdr_audit.profile.operation import Operation, Refusal
from zdr_audit.suite.recorder import Judged, error_data
from zdr_audit.target.dialects.base import Dialect, events
from zdr_audit.target.outcome import document, outcome
from zdr_audit.target.stimulus import Stimulus, Wrong
from zdr_audit.target.template import fill, names, pointer
from zdr_audit.target.transport import Answer
from zdr_audit.target.wire import UNFINISHED

Weigh = Literal["success", "decision", "answer"]
MORE = "more"
"""The label of a page of a list after which there is another."""
_LONGEST_ID = 200
_EXPECTED: dict[Wrong, tuple[int, ...]] = {
    "unknown_model": (400, 404),
    "negative_max_tokens": (400, 422),
    "empty_messages": (400, 422),
    "bad_role": (400, 422),
    "broken_json": (400, 422),
    "no_version": (400, 422),
    "bad_credential": (401, 403),
    "too_large": (413, 400),
}


def inference_judge(
    dialect: Dialect,
    rule: Refusal,
    stimulus: Stimulus,
    expected: str,
    spec: Operation,
    expects: tuple[int, ...],
    must: tuple[int, ...],
    *,
    counting: bool,
) -> Callable[[Answer], Judged]:
    """What judges the answers to a stimulus. `expected` is what the answer must say (empty: nothing is asked of it), `expects` are statuses that are an
    answer too, `must` those that it must have, `counting` that tokens were to be counted."""

    def judge(answer: Answer) -> Judged:
        if answer.status is None:
            gone = stimulus.unfinished and answer.error == UNFINISHED
            return Judged("abandoned" if gone else "no_answer", gone)
        if answer.status in expects:
            return Judged("accepted", True, "", error_data(answer))
        if must:
            return Judged(outcome(answer, spec, rule, (200,)), False, f"expected {must}", error_data(answer))
        if stimulus.wrong is not None:
            fits = answer.status in _EXPECTED[stimulus.wrong] and document(answer) is not None
            seen = "accepted" if fits else outcome(answer, spec, rule, ())
            return Judged(seen, fits, "" if fits else f"expected {_EXPECTED[stimulus.wrong]}", error_data(answer))
        served = outcome(answer, spec, rule, (200, 201))
        if served == "accepted" and counting:
            tokens = pointer(document(answer), spec.extract.get("tokens", "/input_tokens"))
            return Judged("accepted", True) if isinstance(tokens, int) else Judged("malformed", False, "no token count in the answer")
        parsed = dialect.parse(answer.status, answer.header("content-type") or "", answer.body, streamed=stimulus.stream)
        # The search for canaries is deaf to case, too.
        follows = {"answer": "follows" if expected in parsed.text.lower() else "does not follow"} if expected else {}
        if stimulus.abandon_after is not None:
            cut = served == "accepted" and answer.error == "abandoned"
            why = "" if cut else "the answer ended before it could be abandoned"
            return Judged("abandoned" if cut else "malformed", cut, why, labels=follows, text=parsed.text)
        if served != "accepted":
            return Judged(served, False, "", error_data(answer))
        if not parsed.ok or answer.error:
            return Judged("malformed", False, answer.error or parsed.problem)
        if stimulus.opening is not None and parsed.cached is not None:
            follows |= {"read_from_cache": str(parsed.cached)}
        return Judged("accepted", True, labels=follows, text=parsed.text)

    return judge


def answer_id(answer: Answer) -> str:
    """What an answer to inference calls itself, be it whole or a stream; empty where it has no name."""
    whole = document(answer)
    told = [whole] if whole is not None else islice(map(_loaded, events(answer.body)), 8)
    for said in told:
        for place in ("/message/id", "/response/id", "/id"):
            if isinstance(name := pointer(said, place), str) and 0 < len(name) <= _LONGEST_ID:
                return name
    return ""


def _loaded(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def judged_call(
    spec: Operation,
    rule: Refusal,
    answer: Answer,
    found: dict[str, Any],
    items: list[Any],
    weigh: Weigh,
    add_secret: Callable[[str], None],
    about: Mapping[str, Any] = MappingProxyType({}),
) -> Judged:
    """What an operation's answer comes to; `about` is what the request was filled with. Values that the profile names go to `found` and `items`; secret ones
    are told to `add_secret`."""
    seen = outcome(answer, spec, rule)
    if answer.error and answer.status is not None:
        return Judged("malformed", False, answer.error)
    if seen != "accepted":
        decided = seen not in {"no_answer", "rate_limited"} and (weigh == "answer" or answer.status != 401)
        dealt = weigh != "success" and decided
        return Judged(seen, dealt, "", error_data(answer))
    data = document(answer)
    for key, where in spec.extract.items():
        found[key] = spec.read(key, pointer(data, where))
        if key in spec.secret and isinstance(found[key], str):
            add_secret(found[key])
    missing = [key for key, value in found.items() if value is None and key not in ("reason",)]
    listed = pointer(data, spec.items) if spec.items is not None else []
    if missing or not isinstance(listed, list):
        return Judged("malformed", False, f"the answer lacks {', '.join(missing) or 'its list'}", error_data(answer))
    for entry in listed:
        items.append(
            {k: spec.read(k, _said(entry, p, about)) for k, p in spec.fields.items()}
            | ({"_whole": entry} if spec.fields.get("_whole") == "" else {})
        )
    kept = {k: v for k, v in found.items() if k not in spec.secret}
    labels = {}
    if spec.page is not None:
        found["_more"], found["_cursor"] = pointer(data, spec.page.more), pointer(data, spec.page.cursor)
        labels = {MORE: "true"} if found["_more"] and found["_cursor"] else {}
    return Judged("accepted", True, "", kept | ({"items": items} if spec.items is not None else {}), labels)


def _said(entry: Any, where: str, about: Mapping[str, Any]) -> Any:
    """What stands at a place of an entry; of `={org}` the organization that the list was asked for: all its entries are of that one."""
    return about.get("org") if where == OF_THE_REQUEST else pointer(entry, where)


def _file_name(part: str, value: str, known: Mapping[str, Any]) -> str:
    """People call a file by what it says: content in a part is in its file name, too."""
    return f"{known['canary']}.txt" if "canary" in names(value) and "canary" in known else f"{part}.txt"


def body_of(spec: Operation, known: Mapping[str, Any]) -> tuple[bytes | None, dict[str, str]]:
    """The body of a call and its headers, filled. Raises MissingValue."""
    headers = {k: str(v) for k, v in fill(spec.headers, known).items()}
    if "_body" in known:
        return known["_body"], headers | {"content-type": "application/json"}
    if spec.multipart is not None:
        boundary = "zdr-audit-boundary-7d93b1"
        chunks = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{_file_name(name, value, known)}"\r\n'
            f"Content-Type: text/plain\r\n\r\n{fill(value, known)}\r\n"
            for name, value in spec.multipart.items()
        ]
        return ("".join(chunks) + f"--{boundary}--\r\n").encode(), headers | {"content-type": f"multipart/form-data; boundary={boundary}"}
    if spec.body is None:
        return None, headers
    return json.dumps(fill(spec.body, known)).encode(), headers | {"content-type": "application/json"}
