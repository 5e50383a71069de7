"""Fixtures: one running simulator for all tests that leave each other alone, and fresh ones for those that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .backend import Backend


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A compliant simulator with operator hooks, shared: tests use organizations of their own, and never move its clock."""
    running = Backend(tmp_path_factory.mktemp("simulator") / "data")
    yield running
    running.stop()
    assert running.err == ""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Backend]]:
    """Starts simulators of one's own in `tmp_path / "data"`."""
    started: list[Backend] = []

    def begin(*options: str, **settings: Any) -> Backend:
        running = Backend(settings.pop("data_dir", tmp_path / "data"), *options, **settings)
        started.append(running)
        return running

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.kill()
