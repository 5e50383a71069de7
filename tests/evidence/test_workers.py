from __future__ import annotations

import os
import threading
import time
from importlib.util import find_spec, module_from_spec

from zdr_audit.evidence import workers
from zdr_audit.evidence.files import read_files
from zdr_audit.evidence.workers import Counted, Workers

MIB = 1024 * 1024


def nothing() -> None:
    """What is done meanwhile does not matter here."""


def test_outcomes_come_in_the_order_of_the_items_whoever_is_first():
    later = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert later.wait(60)  # the second runs while the first waits
        elif item == 1:
            later.set()
        return item * item

    with Workers(2) as workers:
        assert list(workers.map(work, range(9), lambda _: True, nothing)) == [(at, at * at) for at in range(9)]


def test_small_items_stay_on_the_thread_of_whoever_asks():
    with Workers(2) as workers:
        where = dict(workers.map(lambda _: threading.current_thread(), range(6), lambda item: item % 2 == 0, nothing))
    assert {where[item] for item in (1, 3, 5)} == {threading.current_thread()}
    assert threading.current_thread() not in {where[item] for item in (0, 2, 4)}


def test_a_failure_is_the_outcome_of_its_item_alone():
    def work(item: int) -> int:
        if item == 1:
            raise OSError(5, "broken")
        return item

    for count in (1, 2):
        with Workers(count) as workers:
            outcomes = [outcome for _, outcome in workers.map(work, range(3), lambda _: True, nothing)]
        assert outcomes[0] == 0
        assert isinstance(outcomes[1], OSError)
        assert outcomes[2] == 2


def test_few_items_are_in_hand_at_a_time():
    taken: list[int] = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    with Workers(2) as workers:
        for item, _ in workers.map(lambda item: item, items(), lambda _: True, nothing):
            assert len(taken) - item <= 5


def test_large_and_small_files_of_a_tree_are_read_the_same_by_one_thread_and_by_several(lab, tmp_path, monkeypatch):
    for number in range(12):
        name = f"f{number}"
        filling = bytes([number]) * (MIB if number % 2 else 100)
        (tmp_path / name).write_bytes(filling + lab.canary(name).encode() + filling)
    readings = []
    for count in (1, 2, 5):
        monkeypatch.setattr(Workers.__init__, "__defaults__", (count,))
        readings.append(read_files("tree", tmp_path, lab.seeker))
    assert readings[0] == readings[1] == readings[2]
    assert sorted(hit.canary or "" for hit in readings[0].hits) == sorted(f"f{number}" for number in range(12))
    assert {hit.canary for hit in readings[0].hits if hit.object != hit.canary} == set()


def test_whoever_leaves_early_waits_for_what_runs_and_starts_nothing_more():
    began, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        began.set()
        assert go_on.wait(60)
        time.sleep(0.05)
        done.append(item)

    with Workers(2) as two:
        outcomes = two.map(work, range(20), lambda _: True, go_on.set)
        assert next(outcomes) == (0, None)
        assert began.is_set()
    ended = len(done)
    assert 1 <= ended < 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("zdr-audit-search")]
    assert len(done) == ended


def test_something_is_done_while_a_large_item_is_waited_for():
    told: list[str] = []
    several = threading.Event()

    def meanwhile() -> None:
        told.append("meanwhile")
        if len(told) == 3:
            several.set()

    with Workers(2) as two:
        assert list(two.map(lambda _: several.wait(60), [1], lambda _: True, meanwhile)) == [(1, True)]
    assert len(told) >= 4  # once more when it is done


def test_one_worker_and_several_have_as_many_items_in_hand_as_there_are_two_for_each():
    for count, expected in ((1, 2), (2, 4), (3, 6)):
        taken: list[int] = []
        items = (taken.append(item) or item for item in range(30))
        with Workers(count) as some:
            outcomes = some.map(lambda item: item, items, lambda _: True, nothing)
            assert next(outcomes) == (0, 0)
            assert len(taken) == expected
            assert [item for item, _ in outcomes] == list(range(1, 30))


def test_there_are_as_many_workers_as_processors_and_four_at_the_most(monkeypatch):
    assert Workers()._count == workers.WORKERS
    for known, expected in ((None, 1), (1, 1), (3, 3), (4, 4), (5, 4), (64, 4)):
        monkeypatch.setattr(os, "cpu_count", lambda known=known: known)
        spec = find_spec("zdr_audit.evidence.workers")
        anew = module_from_spec(spec)
        spec.loader.exec_module(anew)
        assert expected == anew.WORKERS


def test_what_is_counted_is_told_once_in_its_order_and_on_demand():
    told: list[int] = []
    counted = Counted(told.append)
    for count in (5, 0, 7):
        counted.add(count)
    assert told == []
    counted.tell()
    counted.tell()
    assert told == [5, 0, 7]
    counted.add(1)
    counted.tell()
    assert told == [5, 0, 7, 1]


def test_nobody_who_does_not_ask_is_told():
    counted = Counted(None)
    counted.add(5)
    counted.tell()
    assert not counted._untold
