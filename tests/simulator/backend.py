"""A running simulator for tests: started as a process, spoken to over HTTP, its stores read as bytes."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

MODEL = "claude-haiku-sim-1"
_numbers = itertools.count(1)


def canary() -> str:
    """A marker that occurs nowhere else."""
    return f"zq{secrets.token_hex(15)}"


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def prompt(text: str, **fields: Any) -> dict[str, Any]:
    """A minimal inference request."""
    return {"model": MODEL, "max_tokens": 256, "messages": [{"role": "user", "content": text}], **fields}


def asking_for(answer: str, **fields: Any) -> dict[str, Any]:
    """A request whose answer is `answer`, which the prompt itself does not hold."""
    first, second = halves(answer)
    return prompt(f'Join these parts: "{first}" "{second}"', **fields)


class Backend:
    """The process, and how to reach it. `operator` mounts the operator's hooks."""

    def __init__(self, data_dir: Path, *options: str, operator: bool = True, env: dict[str, str] | None = None):
        self.data_dir = data_dir
        command = [sys.executable, "-m", "zdr_audit.simulator", "--port", "0", "--data-dir", str(data_dir), *options]
        if operator:
            command.append("--operator")
        environment = {**os.environ, **(env or {})}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.listening = json.loads(line)
        self.base_url: str = self.listening["base_url"]

    def stop(self) -> int:
        """Ends the process as a service manager would; its exit status."""
        self.process.terminate()
        self.out, self.err = self.process.communicate(timeout=20)
        return self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=20)

    def call(self, method: str, path: str, key: str | None = None, **options: Any) -> requests.Response:
        """One request; `key` is a key, or the end of a sample key's name."""
        headers = {"anthropic-version": "2023-06-01", **options.pop("headers", {})}
        if key is not None:
            headers["x-api-key"] = key if key.startswith("zdrsim-") else f"sample-key-{key}"
        return requests.request(method, self.base_url + path, headers=headers, timeout=30, **options)

    def get(self, path: str, key: str | None = None, **options: Any) -> requests.Response:
        return self.call("GET", path, key, **options)

    def post(self, path: str, key: str | None = None, **options: Any) -> requests.Response:
        return self.call("POST", path, key, **options)

    def ask(self, key: str, body: dict[str, Any], **headers: str) -> requests.Response:
        return self.post("/v1/messages", key, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def organization(self, *, zdr: bool = False, **fields: Any) -> Organization:
        """A fresh enterprise organization, with ZDR enabled by the workflow if asked for."""
        body = {"account_id": "acct_tests", "name": f"Test {next(_numbers)}", "product": "enterprise", **fields}
        answer = self.post("/v1/organizations", "account-team", json=body)
        assert answer.status_code == 201, answer.text
        found = Organization(self, answer.json())
        if zdr:
            found.enable()
        return found

    def entries(self, organization: str) -> list[dict[str, Any]]:
        """The audit log of an organization, as the auditor reads it."""
        answer = self.get("/v1/compliance/activities", "auditor", params={"organization_id": organization, "limit": 1000})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    def everything(self) -> dict[str, bytes]:
        """Every byte that was written below the data directory, by file; file names count too."""
        return {
            str(p.relative_to(self.data_dir)): str(p).encode() + b"\n" + p.read_bytes() for p in self.data_dir.rglob("*") if p.is_file()
        }

    def where(self, text: str) -> set[str]:
        """The first part of the path of each file that holds `text`."""
        found = {name for name, data in self.everything().items() if text.encode() in data}
        return {name.split("/")[0].split("-wal")[0].split("-shm")[0] for name in found}


class Organization:
    """An organization made for a test, with the key of its admin."""

    def __init__(self, backend: Backend, created: dict[str, Any]):
        self.backend = backend
        self.id: str = created["id"]
        self.admin: str = created["admin"]["key"]
        self.admin_id: str = created["admin"]["user_id"]
        self.created = created

    def enable(self) -> str:
        """Takes all steps of the workflow; the id of the request."""
        request = self.step("account-team", f"/v1/organizations/{self.id}/zdr/requests", 201)
        self.step("reviewer", f"/v1/zdr/requests/{request}/approve")
        self.step("reviewer", f"/v1/zdr/requests/{request}/enable")
        return request

    def request(self) -> str:
        return self.step("account-team", f"/v1/organizations/{self.id}/zdr/requests", 201)

    def step(self, key: str, path: str, expected: int = 200, reference: str = "TICKET-1") -> str:
        answer = self.backend.post(path, key, json={"reference": reference})
        assert answer.status_code == expected, answer.text
        return str(answer.json().get("id", ""))

    def member(self, email: str = "member@test.example") -> tuple[str, str]:
        """(user id, key) of a new member."""
        user = self.backend.post(f"/v1/organizations/{self.id}/users", self.admin, json={"email": email, "role": "member"}).json()
        body = {"user_id": user["id"], "name": "test"}
        key = self.backend.post(f"/v1/organizations/{self.id}/api_keys", self.admin, json=body).json()
        return user["id"], key["key"]

    def status(self) -> dict[str, Any]:
        return dict(self.backend.get(f"/v1/organizations/{self.id}/zdr", "auditor").json())

    def entries(self) -> list[dict[str, Any]]:
        return self.backend.entries(self.id)

    def last_entry(self) -> dict[str, Any]:
        return self.entries()[-1]
