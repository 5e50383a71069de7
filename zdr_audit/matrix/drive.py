"""Runs many audits, some at a time, each in a process forked from one that has everything loaded; so are their simulators."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

from zdr_audit.matrix import work
from zdr_audit.matrix.work import Job
from zdr_audit.run.nursery import VARIABLE, Nursery

LONGEST_SECONDS = 600
FORKS = hasattr(os, "fork")


def default_jobs() -> int:
    """An audit waits for its simulator and the simulator for its audit, so that a pair keeps one processor busy."""
    return max(1, os.cpu_count() or 1)


class Drive:
    """Context manager: while it is open, audits can be started. Leaving stops those that still run."""

    def __init__(self, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(jobs)
        self._stack = ExitStack()
        self._running: set[BaseProcess] = set()
        self._lock = threading.Lock()
        self._ended = False

    def __enter__(self) -> Self:
        self._context: Any = multiprocessing.get_context("forkserver" if FORKS else "spawn")
        self._environment: tuple[tuple[str, str], ...] = ()
        if FORKS:
            self._context.set_forkserver_preload(["zdr_audit.matrix.warm"])
            self._environment = ((VARIABLE, self._stack.enter_context(Nursery()).place),)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()
        self._pool.shutdown(cancel_futures=True)
        self._stack.close()

    def start(self, job: Job) -> Future[Job]:
        """The job, done when its audit has ended in whatever way."""
        return self._pool.submit(self._run, replace(job, environment=(*job.environment, *self._environment)))

    def each(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """The jobs as their audits end."""
        for future in as_completed([self.start(job) for job in jobs]):
            yield future.result()

    def _run(self, job: Job) -> Job:
        process: BaseProcess = self._context.Process(target=work.audit, args=(job,), daemon=False)
        with self._lock:
            if self._ended:
                return job
            process.start()
            self._running.add(process)
        process.join(LONGEST_SECONDS)
        with self._lock:
            self._running.discard(process)
        if process.is_alive():
            process.kill()
            process.join()
        return job
