"""Simulators forked from a warm process: they serve, they stop, and none outlives whoever asked for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
import requests

from zdr_audit.run.launch import LaunchedSimulator, LaunchError
from zdr_audit.run.nursery import VARIABLE, Nursery, WarmProcess, start_simulator

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with Nursery() as nursery:
        yield nursery.place


@pytest.fixture
def warm(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, place)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _model_count(base_url: str) -> int:
    answer = requests.get(f"{base_url}/v1/models", headers={"x-api-key": "sample-key-subject-member"}, timeout=30)
    return len(answer.json()["data"])


def test_a_simulator_of_the_nursery_serves_from_its_own_stores(warm: None) -> None:
    with LaunchedSimulator() as one, LaunchedSimulator() as other:
        assert isinstance(one.process, WarmProcess)
        assert one.base_url != other.base_url and one.data_dir != other.data_dir
        assert _model_count(one.base_url) == _model_count(other.base_url) > 1
        assert (one.data_dir / "zdr.db").is_file() and (other.data_dir / "zdr.db").is_file()


def test_it_stops_when_it_is_told_to(warm: None) -> None:
    with LaunchedSimulator() as simulator:
        process = simulator.process
        assert process is not None and process.poll() is None and _alive(process.pid)
    assert process.poll() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(simulator.base_url, timeout=5)


def test_what_it_says_of_a_bad_start_reaches_the_user(warm: None) -> None:
    with pytest.raises(LaunchError, match="unknown violation 'no-such-thing'"):
        LaunchedSimulator(["no-such-thing"]).__enter__()


def test_it_can_be_killed(place: str, warm: None, tmp_path) -> None:
    process = start_simulator(["--port", "0", "--data-dir", str(tmp_path / "data")], dict(os.environ), str(tmp_path))
    assert process.stdout is not None and "listening" in process.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.kill()
    assert process.wait(30) == 0


def test_it_ends_with_whoever_asked_for_it(warm: None, tmp_path) -> None:
    process = start_simulator(["--port", "0", "--data-dir", str(tmp_path / "data")], dict(os.environ), str(tmp_path))
    assert isinstance(process, WarmProcess) and process.stdout is not None
    assert "listening" in process.stdout.readline()
    process._connection.close()
    assert process.stdout.read() == ""  # the pipe ends with the process that held it
