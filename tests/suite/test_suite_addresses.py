"""Content in paths that lead nowhere, in place of identifiers, and in headers: few requests, each wrong in one thing alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from inside import Lab

from zdr_audit.suite.contract.addresses import misaddress
from zdr_audit.suite.contract.interface import Documented
from zdr_audit.suite.history import History

ASK = Documented("POST", "/v1/messages", "", open=False, roles=None, profiled=("messages.create",))
WHO = Documented("GET", "/v1/organizations/{organization}/users/{user}", "", open=False, roles=None)
MODEL = Documented("GET", "/v1/models/{model_id}", "", open=False, roles=None)
LIST = Documented("GET", "/v1/models", "", open=False, roles=None)


def told(folder: Path, known: Sequence[Documented], depth: str = "quick") -> History:
    """The record of what is sent to a target whose document has these."""
    documented = {one.label: one for one in known}
    requests = SimpleNamespace(documented=documented, path=lambda one: {"organization": "org-a", "user": "user-a"})
    with Lab(folder) as lab:
        assay = lab.assay("malformed_everywhere", 1, depth)
        misaddress(assay, requests, dict.fromkeys(documented, assay.subject.member))  # type: ignore[arg-type]
        return lab.history()


def sent(history: History) -> list[tuple[str, str, str]]:
    return [(i.step, i.method, (i.malformed or {})["path"]) for i in history.interactions.values()]


def test_content_stands_in_unknown_paths_identifiers_and_headers_within_ten_requests(tmp_path: Path) -> None:
    history = told(tmp_path, [MODEL, ASK, WHO, LIST])
    assert sent(history) == [
        ("unknown path", "GET", "/{content}"),
        ("unknown path", "GET", "/v1/{content}"),
        ("unknown path", "POST", "/{content}"),
        ("unknown path", "POST", "/v1/messages/{content}"),
        ("malformed", "GET", "/v1/organizations/org-a/users/{content}"),
        ("malformed", "GET", "/v1/models"),
        ("malformed", "GET", "/v1/models"),
        ("malformed", "POST", "/v1/messages"),
        ("malformed", "POST", "/v1/messages"),
    ]
    items = list(history.interactions.values())
    assert all(len(i.canaries) == 1 and not i.counts and not i.echoes and i.content == "zdr" for i in items)
    assert [i.malformed["content"] for i in items if i.malformed and i.malformed["mistake"] == "header"] == [
        ["anthropic-version"], ["accept"], ["anthropic-version"], ["content-type"],
    ]  # fmt: skip
    assert len({c for i in items for c in i.canaries}) == len(items)


@pytest.mark.parametrize("known", [[], [WHO], [LIST], [ASK]], ids=["nothing", "an identifier", "a list", "inference"])
def test_a_target_that_has_less_is_sent_less_and_never_a_template(tmp_path: Path, known: list[Documented]) -> None:
    paths = [path.replace("{content}", "") for _, _, path in sent(told(tmp_path, known))]
    assert len(paths) >= 2 and not any("{" in path for path in paths)


def test_more_is_sent_at_a_greater_depth(tmp_path: Path) -> None:
    found = sent(told(tmp_path, [MODEL, ASK, WHO, LIST], "standard"))
    assert {(method, path) for step, method, path in found if step == "unknown path"} == {
        (method, path) for method in ("GET", "POST") for path in ("/{content}", "/v1/{content}", "/v1/messages/{content}")
    }
