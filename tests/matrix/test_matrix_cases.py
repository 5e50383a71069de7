"""Which audits a matrix consists of."""

from __future__ import annotations

import tomllib

import pytest

from zdr_audit import resources
from zdr_audit.matrix.cases import SETTLE_SECONDS, choose, quick_profile

from .samples import variant, violation

SEEDS = [violation("ret-a"), violation("blk-b"), violation("ret-server", needs=("servers",))]
HARMLESS = [variant("ben-a"), variant("ben-nodes", needs=("nodes",))]


def _ids(items):
    return [item.id for item in items]


def test_all_are_run_that_can_be_and_the_others_are_listed():
    cases = choose(SEEDS, HARMLESS)
    assert _ids(cases.run) == ["ret-a", "blk-b", "ben-a"]
    assert _ids(cases.not_run) == ["ret-server", "ben-nodes"]
    assert not cases.whole


def test_what_is_available_is_run():
    cases = choose(SEEDS, HARMLESS, available=("servers", "nodes"))
    assert len(cases.run) == 5 and not cases.not_run and cases.whole


@pytest.mark.parametrize(("only", "ids"), [(["ret-*"], ["ret-a"]), (["ben-a", "blk-?"], ["blk-b", "ben-a"]), (["none"], [])])
def test_patterns_choose_by_id(only, ids):
    cases = choose(SEEDS, HARMLESS, only)
    assert _ids(cases.run) == ids
    assert not cases.whole


def test_the_profile_waits_only_as_long_as_the_seeds_ask_for(tmp_path):
    shipped = tomllib.loads((resources.fixtures() / "targets" / "simulator.toml").read_text(encoding="utf-8"))
    waits, less = violation(settle_seconds=3), violation(settle_seconds=2)
    asked = [((), SETTLE_SECONDS), ((violation(),), SETTLE_SECONDS), ((waits,), 3.0), ((violation(), waits, less), 3.0)]
    for seeds, seconds in asked:
        quick = tomllib.loads(quick_profile(tmp_path, *seeds).read_text(encoding="utf-8"))
        assert quick["limits"].pop("settle_seconds") == seconds
        assert quick["limits"] == {k: v for k, v in shipped["limits"].items() if k != "settle_seconds"}
        assert {k: v for k, v in quick.items() if k != "limits"} == {k: v for k, v in shipped.items() if k != "limits"}


def test_a_seed_that_needs_servers_gets_the_profile_with_servers_and_more_nodes_only_where_it_needs_them(tmp_path):
    shipped = (resources.fixtures() / "targets" / "simulator-servers.toml").read_text(encoding="utf-8")
    servers, nodes = violation(needs=("servers",)), violation(needs=("nodes",))
    for seeds in ((nodes,), (servers, nodes), (violation(needs=("servers", "nodes")),)):
        assert quick_profile(tmp_path, *seeds).read_text(encoding="utf-8") == shipped
    quick = tomllib.loads(quick_profile(tmp_path, servers).read_text(encoding="utf-8"))
    assert quick["target"].pop("launch") == "simulator-servers-one-node"
    assert {**quick, "target": {**quick["target"], "launch": "simulator-servers"}} == tomllib.loads(shipped)
