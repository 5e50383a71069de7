"""Answers to identifiers of others and to those that nobody was given are compared whatever shape their errors have."""

from __future__ import annotations

from typing import Any

import pytest

from zdr_audit.suite.contract.tenants import named
from zdr_audit.target.transport import Answer

FOREIGN, UNKNOWN = "file_ours", "file_stranger"


def _kind(body: Any, used: str, status: int = 404) -> str:
    return named(Answer(status, {}, b"", "", "", ""), body, {}, frozenset({used}), used)["kind"]


SHAPES: dict[str, Any] = {
    "an envelope": lambda used, words: {
        "type": "error",
        "error": {"type": "not_found_error", "message": f"{used}: {words}"},
        "request_id": used[-4:],
    },
    "a problem document": lambda used, words: {"title": "Not Found", "detail": f"{words}: {used}", "instance": f"/v1/files/{used}"},
    "a bare detail": lambda used, words: {"detail": words, "trace": f"9f{len(used)}", "at": f"2026-11-27T03:2{len(used) % 10}:14Z"},
    "a list of errors": lambda used, words: {"errors": [{"code": "not_found", "text": words}]},
    "a bare text": lambda used, words: words,
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_answers_that_say_the_same_are_of_one_kind(shape):
    assert _kind(shape(FOREIGN, "no such file"), FOREIGN) == _kind(shape(UNKNOWN, "no such file"), UNKNOWN)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_one_that_says_that_it_is_another_customers_is_of_another_kind(shape):
    assert _kind(shape(FOREIGN, "this file is not yours"), FOREIGN) != _kind(shape(UNKNOWN, "no such file"), UNKNOWN)


def test_another_status_is_another_kind():
    assert _kind("no", FOREIGN, 403) != _kind("no", UNKNOWN, 404)


def test_a_short_identifier_is_blotted_out_where_it_stands_alone_and_nowhere_else():
    def error(used: str) -> dict[str, str]:
        return {"code": "E-404", "title": f"There is no event {used}.", "instance": f"/events/{used}"}

    assert _kind(error("4"), "4") == _kind(error("2000000005"), "2000000005")
    assert _kind({"error": {"message": "E-404: no 4"}}, "4") == _kind({"error": {"message": "E-404: no 71"}}, "71")
    assert _kind({"error": {"message": "E-404: not yours"}}, "4") != _kind({"error": {"message": "E-404: no 71"}}, "71")
