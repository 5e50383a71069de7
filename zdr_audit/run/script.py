"""A request as a shell script that anybody can read and run: the credential is an environment variable, the canary the word CANARY."""

from __future__ import annotations

import json
import re
import shlex

from zdr_audit.profile.model import Profile
from zdr_audit.target.dialects import anthropic as dialect
from zdr_audit.target.shape import words
from zdr_audit.target.stimulus import PLACES, Stimulus
from zdr_audit.target.template import fill_path, with_query
from zdr_audit.target.transport import auth_headers

WORD = "CANARY"
_ENDS = ("CAN", "ARY")
_NOISE = "RANDOM_TEXT"
_FILLER = "FILLER_TEXT"


def curl(profile: Profile, operation: str, stimulus: Stimulus, model: str, where: str) -> str:
    """The request as a bash script; `where` says in which place its content was found. Raises KeyError for an operation that the profile lacks."""
    spec = profile.operations[operation]
    member = profile.actors["subject"]["member"]
    organization = profile.organizations["subject"].id
    rendered = _rendered(operation, stimulus, model)
    secret = "not-a-credential-of-anybody" if stimulus.wrong == "bad_credential" else f"${{{member.env}:?}}"
    path = with_query(fill_path(spec.path, {"org": organization}), spec.query)
    headers = [f"  -H {shlex.quote(f'{k}: {v}')} \\" for k, v in {**spec.headers, **rendered.headers}.items()]
    headers += [f'  -H "{name}: {value}" \\' for name, value in auth_headers(member.header, secret).items()]
    lines = [
        "#!/usr/bin/env bash",
        *_comment(f"{words(operation, stimulus).capitalize()}. Afterwards its content was found here: {where}"),
        *_comment(f"Put a word of your own for {WORD}, and a credential of the organization {organization} into {member.env}."),
        "body=$(cat <<'REQUEST'",
        rendered.body.decode(),
        "REQUEST",
        ")",
        *_long_parts(stimulus, profile.limits.body_bytes),
        f"printf '%s' \"$body\" | curl --silent --show-error --no-buffer -X {spec.method} {shlex.quote(profile.target.base_url.rstrip('/') + path)} \\",
        *headers,
        "  --data-binary @-" + (f" | head -c {stimulus.abandon_after}" if stimulus.abandon_after is not None else ""),
    ]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line.rstrip()}" for line in re.findall(r".{1,116}(?:\s|$)|\S{116}", " ".join(text.split()))]


def _rendered(operation: str, stimulus: Stimulus, model: str) -> dialect.Rendered:
    """The request with words in place of its long parts."""
    short = stimulus.model_copy(update={"padding": 0, "noise": 0, "wrong": None if stimulus.wrong == "too_large" else stimulus.wrong})
    texts = {place: WORD for place in PLACES if place in stimulus.places}
    made = dialect.render(short, stimulus.model or model, texts, _ENDS if stimulus.answer else (), 0)
    try:
        body = json.loads(made.body)
    except ValueError:
        return made  # broken on purpose
    if operation == "messages.count_tokens":
        for key in ("max_tokens", "stream", "stop_sequences", "metadata"):
            body.pop(key, None)
    long = [word for word, length in ((_NOISE, stimulus.noise), (_FILLER, stimulus.padding)) if length]
    spoken = [m for m in body.get("messages") or body.get("system") or [] if isinstance(m, dict) and isinstance(m.get("content"), list)]
    if long and spoken:
        spoken[-1]["content"][-1:-1] = [{"type": "text", "text": word} for word in long]
    return dialect.Rendered(made.headers, json.dumps(body, indent=1).encode())


def _long_parts(stimulus: Stimulus, body_bytes: int) -> list[str]:
    lines = []
    if stimulus.noise:
        lines += [f"noise=$(head -c {stimulus.noise} /dev/urandom | base64 -w 0 | tr '+/' '-_' | head -c {stimulus.noise})"]
        lines += [f"body=${{body/{_NOISE}/$noise}}"]
    if stimulus.padding:
        count = stimulus.padding // len(dialect.FILLER) + 1
        lines += [f"filler=$(printf '{dialect.FILLER}%.0s' $(seq {count}))", f"body=${{body/{_FILLER}/$filler}}"]
    if stimulus.wrong == "too_large":
        lines += [f"body=\"$body$(head -c {body_bytes + 1024} /dev/zero | tr '\\0' ' ').\""]
    return lines
