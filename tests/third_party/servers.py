"""Starts the servers that we did not write, each in a folder of its own and before our fake upstream; programs come from THIRD_PARTY_BIN."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

HERE = Path(__file__).resolve().parent
START_SECONDS = 240
ENDPOINTS = (("anthropic", "fake-claude", "claude"), ("openai", "fake-gpt", "gpt"))


@dataclass(frozen=True)
class Running:
    """A server that listens, and the folder that holds what it keeps."""

    base_url: str
    home: Path


def program(name: str) -> str:
    folder = os.environ.get("THIRD_PARTY_BIN")
    if folder is None:
        raise RuntimeError("THIRD_PARTY_BIN must name the folder with the programs mlflow and mitmdump (tox run -e third-party sets it)")
    return str(Path(folder) / name)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def started(command: Sequence[str], home: Path, port: int, environment: dict[str, str] | None = None) -> Iterator[Running]:
    """Runs a command in the folder, what it prints into `log/`, until it accepts connections; stops it and its children afterwards."""
    (home / "log").mkdir(parents=True, exist_ok=True)
    with (home / "log" / "printed.txt").open("wb") as printed:
        process = subprocess.Popen(
            command, cwd=home, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
            env=os.environ | (environment or {}), start_new_session=True,
        )  # fmt: skip
        try:
            _wait(port, process, home)
            yield Running(f"http://127.0.0.1:{port}", home)
        finally:
            os.killpg(process.pid, 15)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], home: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the server did not start: {(home / 'log' / 'printed.txt').read_text(encoding='utf-8', errors='replace')[-2000:]}")


@contextmanager
def upstream(home: Path) -> Iterator[Running]:
    port = free_port()
    with started([sys.executable, str(HERE / "upstream.py"), str(port)], home, port) as server:
        yield server


@contextmanager
def mlflow_gateway(home: Path, provider: str, *, usage_tracking: bool, sampled: bool = True) -> Iterator[Running]:
    """The gateway with an endpoint for each dialect. `sampled` False: no trace of whatever origin is kept."""
    port = free_port()
    (home / "artifacts").mkdir(parents=True)
    environment = {
        "MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_CRYPTO_KEK_PASSPHRASE": "a passphrase for the tests alone",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # evaluation jobs, none of which the gateway needs
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    } | ({} if sampled else {"MLFLOW_TRACE_SAMPLING_RATIO": "0"})
    command = [program("mlflow"), "server", "--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--no-serve-artifacts"]
    command += ["--default-artifact-root", str(home / "artifacts"), "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with started(command, home, port, environment) as server:
        for kind, model, name in ENDPOINTS:
            secret = {"secret_name": f"secret-{name}", "secret_value": {"api_key": "key-of-the-provider"}, "provider": kind}
            secret_id = _made(server, "secrets", secret | {"auth_config": {"api_base": f"{provider}/v1"}}, "secret", "secret_id")
            definition = {"name": f"model-{name}", "secret_id": secret_id, "provider": kind, "model_name": model}
            definition_id = _made(server, "model-definitions", definition, "model_definition", "model_definition_id")
            linked = [{"model_definition_id": definition_id, "linkage_type": "PRIMARY", "weight": 1.0}]
            _made(server, "endpoints", {"name": name, "model_configs": linked, "usage_tracking": usage_tracking}, "endpoint", "endpoint_id")
        yield server


def _made(server: Running, what: str, body: object, kind: str, key: str) -> str:
    answer = requests.post(f"{server.base_url}/api/3.0/mlflow/gateway/{what}/create", json=body, timeout=120)
    answer.raise_for_status()
    return str(answer.json()[kind][key])


@contextmanager
def mitmproxy(home: Path, provider: str, *, records: bool) -> Iterator[Running]:
    """mitmdump as a reverse proxy, with its own folder for certificates."""
    port = free_port()
    (home / "flows").mkdir(parents=True)
    command = [program("mitmdump"), "--mode", f"reverse:{provider}", "--listen-host", "127.0.0.1", "--listen-port", str(port)]
    command += ["--set", f"confdir={home / 'conf'}"] + (["-w", str(home / "flows" / "recorded.mitm")] if records else [])
    with started(command, home, port) as server:
        yield server
