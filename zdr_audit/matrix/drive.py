"""Runs many audits, some at a time, each in a process forked from one that has everything loaded; so are their simulators."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from zdr_audit.matrix import work
from zdr_audit.matrix.work import Job
from zdr_audit.run.launch import LaunchedSimulator
from zdr_audit.run.nursery import VARIABLE, Nursery

LONGEST_SECONDS = 600
DOCUMENT = "ZDR_AUDIT_WARM_DOCUMENT"
"""Names the file from which `warm` makes requests ready: an interface document, a seed and a depth."""
DEPTH = "quick"
"""As which audits requests are made ready."""
FORKS = hasattr(os, "fork")


def default_jobs(kind: str = "each") -> int:
    """An audit and its simulator wait for each other and keep one processor busy together, but for the times when both wait: half as many more. Of several
    seeds together, more of which are slow to answer or to write, twice and a half as many."""
    processors = os.cpu_count() or 1
    return max(1, processors * (5 if kind == "together" else 3) // 2)


@contextlib.contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    """An environment variable for a while."""
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def _document() -> Any:
    """The interface document of the reference simulator, asked of one."""
    with LaunchedSimulator() as simulator:
        return requests.get(f"{simulator.base_url}/openapi.json", timeout=60).json()


class Drive:
    """Context manager: while it is open, audits can be started, fastest those with the seed. Leaving stops those that still run."""

    def __init__(self, jobs: int, seed: int = 1) -> None:
        self._seed = seed
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
            place = self._stack.enter_context(Nursery()).place
            self._environment = ((VARIABLE, place),)
            with _set(VARIABLE, place), tempfile.TemporaryDirectory(prefix="zdr-audit-") as folder:
                ready = Path(folder) / "document.json"
                ready.write_text(json.dumps({"document": _document(), "run_seed": self._seed, "depth": DEPTH}), encoding="utf-8")
                with _set(DOCUMENT, str(ready)):
                    forkserver.ensure_running()
                    self._wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()
        self._pool.shutdown(cancel_futures=True)
        self._stack.close()

    def _wait(self) -> None:
        """Until the process that audits are forked from is ready."""
        process = self._context.Process(target=int)
        process.start()
        process.join()

    def start(self, job: Job) -> Future[Job]:
        """The job, done when its audit has ended in whatever way."""
        return self._pool.submit(self._run, replace(job, environment=(*job.environment, *self._environment)))

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
