"""What the audits of a kill matrix cost before anything is planted, searched or judged: as many requests as a quick audit sends, by the same libraries, to a
server that gives one fixed answer; beside it one whole audit. Run: `python -m bench.floor` (or `tox run -e bench-floor`). Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from zdr_audit.matrix.cases import choose, quick_profile
from zdr_audit.violations import load_variants, load_violations

LIMIT_SECONDS = 600
QUESTION = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "x" * 1500}]}
ANSWER = {"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "y" * 200}]}


async def _answer(request: Request) -> JSONResponse:
    await request.json()
    return JSONResponse(ANSWER)


def serve(descriptor: int) -> None:
    """A server with one route on a socket that is open already, until it is told to end."""
    uvicorn.run(Starlette(routes=[Route("/v1/messages", _answer, methods=["POST"])]), fd=descriptor, log_level="error")


def floor(count: int) -> float:
    """Processor seconds of client and server together for so many requests, one after another over one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Else every answer waits for an acknowledgement of its head, and that costs processor time, too: nobody sees to it on a socket that is handed over.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/messages"
        command = [sys.executable, "-c", f"from bench.floor import serve; serve({listening.fileno()})"]
        with (
            subprocess.Popen(command, pass_fds=[listening.fileno()]) as server,  # noqa: S603 - our own
            requests.Session() as session,
        ):
            session.post(url, json=QUESTION, timeout=60).raise_for_status()
            before, began = _processor(server.pid), time.process_time()
            for _ in range(count):
                session.post(url, json=QUESTION, headers={"x-api-key": "k"}, timeout=60).json()
            spent = time.process_time() - began + _processor(server.pid) - before
            server.terminate()
    return spent


def _processor(pid: int) -> float:
    """Seconds of processor time of a process so far, as Linux tells them."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def whole(folder: Path) -> tuple[int, float]:
    """A quick audit of the reference simulator with a process of its own: how many requests, and processor seconds of auditor and simulator."""
    folder, target = folder / "audit", quick_profile(folder)
    code = "import sys; from pathlib import Path; from zdr_audit.matrix.work import Job, audit; audit(Job(*map(Path, sys.argv[1:])))"
    command = [sys.executable, "-c", code, str(folder), str(target)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the audit ended with status {process.returncode}")
    with closing(sqlite3.connect(f"file:{folder / 'journal.sqlite'}?mode=ro", uri=True)) as journal:
        ((count,),) = journal.execute("select count(*) from events where kind = 'interaction'")
    return int(count), usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.floor", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; the least counts (default: %(default)s)")
    rounds = parser.parse_args().rounds
    audits, processors = len(choose(load_violations(), load_variants()).run), os.cpu_count() or 1
    floors, audited, count = [], [], 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="zdr-audit-bench-") as folder:
            count, spent = whole(Path(folder))
        audited.append(spent)
        floors.append(floor(count))
    least, most = min(floors), min(audited)
    sys.stdout.write(
        f"| {count} requests | processor time | {audits} audits on {processors} processors, of the limit of {LIMIT_SECONDS} s |\n|---|---|---|\n"
        f"| `requests` and uvicorn, one fixed answer | {least:.1f} s | {least * audits / processors / LIMIT_SECONDS:.2f} times |\n"
        f"| a quick audit, its start included | {most:.1f} s | {most * audits / processors / LIMIT_SECONDS:.2f} times |\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
