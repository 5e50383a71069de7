"""Made-up answers hold a value where the profile will look for it, however it says where."""

from __future__ import annotations

from typing import Any

import pytest

from zdr_audit.run.rehearsal import _put
from zdr_audit.target.template import pointer


@pytest.mark.parametrize("where", ["/id", "/data/0/id", "/a~1b/c", "$.id", "$.data[2].id", "$['a b'].c[0][1]", '$["x"].y'])
def test_a_value_is_found_where_it_was_put(where: str) -> None:
    document: dict[str, Any] = {}
    _put(document, where, "made up")
    assert pointer(document, where) == "made up"


def test_values_stand_beside_each_other() -> None:
    document: dict[str, Any] = {}
    for where, value in (("$.data[0].id", "a"), ("$.data[0].key", "b"), ("/next", "c")):
        _put(document, where, value)
    assert document == {"data": [{"id": "a", "key": "b"}], "next": "c"}


@pytest.mark.parametrize("where", ["$..id", "$.data[?@.id].id", "$.data[*]", "$"])
def test_what_names_no_single_place_is_left_out(where: str) -> None:
    document: dict[str, Any] = {}
    _put(document, where, "made up")
    assert document == {}
