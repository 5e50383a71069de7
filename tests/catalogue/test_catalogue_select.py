"""Selecting controls by pattern."""

from __future__ import annotations

import pytest

from zdr_audit.catalogue import SelectionError, load_catalogue, select

CATALOGUE = load_catalogue()


def ids(*globs: str) -> list[str]:
    return [control.id for control in select(CATALOGUE, globs)]


def test_no_pattern_selects_everything():
    assert select(CATALOGUE, []) == CATALOGUE.controls


def test_an_id_selects_its_control():
    assert ids("ZDR-EXC-03") == ["ZDR-EXC-03"]


def test_case_does_not_matter():
    assert ids("zdr-exc-0[1-2]") == ids("ZDR-EXC-0[1-2]") == ["ZDR-EXC-01", "ZDR-EXC-02"]


def test_several_patterns_and_comma_lists_add_up_in_catalogue_order():
    assert ids("ZDR-CON-01, ZDR-EXC-01", "ZDR-RET-01") == ["ZDR-RET-01", "ZDR-EXC-01", "ZDR-CON-01"]


def test_a_control_that_matches_twice_is_selected_once():
    assert ids("ZDR-EXC-*", "ZDR-EXC-01") == [f"ZDR-EXC-0{n}" for n in range(1, 8)]


def test_a_family_is_selected_whole():
    assert ids("*-AUD-*") == [control.id for control in CATALOGUE.controls if control.family == "AUD"]


@pytest.mark.parametrize(
    ("glob", "message"),
    [
        ("ZDR-RET-1O", "no control matches 'ZDR-RET-1O'; close matches: ZDR-RET-21, ZDR-RET-19, ZDR-RET-18"),
        ("RET", "no control matches 'RET'; close matches: ZDR-RET-*"),
        ("zdr-bkl-*", "no control matches 'zdr-bkl-*'; close matches: ZDR-BLK-*, ZDR-ENB-*, ZDR-BLK-22"),
        (
            "?",
            "no control matches '?'; families: ZDR-RET-*, ZDR-EXC-*, ZDR-SCP-*, ZDR-BLK-*, ZDR-ENB-*, ZDR-AUD-*, ZDR-ADM-*, ZDR-CON-*",
        ),
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error_that_names_what_comes_close(glob, message):
    with pytest.raises(SelectionError) as caught:
        select(CATALOGUE, [glob])
    assert str(caught.value) == message


def test_one_pattern_that_matches_nothing_spoils_the_whole_selection():
    with pytest.raises(SelectionError, match="no control matches 'ZDR-NIL-01'"):
        select(CATALOGUE, ["ZDR-RET-*,ZDR-NIL-01"])


@pytest.mark.parametrize("glob", ["", " ", ",", " , "])
def test_a_selection_without_pattern_is_an_error_and_not_everything(glob):
    with pytest.raises(SelectionError) as caught:
        select(CATALOGUE, [glob])
    assert str(caught.value) == "the control selection is empty: give an id such as ZDR-RET-01 or a pattern such as ZDR-RET-*"
