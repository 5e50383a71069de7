"""Starts the shipped reference simulator as processes of its own, on free loopback ports with fresh stores, and stops it afterwards."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from zdr_audit.run.nursery import Process, start_simulator
from zdr_audit.run.servers import ServerError, object_store, postgres_server, redis_server

START_SECONDS = 60
NODES = {"simulator-servers": 3, "simulator-servers-one-node": 1}
BUCKET = "zdr-simulator"


class LaunchError(Exception):
    """The simulator did not start; the message is one line for the user."""


class LaunchedSimulator:
    """Context manager: one node. `base_url` and `data_dir` are set once it accepts connections.

    `data_dir` None: a folder of its own, gone afterwards. `environment` is added to ours, `arguments` to the command line.
    """

    def __init__(
        self,
        violations: Sequence[str] = (),
        variants: Sequence[str] = (),
        *,
        data_dir: Path | None = None,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._violations, self._variants, self._arguments = tuple(violations), tuple(variants), tuple(arguments)
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | dict(environment or {})
        self._folder = tempfile.TemporaryDirectory(prefix="zdr-audit-simulator-")
        self.process: Process | None = None
        self.base_url = ""
        self.data_dir = data_dir or Path(self._folder.name) / "data"

    def __enter__(self) -> Self:
        arguments = ["--port", "0", "--operator", "--data-dir", str(self.data_dir)]
        for violation in self._violations:
            arguments += ["--violation", violation]
        for variant in self._variants:
            arguments += ["--variant", variant]
        self.process = start_simulator([*arguments, *self._arguments], self._environment, self._folder.name)
        try:
            self.base_url = self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _wait(self) -> str:
        process = self.process
        assert process is not None and process.stdout is not None and process.stderr is not None
        watchdog = threading.Timer(START_SECONDS, process.kill)
        watchdog.start()
        try:
            line = process.stdout.readline()
        finally:
            watchdog.cancel()
        try:
            said = json.loads(line)
        except ValueError:
            process.kill()
            said = process.stderr.read().strip().splitlines()
            raise LaunchError(f"the reference simulator did not start: {said[-1] if said else 'no message'}") from None
        # What it prints later must not fill the pipes and stop it.
        for stream in (process.stdout, process.stderr):
            threading.Thread(target=stream.read, daemon=True).start()
        return str(said["base_url"])

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        process = self.process
        if process is not None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()


@dataclass(frozen=True)
class Launched:
    """What was started: where it is, and the variables with which the profile finds its evidence."""

    base_url: str
    nodes: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@contextmanager
def launched(kind: str, violations: Sequence[str] = (), variants: Sequence[str] = ()) -> Iterator[Launched]:
    """The simulator of a profile's `launch`: `simulator` is one node over files, the others as many as `NODES` says over servers. Raises LaunchError."""
    if kind == "simulator":
        with LaunchedSimulator(violations, variants) as one:
            yield Launched(one.base_url, environment={"ZDR_SIM_DATA": str(one.data_dir)})
        return
    with _folder() as folder, _over_servers(folder, NODES[kind], violations, variants) as found:
        yield found


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder with a short name that other users can pass through: PostgreSQL refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="zdr-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _over_servers(folder: Path, count: int, violations: Sequence[str], variants: Sequence[str]) -> Iterator[Launched]:
    try:
        with postgres_server(folder) as postgres, redis_server(folder) as redis, object_store(folder) as store:
            data = folder / "data"
            environment = {
                "ZDR_SIM_DATA": str(data),
                "ZDR_SIM_DATABASE_URL": postgres.dsn().replace("postgresql://", "postgresql+psycopg://", 1),
                "ZDR_SIM_CACHE_URL": redis.url,
                "ZDR_SIM_BLOB_URL": f"s3://{BUCKET}?endpoint={store.endpoint}",
                "ZDR_SIM_CLUSTER_SECRET": secrets.token_hex(32),
                **store.credentials,
            }
            evidence = {
                "ZDR_SIM_DATA": str(data),
                "ZDR_SIM_POSTGRES_DSN": postgres.dsn(),
                "ZDR_SIM_POSTGRES_DATA": str(postgres.folder),
                "ZDR_SIM_REDIS_URL": redis.url,
                "ZDR_SIM_REDIS_DATA": str(redis.folder),
                "ZDR_SIM_BUCKET": BUCKET,
                "ZDR_SIM_S3_ENDPOINT": store.endpoint,
                "ZDR_SIM_S3_DATA": str(store.folder),
                **store.credentials,
            }
            with _nodes(count, violations, variants, data, environment) as nodes:
                yield Launched(nodes[0], nodes, evidence)
    except ServerError as problem:
        raise LaunchError(str(problem)) from None


@contextmanager
def _nodes(
    count: int, violations: Sequence[str], variants: Sequence[str], data: Path, environment: Mapping[str, str]
) -> Iterator[tuple[str, ...]]:
    """All nodes, one after the other; they share the stores and the folder of the logs."""
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                LaunchedSimulator(violations, variants, data_dir=data, arguments=("--node", str(number)), environment=environment)
            ).base_url
            for number in range(1, count + 1)
        ]
        yield tuple(nodes)
