"""The data of the seeded violations: whole, in step with the catalogue and with the code that breaks the simulator."""

from __future__ import annotations

import fnmatch
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.matrix.cases import quick_profile
from zdr_audit.simulator import benign, directory
from zdr_audit.simulator import violations as simulated
from zdr_audit.simulator.endpoints import all_operations
from zdr_audit.simulator.parts import Parts
from zdr_audit.simulator.seeding import UnknownSeedError
from zdr_audit.simulator.stores import Stores
from zdr_audit.violations import Seed, Variant, Violation, ViolationError, load_variants, load_violations

from .seeded import SHARE, SHARE_OF_OTHERS, VARIANTS, family, sample, sample_of_variants

ALL = load_violations()
HARMLESS = load_variants()
CONTROLS = {control.id for control in load_catalogue().controls}
FAMILIES = {"ret", "exc", "scp", "blk", "enb", "aud", "adm", "con"}
each = pytest.mark.parametrize("seed", [*ALL, *HARMLESS], ids=lambda seed: seed.id)
by_id = pytest.mark.parametrize("violation", ALL, ids=lambda violation: violation.id)

ENTRY = """[[violation]]
id = "ret-x"
title = "x"
mechanism = "x"
controls = ["ZDR-RET-01"]
code = "retention:keep"
"""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    made = Stores(tmp_path_factory.mktemp("simulator"))
    yield made
    made.close()


@pytest.fixture
def parts(stores: Stores) -> Parts:
    """A service of its own for each test, over stores that no test writes to."""
    made = Parts(stores, with_operator=True)
    made.operations = all_operations(made.features, with_operator=True)
    return made


def test_each_family_has_at_least_two_violations_and_the_two_largest_three() -> None:
    counted = Counter(family(item) for item in ALL)
    assert set(counted) == FAMILIES
    assert all(counted[name] >= (3 if name in {"ret", "blk"} else 2) for name in FAMILIES)


def test_every_control_has_a_violation_that_kills_it() -> None:
    assert sorted(CONTROLS - {name for item in ALL for name in item.controls}) == []


def test_both_sides_read_the_same_violations() -> None:
    assert {name: (entry["code"], entry.get("params", {})) for name, entry in simulated.load().items()} == {
        item.id: (item.code, item.params) for item in ALL
    }
    assert {name: (entry["code"], entry.get("params", {})) for name, entry in benign.load().items()} == {
        item.id: (item.code, item.params) for item in HARMLESS
    }


@by_id
def test_its_controls_are_in_the_catalogue(violation: Violation) -> None:
    assert set(violation.controls) <= CONTROLS
    for glob in violation.related:
        assert fnmatch.filter(CONTROLS, glob), f"{glob} matches no control"


@by_id
def test_the_first_control_is_of_its_own_family(violation: Violation) -> None:
    assert violation.controls[0].split("-")[1].lower() == family(violation)


@each
def test_its_code_takes_its_parameters(seed: Seed) -> None:
    module, _, function = seed.code.partition(":")
    package = benign if isinstance(seed, Variant) else simulated
    code = getattr(import_module(f"{package.__name__}.{module}"), function)
    inspect.signature(code).bind(object(), **seed.params)


@each
def test_installing_it_changes_the_service(seed: Seed, parts: Parts) -> None:
    def state() -> list[object]:
        wrapped = {name: sorted(vars(part)) for name, part in vars(parts).items() if hasattr(part, "__dict__")}
        wrapped["logs"] = sorted(vars(parts.stores.logs))
        made = directory.new_id("x").startswith("x_")
        return [
            list(parts.operations),
            list(parts.middlewares),
            list(parts.routers),
            wrapped,
            parts.protocol,
            parts.clock.offset,
            parts.clock.wrong_by,
            made,
        ]

    before = state()
    if "servers" in seed.needs:
        with pytest.raises(simulated.UnfitStoresError, match=r"^the violation needs (PostgreSQL|Redis|an object store) \(--\w+-url\)$"):
            simulated.install(parts, seed.id)
        assert state() == before
        return
    try:
        (benign if isinstance(seed, Variant) else simulated).install(parts, seed.id)
        assert state() != before
    finally:
        directory.use_ids(directory.prefixed_id)


def test_no_two_violations_are_the_same() -> None:
    assert max(Counter(f"{item.code} {item.params}" for item in (*ALL, *HARMLESS)).values()) == 1


def test_an_unknown_violation_is_refused_with_those_that_are_meant_perhaps(parts: Parts) -> None:
    close = re.escape(f"unknown violation '{ALL[0].id}x'; did you mean '{ALL[0].id}'")
    with pytest.raises(UnknownSeedError, match=close):
        simulated.install(parts, f"{ALL[0].id}x")
    with pytest.raises(UnknownSeedError, match=rf"^unknown violation '0' \('zdr-audit violations' lists all {len(ALL)}\)$"):
        simulated.install(parts, "0")


def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(ENTRY * 2)
    with pytest.raises(ViolationError, match="ret-x is there twice"):
        load_violations(tmp_path)


def test_an_entry_without_controls_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(ENTRY.replace('["ZDR-RET-01"]', "[]"))
    with pytest.raises(ViolationError, match=r"a\.toml: violation ret-x: controls"):
        load_violations(tmp_path)


def test_there_are_as_many_as_are_promised() -> None:
    assert len(ALL) >= 90
    assert len(HARMLESS) >= 25


def test_a_variant_names_no_control(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(ENTRY.replace("[[violation]]", "[[variant]]").replace("ret-x", "ben-x"))
    with pytest.raises(ViolationError, match=r"a\.toml: variant ben-x: controls"):
        load_variants(tmp_path)


def test_the_sample_of_variants_is_spread_over_them() -> None:
    chosen = sample_of_variants(HARMLESS)
    assert len({item.id for item in chosen}) == VARIANTS
    assert chosen[-1] == HARMLESS[-1] and chosen[0] != HARMLESS[0]


def test_the_sample_takes_its_share_of_every_family() -> None:
    assert not any(item.needs for item in sample(ALL)), "the default run has neither servers nor nodes"
    counted = Counter(family(item) for item in sample(ALL))
    assert counted == {name: SHARE.get(name, SHARE_OF_OTHERS) for name in FAMILIES}
    assert len({item.id for item in sample(ALL)}) == sum(counted.values()) >= 10


def test_the_quick_profile_differs_in_the_waiting_time_alone(tmp_path: Path) -> None:
    from zdr_audit.profile.load import load

    environment = {"ZDR_SIM_DATA": str(tmp_path)}
    shipped, quick = load("simulator", environment).profile, load(str(quick_profile(tmp_path)), environment).profile
    assert quick.limits.settle_seconds < shipped.limits.settle_seconds
    same = {"limits": shipped.limits}
    assert quick.model_copy(update=same) == shipped
