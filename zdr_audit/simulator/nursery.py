"""A warm simulator process, forked for each service that is asked for: for whoever starts many, one after the other. POSIX only.

Asked over a Unix socket: a client sends the command line as JSON with two file descriptors (standard output and error), and gets the process id. The
connection stays open as long as the service runs, and the service ends when its client is gone.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from zdr_audit.simulator.__main__ import serve
from zdr_audit.simulator.app import build_app
from zdr_audit.simulator.bootstrap import bootstrap
from zdr_audit.simulator.parts import build_parts
from zdr_audit.simulator.violations import load

LARGEST_REQUEST = 1 << 20


def warm() -> None:
    """Does once what every service does at its start, so that its children need not: imports, shapes, table definitions."""
    load()
    import_module("uvicorn.protocols.http.h11_impl")
    with tempfile.TemporaryDirectory(prefix="zdr-simulator-") as folder:
        parts = build_parts(Path(folder), None, with_operator=True)
        with parts.stores.starting():
            bootstrap(parts)
        build_app(parts)
        parts.stores.close()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # for processes that live for seconds, and have memory enough


def _become(client: socket.socket, request: dict[str, object], outputs: list[int]) -> NoReturn:
    """What the forked child does: be the service that was asked for, and end with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status = 1
    try:
        with open(os.devnull) as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), 0)
        for number, output in enumerate(outputs, start=1):
            os.dup2(output, number)
            os.close(output)
        arguments, environment = request["arguments"], request["environment"]
        assert isinstance(arguments, list) and isinstance(environment, dict)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(str(request["folder"]))
        client.sendall(f"{os.getpid()}\n".encode())
        threading.Thread(target=_end_with, args=(client,), daemon=True).start()
        serve.main(args=arguments, prog_name="python -m zdr_audit.simulator")
    except SystemExit as exc:
        status = exc.code if isinstance(exc.code, int) else 0
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


def _end_with(client: socket.socket) -> None:
    """Ends this process when the client closes its side."""
    with suppress(OSError):
        while client.recv(64):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def _answer(listener: socket.socket) -> None:
    client, _ = listener.accept()
    with client:
        data, outputs, _flags, _address = socket.recv_fds(client, LARGEST_REQUEST, 2)
        while not data.endswith(b"\n") and (more := client.recv(LARGEST_REQUEST)):
            data += more
        try:
            request = json.loads(data)
            if os.fork() == 0:
                listener.close()
                _become(client, request, outputs)
        except ValueError:
            return  # no request of ours: its client sees the connection close
        finally:
            for output in outputs:
                os.close(output)


def main(place: str) -> None:
    """Answers on the Unix socket `place` until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are not waited for
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; whoever started us says when to end
    warm()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, selectors.DefaultSelector() as selector:
        listener.bind(place)
        listener.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not listener:
                    return
                _answer(listener)


if __name__ == "__main__":
    main(sys.argv[1])
