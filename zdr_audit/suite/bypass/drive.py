"""Sends forms: each for the organization without ZDR, where it should work, and for the subject, where it must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from zdr_audit.profile.operation import FeatureEndpoint, Operation
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.bypass.model import Form
from zdr_audit.suite.bypass.shape import lines_of, path_of, reshape, words
from zdr_audit.suite.party import Actor, Party
from zdr_audit.target.dialects import anthropic
from zdr_audit.target.template import fill_path, names
from zdr_audit.target.transport import auth_headers
from zdr_audit.target.wire import Plain, Wire

STRIDE = 3


def spots(assay: Assay, *, reads: bool = False) -> list[tuple[str, FeatureEndpoint]]:
    """Every endpoint that takes content and needs nothing made before, helper endpoints too; the features that the policy names first. `reads`: every one
    that is read and needs nothing made before."""
    features = sorted(assay.profile.features.items(), key=lambda item: not item[1].named_in_policy)
    return [(name, e) for name, feature in features for e in feature.endpoints if (lists(e) if reads else e.carries and not e.continues)]


def lists(endpoint: FeatureEndpoint) -> bool:
    """Whether it is read and needs nothing made before."""
    return endpoint.method == "GET" and not endpoint.carries and names([endpoint.path, endpoint.query, endpoint.body]) <= {"org"}


def send_forms(assay: Assay, forms: tuple[Form, ...], each: int, workers: int = 1, further: int = 0) -> None:
    """Every form at `each` endpoints, at others for every form; the seed says where to begin. With several `workers` that many at the same time. A form that
    was of use to the organization without ZDR at none of these endpoints is tried at up to `further` ones more, since one endpoint may read what another
    does not."""
    beginning, reading = spots(assay), spots(assay, reads=True)
    jobs: list[Callable[[], None]] = []
    for number, form in enumerate(forms):
        places = reading if form.reads else beginning
        if places and form.role in assay.subject.actors:
            turned = [places[(assay.seed + number + step) % len(places)] for step in _steps(len(places))]
            jobs.append(partial(_send_at, assay, form, turned[:each], turned[each : each + further]))
    if workers > 1:
        assay.parallel(jobs, workers)
    else:
        for job in jobs:
            job()


def send_at_once(assay: Assay, forms: tuple[Form, ...], most: int) -> None:
    """Forms that `send_forms` has sent, once more for the subject, up to `most` of them at the same moment: what guards the features must do so for all of
    them."""
    places = spots(assay)
    known = [(number, form) for number, form in enumerate(forms) if not form.reads and form.role in assay.subject.actors][:most]
    if places and known:
        chosen = [(form, *places[(assay.seed + number) % len(places)]) for number, form in known]
        assay.together([partial(send_form, assay, form, name, endpoint, assay.subject) for form, name, endpoint in chosen])


def _steps(count: int) -> list[int]:
    """All of so many places, neighbours far from one another."""
    return list(dict.fromkeys([*(number * STRIDE % count for number in range(count)), *range(count)]))


def _send_at(assay: Assay, form: Form, places: list[tuple[str, FeatureEndpoint]], more: list[tuple[str, FeatureEndpoint]]) -> None:
    useful = [_send_both(assay, form, name, endpoint) for name, endpoint in places]
    for name, endpoint in more:
        if any(useful):
            break
        useful.append(_send_both(assay, form, name, endpoint))


def _send_both(assay: Assay, form: Form, name: str, endpoint: FeatureEndpoint) -> bool:
    """The form for the organization without ZDR, and for the subject; whether it was of use to the former."""
    works = send_form(assay, form, name, endpoint, assay.control)
    send_form(assay, form, name, endpoint, assay.subject)
    return works


def send_form(assay: Assay, form: Form, name: str, endpoint: FeatureEndpoint, party: Party) -> bool:
    """One form at one endpoint as one organization, and whether the feature was had; the step names the form. A role that the organization has not is its
    member's."""
    actor = party.actor(form.role if form.role in party.actors else "member")
    path = fill_path(endpoint.path, {**assay.feature(name).examples, "org": party.id})
    signed, values = altered(assay, form, endpoint, path, actor)
    replies = assay.use_feature(
        name,
        signed,
        step=form.id,
        only=lambda e: e is endpoint,
        counts=party.key == "subject",
        labels={"form": form.id, "group": form.group},
        values=values,
    )
    return any(reply.interaction.outcome == "accepted" for reply in replies)


def altered(assay: Assay, form: Form, endpoint: Operation, path: str, actor: Actor) -> tuple[Actor, dict[str, Any]]:
    """(who signs in what header, what a call of the endpoint at this path is to have instead of its own) for a form."""
    actor = _signed(form, actor)
    known = words(path, endpoint.method, assay.recorder.transport.base_url, actor.organization_id, assay.control.id)
    lines = lines_of(form, known)
    if form.scheme == "both":
        other = "x-api-key" if actor.header.lower() == "authorization" else "authorization"
        lines += tuple(auth_headers(other, actor.headers()[1]).items())
    before = None if form.before is None else _harmless(assay, actor if form.before == "own" else assay.control.member)
    return actor, {
        "_path": path_of(form, known),
        "_method": form.method or endpoint.method,
        "_reshape": partial(reshape, form),
        "_wire": Wire(form.version, lines, form.chunked, before, form.pipelined),
    }


def _signed(form: Form, actor: Actor) -> Actor:
    return actor if form.scheme in ("own", "both") else replace(actor, header=form.scheme, prefix=None)


def _harmless(assay: Assay, actor: Actor) -> Plain:
    """A request that every organization may make: the list of models, or what the profile has in its place."""
    listed = assay.profile.operations.get("models.list")
    path = listed.path if listed is not None else "/"
    lines = {"anthropic-version": anthropic.VERSION, **actor.headers()[0]}
    return Plain("GET", path, tuple(lines.items()))
