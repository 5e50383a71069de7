"""Requests with content in their address or in a header of theirs: to paths that lead nowhere, in place of an identifier, in place of what a header names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.contract.interface import Documented
from zdr_audit.suite.contract.malformed import send_as_it_is
from zdr_audit.suite.contract.requests import Requests
from zdr_audit.suite.party import Actor
from zdr_audit.target.malformed import NAMES_A_KIND, PLACES, SEGMENT, Malformed, mistake

MALFORMED, NOWHERE = "malformed", "unknown path"
_OF_A_KEY = frozenset({"authorization", "x-api-key", "cookie", "host", "content-length"})


def misaddress(assay: Assay, requests: Requests, callers: Mapping[str, Actor]) -> None:
    """Content in unknown paths, in place of identifiers and in headers. `callers` are, by label, who may call the documented operations."""
    known = [requests.documented[label] for label in callers]
    asked = next((one for one in known if "messages.create" in one.profiled), None)
    reads = [one for one in known if one.method == "GET"]
    for method, path in _nowhere(asked, known, assay.depth):
        _send(assay, NOWHERE, _wrong_path(method, path, f"{method} {path}", assay.subject.member, assay.dialect.headers))
    # Of a model that does not exist the name may be quoted: who asks for it learns that there is none.
    named = [one for one in reads if one.collection is not None and "model" not in one.path]
    for one in named[: assay.count(1, 3, 100)]:
        path = _in_the_last(one, requests.path(one))
        _send(assay, MALFORMED, _wrong_path(one.method, path, one.label, callers[one.label], assay.dialect.headers))
    plain = [one for one in reads if one.collection is None]
    for one, name in _with_headers(assay, asked, plain):
        _send(assay, MALFORMED, _wrong_header(one, _filled(one.path, requests.path(one)), name, callers[one.label], assay.dialect.headers))


def _nowhere(asked: Documented | None, known: Sequence[Documented], depth: str) -> Iterator[tuple[str, str]]:
    """Methods and paths that no document has: at the root, below the first segment of one that it has, and below a whole one. Routers answer them by
    code of their own, often another for each of these."""
    paths = [one.path for one in ([asked] if asked else known[:1])]
    parents = [f"{path[: path.index('/', 1)]}/{SEGMENT}" for path in paths if path.count("/") > 1 and "{" not in path]
    below = [f"{path}/{SEGMENT}" for path in paths if "{" not in path]
    for method, wanted in (("GET", [f"/{SEGMENT}", *parents]), ("POST", [f"/{SEGMENT}", *below])):
        yield from ((method, path) for path in (wanted if depth == "quick" else dict.fromkeys((f"/{SEGMENT}", *parents, *below))))


def _with_headers(assay: Assay, asked: Documented | None, plain: Sequence[Documented]) -> Iterator[tuple[Documented, str]]:
    """The operations and, of each, the headers to be wrong. What is asked without a body has nothing else that could be wrong; inference has code of its
    own for what it is asked with."""
    told = list(dict.fromkeys([*assay.dialect.headers, *_constant(assay)]))[: assay.count(1, 3, 10)]
    for one in plain[: assay.count(1, 3, 10)]:
        yield from ((one, name) for name in (*told, "accept"))
    if asked is not None:
        yield from ((asked, name) for name in (*told, *NAMES_A_KIND[: assay.count(1, 2, 2)]))


def _constant(assay: Assay) -> list[str]:
    """Headers that the profile gives for inference, and that say nothing of whose a request is."""
    spec = assay.profile.operations.get("messages.create")
    return [name.lower() for name, value in spec.headers.items() if "{" not in value and name.lower() not in _OF_A_KEY] if spec else []


def _filled(path: str, values: Mapping[str, str]) -> str:
    """A path with what is known in place of its parameters."""
    return re.sub(r"\{([^{}]*)\}", lambda found: values[found[1]], path)


def _in_the_last(one: Documented, values: Mapping[str, str]) -> str:
    """The path of an operation with content in place of its last parameter, and what is known in place of the others."""
    start, end = one.path.rindex("{"), one.path.rindex("}") + 1
    return f"{_filled(one.path[:start], values)}{SEGMENT}{one.path[end:]}"


def _wrong_path(method: str, path: str, label: str, by: Actor, headers: Mapping[str, str]) -> Malformed:
    return Malformed(
        label=label, method=method, path=path, mistake="path", content=PLACES["path"], headers=tuple(headers.items()), role=by.role
    )


def _wrong_header(one: Documented, path: str, name: str, by: Actor, headers: Mapping[str, str]) -> Malformed:
    rest = tuple((other, value) for other, value in headers.items() if other != name)
    return Malformed(label=one.label, method=one.method, path=path, mistake="header", content=(name,), headers=rest, role=by.role)


def _send(assay: Assay, step: str, request: Malformed) -> None:
    # Without the label of an operation: the table of the interface tells who got through, and nobody was to get through here.
    send_as_it_is(assay, request, step=step, operation="fuzz", labels={"form": mistake(request)})
