"""Whether a place can be reached is told in one line, in which nothing that is secret stands."""

from __future__ import annotations

import pytest

from zdr_audit.evidence import reach
from zdr_audit.evidence.reach import unreachable
from zdr_audit.evidence.server import ServerPlace


@pytest.mark.parametrize("kind", ["postgres", "redis", "s3", "gcs"])
def test_a_place_of_each_kind_is_asked_and_its_problem_told_without_secrets(monkeypatch, kind):
    asked: list[ServerPlace] = []

    def refuse(place: ServerPlace) -> None:
        asked.append(place)
        raise ConnectionError("no route with hunter2, key-of-it and secret-of-it\nto it")

    assert kind in reach._ASK
    monkeypatch.setitem(reach._ASK, kind, refuse)  # type: ignore[arg-type]
    place = ServerPlace(url="x://u:hunter2@h/0", credentials=("key-of-it", "secret-of-it", ""))
    assert unreachable(kind, place) == "no route with [credential], [credential] and [credential]"
    assert unreachable(kind, ServerPlace()) == "no route with hunter2, key-of-it and secret-of-it"
    assert asked == [place, ServerPlace()]
    monkeypatch.setitem(reach._ASK, kind, asked.append)  # type: ignore[arg-type]
    assert unreachable(kind, place) is None
