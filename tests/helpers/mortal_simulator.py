"""A process that starts the simulator again and again, each life in a fork of its own, which dies by SIGKILL at a chosen commit.

Reads a JSON line a life from standard input: `arguments` of the simulator, and `dies`: [number, "before" or "after"] for the commit of the so many-th
transaction that holds an audit entry, or null. Says on standard output: the fork's pid, that it listens (the simulator's own line), and how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.orm import Session

import zdr_audit.simulator.__main__ as program
from zdr_audit.simulator.audit import Audit
from zdr_audit.simulator.database import Place


def doom(number: int, moment: str) -> None:
    """Makes this process kill itself at the commit of the `number`-th transaction with an audit entry: right before it, or right after it."""
    left = number
    lock = threading.Lock()
    append, transaction = Audit.append, Place.transaction

    def noted(self: Audit, session: Session, *arguments: Any, **more: Any) -> None:
        session.info["audited"] = True
        append(self, session, *arguments, **more)

    def due(session: Session, now: str) -> None:
        nonlocal left
        with lock:
            left -= bool(session.info.get("audited")) and now == moment
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def mortal(self: Place) -> Iterator[Session]:
        with transaction(self) as session:
            yield session
            session.flush()
            due(session, "before")
        due(session, "after")

    Audit.append = noted  # type: ignore[method-assign]
    Place.transaction = mortal  # type: ignore[method-assign]


def doom_after_start(number: int, moment: str) -> None:
    """The same, but what a first start logs does not count."""
    bootstrap = program.bootstrap

    def then(parts: Any) -> bool:
        first = bootstrap(parts)
        doom(number, moment)
        return first

    program.bootstrap = then


def say(**said: Any) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def main() -> None:
    for line in sys.stdin:
        life = json.loads(line)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                if life["dies"]:
                    doom_after_start(*life["dies"])
                program.serve.main(args=life["arguments"], prog_name="simulator")
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 0
            finally:
                os._exit(status)
        say(event="forked", pid=child)
        _, status = os.waitpid(child, 0)
        say(event="ended", signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)


if __name__ == "__main__":
    main()
