"""Calls of the profile that leaked, for the search for smaller ones: what a call consisted of, how a smaller one is sent, and how anybody can send it,
or a malformed request."""

from __future__ import annotations

import base64
import shlex
from typing import Any

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.model import Profile
from zdr_audit.profile.operation import Operation
from zdr_audit.run.script import WORD, comment, credential
from zdr_audit.suite.answers import body_of
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.bypass.drive import altered
from zdr_audit.suite.bypass.load import load_forms
from zdr_audit.suite.bypass.model import Form
from zdr_audit.suite.bypass.shape import lines_of, path_of, reshape, words
from zdr_audit.suite.history import History
from zdr_audit.suite.openapi import declared_storage_operations
from zdr_audit.target import call as shape
from zdr_audit.target import malformed
from zdr_audit.target.call import Call, described, pruned
from zdr_audit.target.malformed import JSON, Malformed
from zdr_audit.target.template import MissingValue, fill, fill_path, names, with_query
from zdr_audit.target.transport import auth_headers

FEATURE, DECLARED = "feature:", "declared:"
MADE_UP = "zdraudit00"
SCRIPT_BYTES = 16_384
"""A body that is larger makes no script that anybody would read."""


def with_declared(profile: Profile, assay: Assay, history: History) -> Profile:
    """The profile, and the operations that only the interface document declares, where one of them leaked: the document is read again."""
    leaked = {f.interaction for check in history.checks if check.outcome == "violated" for f in check.findings if f.canary}
    if not any(item.operation.startswith(DECLARED) for item in history.interactions.values() if item.id in leaked):
        return profile
    known = {(e.method, e.path) for feature in profile.features.values() for e in feature.endpoints}
    headers = dict(assay.dialect.headers)
    try:
        found = declared_storage_operations(assay.document("openapi.read", step="read the interface document"), known)
        more = {
            f"{DECLARED}{o.feature} {o.method} {o.path}": Operation(method=o.method, path=o.path, body=o.body, headers=headers)
            for o in found
        }
    except Exception:  # a document can be odd in any way; without it these are not made smaller, and nothing else is lost
        return profile
    return profile.model_copy(update={"operations": {**profile.operations, **more}})


def _named(sent: Interaction) -> str:
    """The operation of a request; one that was only declared is known by its feature and its endpoint."""
    return f"{sent.operation} {sent.labels.get('endpoint', '')}" if sent.operation.startswith(DECLARED) else sent.operation


def _spec(profile: Profile, operation: str) -> tuple[Operation | None, str, dict[str, str]]:
    """The template of an operation or of an endpoint of a feature, its title, and what fills the names that no answer gave."""
    if operation.startswith(DECLARED):
        declared = profile.operations.get(operation)
        title = operation.removeprefix(DECLARED).partition(" ")[0]
        return declared, title, dict.fromkeys(names(declared.path) - {"org"}, MADE_UP) if declared else {}
    if not operation.startswith(FEATURE):
        return profile.operations.get(operation), "", {}
    name, _, endpoint = operation.removeprefix(FEATURE).partition(".")
    feature = profile.features.get(name)
    if feature is None:
        return None, "", {}
    return next((e for e in feature.endpoints if e.name == endpoint), None), feature.title, dict(feature.examples)


def _parts(spec: Operation) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in shape.PARTS}


def _form(name: str | None) -> Form | None:
    return next((form for form in load_forms() if form.id == name), None) if name else None


def call_of(profile: Profile, sent: Interaction) -> Call | None:
    """What a request consisted of, where it was a call that the profile has, in a form that the corpus has; None for any other."""
    operation = _named(sent)
    spec, title, _ = _spec(profile, operation)
    named = sent.labels.get("form")
    form = _form(named)
    if spec is None or (named and form is None):
        return None
    plain = described(_parts(spec), operation, title, spec.method, spec.path)
    if not plain.content:
        return None
    return plain.model_copy(update={"form": named, "form_words": form.title if form else "", "role": sent.role})


def send_call(assay: Assay, profile: Profile, call: Call) -> Interaction:
    """The call, with a fresh canary as its content, for the subject. Raises NotOffered where it cannot be sent."""
    spec, _, examples = _spec(profile, call.operation)
    assert spec is not None, "the call was made of this profile"
    party, form = assay.subject, _form(call.form)
    actor = party.actor(call.role if call.role in party.actors else "member")
    values: dict[str, Any] = dict(examples)
    if form is not None:
        path = fill_path(spec.path, {**examples, "org": party.id})
        actor, more = altered(assay, form, spec, path, actor)
        values |= more
    less = spec.model_copy(update=pruned(_parts(spec), call))
    return assay.call_as(less, call.operation, actor, step="candidate", **values).interaction


def script_of(profile: Profile, call: Call, model: str, where: str) -> str:
    """The call as a bash script, as `curl` of `run/script.py` makes one; empty where curl cannot send its form, or nobody would read it."""
    spec, _, examples = _spec(profile, call.operation)
    form = _form(call.form)
    member = profile.actors["subject"].get(call.role) or profile.actors["subject"]["member"]
    organization = profile.organizations["subject"].id
    if spec is None or (form is not None and (form.before or form.pipelined or form.scheme != "own")):
        return ""
    known: dict[str, Any] = {**examples, "org": organization, "model": model, "run": "by-hand", "canary": WORD}
    less = spec.model_copy(update=pruned(_parts(spec), call))
    try:
        path = with_query(fill_path(less.path, known), fill(less.query, known))
        body, headers = body_of(less, known)
        lines: tuple[tuple[str, str], ...] = ()
        if form is not None:
            told = words(path, spec.method, profile.target.base_url, organization, profile.organizations["control"].id)
            body, headers = reshape(form, body, headers)
            path, lines = path_of(form, told), lines_of(form, told)
    except (MissingValue, KeyError):
        return ""
    if body is not None and len(body) > SCRIPT_BYTES:
        return ""
    flags = (["--http1.0"] if form and form.version == "1.0" else []) + (
        ["-H 'transfer-encoding: chunked'"] if form and form.chunked else []
    )
    method = (form.method if form else None) or spec.method
    return _script(profile, shape.words(call), method, path, [*headers.items(), *lines], body, flags, member, where)


def script_of_malformed(profile: Profile, request: Malformed, where: str) -> str:
    """The malformed request as such a script."""
    actors = profile.actors["subject"]
    body = request.body(WORD)
    headers = [*request.headers, *([("content-type", JSON)] if body is not None else [])]
    member = actors.get(request.role) or actors["member"]
    return _script(profile, malformed.words(request), request.method, request.target(WORD), headers, body, [], member, where)


def _script(
    profile: Profile,
    said: str,
    method: str,
    path: str,
    headers: list[tuple[str, str]],
    body: bytes | None,
    flags: list[str],
    member: Any,
    where: str,
) -> str:
    kind = f", and a credential of the organization {profile.organizations['subject'].id} into {member.env}" if member.env else ""
    text = _text(body)
    lines = ["#!/usr/bin/env bash", *comment(f"{said[:1].upper()}{said[1:]}. Afterwards its content was found here: {where}")]
    lines += comment(
        f"Put a word of your own for {WORD}{kind}."
        if text is not None or body is None
        else f"The body is written in base64; {WORD} stands in it for the content{kind}."
    )
    if text is not None:
        lines += ["body=$(cat <<'REQUEST'", text, "REQUEST", ")"]
        feed = "printf '%s' \"$body\" | "
    else:
        feed = f"printf '%s' {base64.b64encode(body).decode()} | base64 -d | " if body is not None else ""
    lines.append(
        f"{feed}curl --silent --show-error --path-as-is {' '.join([*flags, ''])}-X {method} {shlex.quote(profile.target.base_url.rstrip('/') + path)} \\"
    )
    lines += [f"  -H {shlex.quote(f'{name}: {value}')} \\" for name, value in headers]
    lines += [f'  -H "{name}: {value}" \\' for name, value in auth_headers(member.header, credential(member), member.prefix).items()]
    lines.append("  --data-binary @-" if body is not None else "  --output -")
    return "\n".join(lines) + "\n"


def _text(body: bytes | None) -> str | None:
    """The body where a shell script can hold it as it is: text without control characters, and no end of its own here-document in it."""
    try:
        text = (body or b"").decode("utf-8")
    except UnicodeDecodeError:
        return None
    plain = all(char.isprintable() or char in "\n\t\r" for char in text) and not text.endswith("\n")
    return text if text and plain and "REQUEST" not in text.splitlines() else None
