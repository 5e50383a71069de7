"""The matrix as files: what others read off it, and a page that cannot be broken by what stands in it."""

from __future__ import annotations

import json

import pytest

from zdr_audit.matrix.command import complaint
from zdr_audit.matrix.model import Attempt, Harmless, Killer
from zdr_audit.matrix.page import mark, render
from zdr_audit.matrix.write import HTML, JSON, to_json, write

from .samples import matrix

ROW = Attempt(
    id="ret-y",
    title="Keeps <b>it</b>",
    mechanism="Somehow",
    controls=("ZDR-RET-01", "ZDR-RET-02"),
    killed=False,
    missed=("ZDR-RET-02",),
    related=("ZDR-RET-03",),
    collateral=("ZDR-AUD-01",),
    problem="\x1b[31mred\u202e",
)
BAD = matrix(violations=(ROW,), benign=(Harmless(id="ben-y", title="Differs", mechanism="It may", green=False, failed=("ZDR-CON-01",)),))


def test_the_json_has_what_is_promised_of_it():
    data = json.loads(to_json(BAD))
    (row,) = data["violations"]
    assert (row["id"], row["controls"], row["killed"], row["collateral"]) == ("ret-y", ["ZDR-RET-01", "ZDR-RET-02"], False, ["ZDR-AUD-01"])
    assert [(b["id"], b["green"]) for b in data["benign"]] == [("ben-y", False)]
    assert data["not_run"] == [{"id": "ret-server", "needs": ["servers"]}]
    assert {"seed", "version"} <= data.keys()


@pytest.mark.parametrize(
    ("more", "good"),
    [
        ({}, True),
        ({"violations": (ROW.model_copy(update={"killed": True, "collateral": ()}),)}, True),
        ({"violations": (ROW.model_copy(update={"killed": True}),)}, False),
        ({"violations": (ROW.model_copy(update={"collateral": ()}),)}, False),
        ({"benign": BAD.benign}, False),
        ({"controls": (Killer(id="ZDR-RET-01", title="t", violations=()),)}, False),
        ({"controls": (Killer(id="ZDR-RET-01", title="t", violations=()),), "whole": False}, True),
    ],
)
def test_a_matrix_is_good_where_nothing_was_missed_and_nothing_else_raised_an_alarm(more, good):
    assert matrix(**more).good is good


def test_each_cell_says_what_the_control_said():
    assert [mark(ROW, f"ZDR-{name}") for name in ("RET-01", "RET-02", "RET-03", "AUD-01", "AUD-02")] == ["K", "M", "r", "C", ""]


def test_the_page_is_escaped_and_needs_nothing_from_elsewhere():
    page = render(BAD)
    assert "Keeps &lt;b&gt;it&lt;/b&gt;" in page and "<b>it" not in page
    assert "\x1b" not in page and "\u202e" not in page
    assert "default-src 'none'" in page and "<script" not in page and "http://" not in page and "https://" not in page
    assert "ret-server" in page


def test_the_same_matrix_gives_the_same_page():
    assert render(matrix()) == render(matrix())


def test_both_files_are_written_and_nothing_else_stays(tmp_path):
    written = write(matrix(), tmp_path / "reports")
    assert [path.name for path in written] == [JSON, HTML]
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == [HTML, JSON]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW, ["missed by ZDR-RET-02", "collateral ZDR-AUD-01"]),
        (BAD.benign[0], ["not green", "failed ZDR-CON-01"]),
    ],
)
def test_what_is_wrong_is_said_in_a_line(row, said):
    assert all(words in complaint(row) for words in said)
    assert "\n" not in complaint(row)


def test_of_what_is_right_nothing_is_said():
    assert [complaint(row) for row in (*matrix().violations, *matrix().benign)] == ["", ""]
