"""Traffic goes on until it is told to stop, can be waited for, and tells what broke it."""

from __future__ import annotations

import threading
import time

import pytest

from zdr_audit.suite.hands import ScenarioBroken
from zdr_audit.suite.traffic import MOST_ROUNDS, Traffic


def test_every_session_sends_until_the_block_is_left():
    sent: list[int] = []
    with Traffic(lambda number: (sent.append(number), time.sleep(0.001)), 4) as traffic:
        traffic.wait_for(40)
        before = len(sent)
        traffic.wait_for(20)
        assert len(sent) >= before + 20
    after = len(sent)
    assert set(sent) == {0, 1, 2, 3}
    time.sleep(0.02)
    assert len(sent) == after, "leaving ends the traffic"


def test_leaving_waits_for_what_is_under_way():
    ended = threading.Event()

    def slow(_number: int) -> None:
        time.sleep(0.05)
        ended.set()

    with Traffic(slow, 1):
        pass
    assert ended.is_set()


def test_an_error_of_a_session_is_raised_where_it_is_waited_for():
    def broken(_number: int) -> None:
        raise ScenarioBroken("the target is gone")

    with pytest.raises(ScenarioBroken, match="the target is gone"), Traffic(broken, 3) as traffic:
        traffic.wait_for(1)
        pytest.fail("nothing was sent")
    with pytest.raises(ScenarioBroken, match="the target is gone"), Traffic(broken, 3):
        pass


def test_traffic_that_halts_breaks_the_scenario():
    gate = threading.Event()
    with (
        pytest.raises(ScenarioBroken, match=r"^the traffic came to a halt: 0 of 1 calls had ended$"),
        Traffic(lambda _: gate.wait(5), 1) as traffic,
    ):
        try:
            traffic.wait_for(1, seconds=0.05)
        finally:
            gate.set()


def test_traffic_is_bounded():
    with Traffic(lambda _: None, 2) as traffic, pytest.raises(ScenarioBroken, match=f"halt: {2 * MOST_ROUNDS} of "):
        traffic.wait_for(2 * MOST_ROUNDS + 1)
