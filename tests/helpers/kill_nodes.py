"""Three nodes over one database, one of which is killed while administrators work on all of them; every tenth time all three at once.

The nodes that are left are asked at once, without a restart: what was acknowledged by the dead one is there exactly once, and nothing else is.
"""

from __future__ import annotations

import contextlib
import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import requests
from kill_rounds import Gone, Mortal, Work, attempt, check, log_of

NODES = 3
ADMINISTRATORS = 6
CYCLES = 2
ALL_AT_ONCE = 10


class Cluster:
    """The nodes. Context manager. `call` goes to any that is thought to live."""

    def __init__(self, arguments: list[str], environment: dict[str, str], seed: int) -> None:
        self.nodes = [Mortal([*arguments, "--node", str(number)], environment) for number in range(1, NODES + 1)]
        self.alive: set[int] = set()
        self.chance = random.Random(seed)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for node in self.nodes:
            self._stack.enter_context(node)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def begin(self, number: int, dies: tuple[int, str] | None) -> None:
        self.nodes[number].begin(dies)
        self.alive.add(number)

    def end(self, number: int) -> None:
        self.nodes[number].kill()
        assert self.nodes[number].ended() == signal.SIGKILL
        self.alive.discard(number)

    def call(self, method: str, path: str, key: str, **options: Any) -> requests.Response:
        return self.nodes[self.chance.choice(sorted(self.alive))].call(method, path, key, **options)


def administer(cluster: Cluster, works: list[Work]) -> None:
    """Switches ZDR of a fresh organization on and off, and goes on with the other nodes where one does not answer."""
    body = {"account_id": "acct_kills", "name": "k", "product": "enterprise"}
    try:
        made = cluster.call("POST", "/v1/organizations", "account-team", json=body)
    except requests.RequestException:
        return
    work = Work(made.json()["id"])
    works.append(work)
    zdr = f"/v1/organizations/{work.organization}/zdr"

    def act(type_: str, path: Callable[[], str], key: str) -> str:
        with contextlib.suppress(Gone):
            return str(attempt(cluster, work, type_, "POST", path(), key).get("id", "none"))  # type: ignore[arg-type]
        return "none"

    for _ in range(CYCLES):
        request = act("requested", lambda: f"{zdr}/requests", "account-team")
        if request == "none":
            continue  # no answer, or refused while another one is open: there is nothing to go on with
        for type_, verb in (("approved", "approve"), ("enabled", "enable"), ("enabled", "enable")):  # the second time is refused
            act(type_, lambda verb=verb, request=request: f"/v1/zdr/requests/{request}/{verb}", "reviewer")  # type: ignore[misc]
        act("disabled", lambda: f"{zdr}/disable", "reviewer")


def kill_nodes(cluster: Cluster, times: int) -> dict[str, int]:
    """So many kills; counts how they came, and what became of the acts that got no answer."""
    counted = {
        "before": 0,
        "after": 0,
        "outside": 0,
        "all at once": 0,
        "unanswered and done": 0,
        "unanswered and not done": 0,
        "acknowledged": 0,
    }
    for number in range(NODES):
        cluster.begin(number, None)
    kills = 0
    while kills < times:
        together = kills % ALL_AT_ONCE == ALL_AT_ONCE - 1
        victims = list(range(NODES)) if together else [kills % NODES]
        moment = "outside" if together else ("before", "after", "outside")[(kills // NODES) % 3]
        if moment != "outside":
            cluster.end(victims[0])  # and begins anew, with its end before it
            cluster.begin(victims[0], (cluster.chance.randint(2, 14), moment))
        works: list[Work] = []
        timers = [threading.Timer(cluster.chance.uniform(0.05, 0.6), cluster.nodes[v].kill) for v in victims if moment == "outside"]
        for timer in timers:
            timer.start()
        with ThreadPoolExecutor(ADMINISTRATORS) as pool:
            for job in [pool.submit(administer, cluster, works) for _ in range(ADMINISTRATORS)]:
                job.result()
        for timer in timers:
            timer.join()
        for victim in victims:
            cluster.end(victim)
        kills += 1
        counted["all at once" if together else moment] += 1
        if not cluster.alive:
            for victim in victims:
                cluster.begin(victim, None)
        for work in works:
            check(cluster, work)  # type: ignore[arg-type]
            references = {entry["reference"] for entry in log_of(cluster, work.organization)}  # type: ignore[arg-type]
            for one in work.acts:
                done = "done" if one.marker in references else "not done"
                counted["acknowledged" if one.outcome else f"unanswered and {done}"] += 1
        for victim in victims:
            if victim not in cluster.alive:
                cluster.begin(victim, None)
    return counted
