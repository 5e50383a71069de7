"""A request as a shell script that anybody can read and run: the credential is an environment variable, the canary the word CANARY."""

from __future__ import annotations

import json
import re
import shlex

from zdr_audit.profile.model import SESSION, ActorSection, Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.target.dialects.base import Dialect, Rendered, counting_dialect
from zdr_audit.target.dialects.content import FILLER
from zdr_audit.target.guise import dressed
from zdr_audit.target.session import in_session
from zdr_audit.target.shape import words
from zdr_audit.target.stimulus import PLACES, Stimulus
from zdr_audit.target.template import fill_path, fill_some, with_query
from zdr_audit.target.transport import auth_headers
from zdr_audit.target.wire import MISSING_BYTES

WORD = "CANARY"
_ENDS = ("CAN", "ARY")
_NOISE = "RANDOM_TEXT"
_FILLER = "FILLER_TEXT"


def curl(profile: Profile, dialect: Dialect, operation: str, stimulus: Stimulus, model: str, where: str) -> str:
    """The request as a bash script; `where` says in which place its content was found. Raises KeyError for an operation that the profile lacks."""
    spec = profile.operations[operation].without(stimulus.without)
    member = profile.actors["subject"]["member"]
    organization = profile.organizations["subject"].id
    rendered = _rendered(dialect, operation, spec, stimulus, model)
    secret = "not-a-credential-of-anybody" if stimulus.wrong == "bad_credential" else credential(member)
    said = words(operation, stimulus)
    account = profile.organizations["subject"].account or ""
    known = {"org": organization, "account": account, "model": model, "run": "by-hand", SESSION: stimulus.session}
    path = with_query(fill_path(spec.path, known), fill_some(spec.query, known))
    headers = [f"  -H {shlex.quote(f'{k}: {v}')} \\" for k, v in {**fill_some(spec.headers, known), **rendered.headers}.items()]
    headers += [f"  -H {shlex.quote(line)} \\" for line in _framing(stimulus)]
    headers += [f'  -H "{name}: {value}" \\' for name, value in auth_headers(member.header, secret, member.prefix).items()]
    lines = [
        "#!/usr/bin/env bash",
        *comment(f"{said[:1].upper()}{said[1:]}. Afterwards its content was found here: {where}"),
        *comment(
            f"Put a word of your own for {WORD}{f', and a credential of the organization {organization} into {member.env}' if member.env else ''}."
        ),
        "body=$(cat <<'REQUEST'",
        rendered.body.decode(),
        "REQUEST",
        ")",
        *_long_parts(stimulus, profile.limits.body_bytes),
        f"printf '%s' \"$body\" | curl --silent --show-error --no-buffer -X {spec.method} {shlex.quote(profile.target.base_url.rstrip('/') + path)} \\",
        *headers,
        *(['  -H "content-length: $length" --max-time 1 \\'] if stimulus.unfinished else []),
        "  --data-binary @-" + (f" | head -c {stimulus.abandon_after}" if stimulus.abandon_after is not None else ""),
    ]
    return "\n".join(lines) + "\n"


def _framing(stimulus: Stimulus) -> list[str]:
    """Header lines by which curl sends the body in chunks, and no name of its own."""
    lines = ["transfer-encoding: chunked"] if stimulus.chunked else []
    return [*lines, "user-agent:"] if stimulus.unnamed else lines


def credential(member: ActorSection) -> str:
    """What a shell puts in the credential's place: a variable that must be set, or what the profile's command prints."""
    return f"${{{member.env}:?}}" if member.env else f"$({shlex.join(member.command or ())})"


def comment(text: str) -> list[str]:
    """A text as comment lines of a script."""
    return [f"# {line.rstrip()}" for line in re.findall(r".{1,116}(?:\s|$)|\S{116}", " ".join(text.split()))]


def _rendered(dialect: Dialect, operation: str, spec: Operation, stimulus: Stimulus, model: str) -> Rendered:
    """The request with words in place of its long parts, which stand before the message's own words in every dialect."""
    short = stimulus.model_copy(update={"padding": 0, "noise": 0, "wrong": None if stimulus.wrong == "too_large" else stimulus.wrong})
    texts = {place: dressed(stimulus, place, WORD) for place in PLACES if place in stimulus.places}
    long = [word for word, length in ((_NOISE, stimulus.noise), (_FILLER, stimulus.padding)) if length]
    if long:
        texts["message"] = " ".join([*long, texts.get("message", "the ships")])
    told = counting_dialect(dialect) if operation == "messages.count_tokens" else dialect
    made = told.render(short, stimulus.model or model, texts, _ENDS if stimulus.answer else (), 0)
    body = told.counting(made.body) if operation == "messages.count_tokens" else made.body
    body = in_session(body, spec, stimulus.session)
    try:
        return Rendered(made.headers, json.dumps(json.loads(body), indent=1).encode())
    except ValueError:
        return made  # broken on purpose


def _long_parts(stimulus: Stimulus, body_bytes: int) -> list[str]:
    lines = []
    if stimulus.noise:
        lines += [f"noise=$(head -c {stimulus.noise} /dev/urandom | base64 -w 0 | tr '+/' '-_' | head -c {stimulus.noise})"]
        lines += [f"body=${{body/{_NOISE}/$noise}}"]
    if stimulus.padding:
        count = stimulus.padding // len(FILLER) + 1
        lines += [f"filler=$(printf '{FILLER}%.0s' $(seq {count}))", f"body=${{body/{_FILLER}/$filler}}"]
    if stimulus.wrong == "too_large" and not stimulus.unfinished:
        lines += [f"body=\"$body$(head -c {body_bytes + 1024} /dev/zero | tr '\\0' ' ').\""]
    if stimulus.unfinished:
        lines += [f"length=$(($(printf '%s' \"$body\" | wc -c) + {body_bytes if stimulus.wrong == 'too_large' else MISSING_BYTES}))"]
    return lines
