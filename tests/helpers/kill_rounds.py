"""Lives of a simulator that is killed while administrators work, and what must be true afterwards.

What we did is recorded as it was sent and answered. After the kill a new process over the same stores is asked for the audit log and the state: all that
was acknowledged is there exactly once, what was not acknowledged is there whole or not at all, and nothing else is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from zdr_audit.simulator.audit import ZDR, entry_digest

ADMINISTRATORS = 4
ROUNDS = 6
STATES = {f"{ZDR}enabled": True, f"{ZDR}disabled": False}


@dataclass
class Act:
    """One call: what it would log, and how it ended (`success`, `refused`, or None: no answer came)."""

    marker: str
    type: str
    outcome: str | None = None


@dataclass
class Work:
    """What one administrator did in an organization of their own."""

    organization: str
    acts: list[Act] = field(default_factory=list)


class Mortal:
    """The process that gives birth. Context manager."""

    def __init__(self, arguments: list[str], environment: dict[str, str] | None = None) -> None:
        self.arguments = ["--port", "0", "--operator", *arguments]
        self.environment = {**os.environ, **(environment or {})}
        self.base_url, self.pid = "", 0

    def __enter__(self) -> Self:
        program = Path(__file__).with_name("mortal_simulator.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment
        )
        return self

    def _heard(self, event: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert said["event"] == event, said
        return said

    def begin(self, dies: tuple[int, str] | None) -> None:
        """A life; it listens when this returns."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"arguments": self.arguments, "dies": dies}) + "\n")
        self.process.stdin.flush()
        said = [self._any() for _ in range(2)]
        by_event = {item["event"]: item for item in said}
        self.pid, self.base_url = by_event["forked"]["pid"], by_event["listening"]["base_url"]

    def _any(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process that gives birth is gone"
        said: dict[str, Any] = json.loads(line)
        return said

    def kill(self) -> None:
        if self.pid > 1:  # 0 would be our own process group
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> int:
        """Waits for the end of this life; the signal that ended it."""
        return int(self._heard("ended")["signal"])

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.kill()
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def call(self, method: str, path: str, key: str, **options: Any) -> requests.Response:
        headers = {"x-api-key": f"sample-key-{key}", "anthropic-version": "2023-06-01"}
        return requests.request(method, self.base_url + path, headers=headers, timeout=60, **options)


class Gone(Exception):
    """The simulator did not answer: it was killed."""


def attempt(mortal: Mortal, work: Work, type_: str, method: str, path: str, key: str) -> dict[str, Any]:
    """One act, recorded before it is sent. Raises Gone."""
    act = Act(f"ref-{random.getrandbits(64):016x}", type_)
    work.acts.append(act)
    try:
        answer = mortal.call(method, path, key, json={"reference": act.marker})
    except requests.RequestException:
        raise Gone from None
    assert answer.status_code < 500, answer.text
    act.outcome = "success" if answer.ok else "refused"
    said: dict[str, Any] = answer.json()
    return said


def administer(mortal: Mortal, works: list[Work]) -> None:
    """Switches ZDR of a fresh organization on and off until the simulator is gone."""
    try:
        made = mortal.call(
            "POST", "/v1/organizations", "account-team", json={"account_id": "acct_kills", "name": "k", "product": "enterprise"}
        )
    except requests.RequestException:
        return
    work = Work(made.json()["id"])
    works.append(work)
    zdr = f"/v1/organizations/{work.organization}/zdr"
    with contextlib.suppress(Gone):
        for _ in range(ROUNDS):
            request = attempt(mortal, work, "requested", "POST", f"{zdr}/requests", "account-team").get("id", "none")
            attempt(mortal, work, "approved", "POST", f"/v1/zdr/requests/{request}/approve", "reviewer")
            attempt(mortal, work, "enabled", "POST", f"/v1/zdr/requests/{request}/enable", "reviewer")
            attempt(mortal, work, "enabled", "POST", f"/v1/zdr/requests/{request}/enable", "reviewer")  # the second time is refused
            attempt(mortal, work, "disabled", "POST", f"{zdr}/disable", "reviewer")


def log_of(mortal: Mortal, organization: str) -> list[dict[str, Any]]:
    answer = mortal.call("GET", f"/v1/compliance/activities?organization_id={organization}&limit=1000", "auditor")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert not body["has_more"]
    entries: list[dict[str, Any]] = body["data"]
    return entries


def check(mortal: Mortal, work: Work) -> None:
    """All that was acknowledged is logged once, nothing else is, and the state is what the log says."""
    entries = log_of(mortal, work.organization)
    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry["previous_digest"] for entry in entries] == ["", *(entry["digest"] for entry in entries[:-1])]
    assert all(entry["digest"] == entry_digest(entry) for entry in entries)
    logged: dict[str, list[tuple[str, str]]] = {}
    for entry in entries:
        if entry["reference"]:
            logged.setdefault(entry["reference"], []).append((entry["type"], entry["outcome"]))
    for act in work.acts:
        found = logged.pop(act.marker, [])
        assert len(found) <= 1, f"{act} is logged {len(found)} times"
        if act.outcome is not None:
            assert found == [(f"{ZDR}{act.type}", act.outcome)], f"{act} was acknowledged, and the log has {found}"
    assert not logged, f"the log tells of what nobody did: {logged}"
    enabled = False
    for entry in entries:
        if entry["outcome"] == "success":
            enabled = STATES.get(entry["type"], enabled)
    status = mortal.call("GET", f"/v1/organizations/{work.organization}/zdr", "auditor")
    assert status.status_code == 200, status.text
    assert (status.json()["status"] == "enabled") is enabled, "the state is not what the log says"


def kill_rounds(mortal: Mortal, times: int, seed: int) -> dict[str, int]:
    """So many lives, each ended by SIGKILL; after each the next one is checked. Counts how they ended, and what became of the last, unanswered acts."""
    chance = random.Random(seed)
    counted = {"before": 0, "after": 0, "outside": 0, "unanswered and done": 0, "unanswered and not done": 0, "acknowledged": 0}
    for number in range(times):
        moment = ("before", "after", "outside")[number % 3]
        mortal.begin((chance.randint(3, 60), moment) if moment != "outside" else None)
        works: list[Work] = []
        if moment == "outside":
            threading.Timer(chance.uniform(0.05, 0.6), mortal.kill).start()
        with ThreadPoolExecutor(ADMINISTRATORS) as pool:
            for job in [pool.submit(administer, mortal, works) for _ in range(ADMINISTRATORS)]:
                job.result()
        mortal.kill()  # where it had nothing more to do
        assert mortal.ended() == signal.SIGKILL
        counted[moment] += 1
        mortal.begin(None)
        for work in works:
            check(mortal, work)
            references = {entry["reference"] for entry in log_of(mortal, work.organization)}
            for act in work.acts:
                done = "done" if act.marker in references else "not done"
                counted["acknowledged" if act.outcome else f"unanswered and {done}"] += 1
        mortal.kill()
        assert mortal.ended() == signal.SIGKILL
        time.sleep(0)
    return counted
