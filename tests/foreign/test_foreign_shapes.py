"""A house that counts tokens by a body of its own, and names what belongs together inside the body, is audited by its profile alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from zdr_audit.journal.store import Journal

from .conftest import HERE

COUNT = """
[operations."messages.count_tokens"]
method = "POST"
path = "/tally"
body = { speech = "{text}" }
extract = { tokens = "/tally/words" }

[[evidence]]
id = "ledger"
"""
IN_THE_BODY = '[operations."messages.create"]\nsession = "/envelope/visit/name"\n'


def profile(folder: Path) -> Path:
    """The parlour's profile, which says how words are counted and where a visit is named."""
    text = (HERE / "parlour.toml").read_text(encoding="utf-8")
    text = text.replace('\n[[evidence]]\nid = "ledger"\n', COUNT).replace('[operations."messages.create"]\n', IN_THE_BODY)
    path = folder / "parlour-shapes.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("mode", "verdicts"),
    [
        ("honest", {"ZDR-RET-14": "pass", "ZDR-RET-18": "pass"}),
        ("remember tallies", {"ZDR-RET-14": "fail", "ZDR-RET-18": "pass"}),
        ("remember visits", {"ZDR-RET-14": "pass", "ZDR-RET-18": "fail"}),
    ],
)
def test_a_house_of_its_own_shapes_is_judged(parlour, audited, tmp_path, mode: str, verdicts: dict[str, str]) -> None:
    house = parlour(mode)
    found = audited(profile(tmp_path), ",".join(verdicts), PARLOUR=house.base_url, PARLOUR_HOME=house.home)
    assert (found.verdicts(), found.status) == (verdicts, int("fail" in verdicts.values()))


def test_of_places_that_the_count_does_not_have_nothing_is_sent_there(parlour, audited, tmp_path) -> None:
    house = parlour("honest")
    audited(profile(tmp_path), "ZDR-RET-14", PARLOUR=house.base_url, PARLOUR_HOME=house.home)
    with Journal(tmp_path / "report" / "journal.sqlite", read_only=True) as journal:
        counts = [e for e in journal.events() if getattr(e, "operation", "") == "messages.count_tokens"]
    assert counts and all(e.accepted and len(e.canaries) == 1 for e in counts)
    assert {e.labels.get("left_out") for e in counts} == {None, "system"}


def test_where_the_count_has_no_body_of_its_own_the_house_does_not_read_it(parlour, audited, tmp_path) -> None:
    house, path = parlour("honest"), profile(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace('body = { speech = "{text}" }\n', ""), encoding="utf-8")
    found = audited(path, "ZDR-RET-14", PARLOUR=house.base_url, PARLOUR_HOME=house.home)
    assert (found.status, found.verdicts()) == (3, {"ZDR-RET-14": "inconclusive"})
