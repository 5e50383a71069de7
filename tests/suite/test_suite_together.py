"""Requests that are to go out at the same moment do: none before all are ready, and none waits for ever."""

from __future__ import annotations

import threading
import time
from functools import partial

from engine_servers import answer, serving
from inside import Lab

from zdr_audit.profile.model import Limits
from zdr_audit.suite import hands as module
from zdr_audit.target.pace import Pace
from zdr_audit.target.transport import AT_ONCE, Outgoing, Transport


def test_no_first_request_goes_out_before_all_are_ready_and_the_next_ones_wait_for_nobody(tmp_path):
    ready, late = threading.Semaphore(0), threading.Event()
    came: list[int] = []

    def script(_request: bytes, write) -> None:
        came.append(0)
        write(answer())

    with Lab(tmp_path) as lab, serving(script) as server:
        transport = Transport(server.base_url, 10, 1000)

        def job(number: int) -> tuple[int | None, int]:
            if number == 3:
                assert late.wait(10)
                time.sleep(0.3)  # for those that would not wait
            else:
                ready.release()
            before = len(came)
            status = transport.send(Outgoing("GET", "/")).status
            transport.send(Outgoing("GET", "/"))
            return status, before

        def release() -> None:
            for _ in range(3):
                ready.acquire()
            late.set()

        threading.Thread(target=release, daemon=True).start()
        found = lab.assay("s", 1).together([partial(job, number) for number in range(4)])
    assert found == [(200, 0)] * 4, "the last to be ready is sent with the others: nothing had come before"
    assert len(came) == 8


def test_a_pace_of_one_request_at_a_time_holds_nobody_up_who_waits_for_the_others(tmp_path):
    with Lab(tmp_path) as lab, serving(answer()) as server:
        transport = Transport(server.base_url, 10, 1000, pace=Pace(Limits(concurrency=1)))
        waited: list[threading.Barrier | None] = []

        def job() -> int | None:
            waited.append(AT_ONCE.get())
            return transport.send(Outgoing("GET", "/")).status

        assert lab.assay("s", 1).together([job, job, job]) == [200, 200, 200]
    assert not any(barrier is None or barrier.broken for barrier in waited), (
        "all of them came to where they wait, before any took the only place"
    )


def test_whoever_is_held_back_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_BARRIER", 0.2)
    with Lab(tmp_path) as lab, serving(answer()) as server:
        transport = Transport(server.base_url, 10, 1000)
        jobs = [lambda: transport.send(Outgoing("GET", "/")).status, lambda: None]
        assert lab.assay("s", 1).together(jobs) == [200, None]
