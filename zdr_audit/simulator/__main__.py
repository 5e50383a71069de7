"""Starting the simulator from the command line."""

from __future__ import annotations

import json
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import click
import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from zdr_audit.simulator import benign, violations
from zdr_audit.simulator.blobs import BlobUrlError
from zdr_audit.simulator.bootstrap import bootstrap
from zdr_audit.simulator.lives import Lives
from zdr_audit.simulator.openapi import build_document
from zdr_audit.simulator.parts import Parts, build_parts
from zdr_audit.simulator.prefixes import PersistentCacheError
from zdr_audit.simulator.seeding import UnknownSeedError
from zdr_audit.simulator.violations import UnfitStoresError

HELP = """Reference ZDR backend on {base_url}
  stores    {data_dir}
  try       curl {base_url}/v1/messages -H 'x-api-key: sample-key-control-member' -H 'anthropic-version: 2023-06-01' \\
              -d '{{"model":"claude-haiku-sim-1","max_tokens":64,"messages":[{{"role":"user","content":"Hello"}}]}}'
  document  {base_url}/openapi.json
  stop      Ctrl-C
"""


class Server(uvicorn.Server):
    """Says when it accepts connections, and ends with status 0 when told to."""

    def __init__(self, config: uvicorn.Config, announce: str):
        super().__init__(config)
        self.announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        click.echo(self.announce)
        sys.stdout.flush()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield


def fail(message: str) -> NoReturn:
    click.echo(f"zdr-audit simulate: {message}", err=True)
    raise SystemExit(2)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # with the protocol named, asyncio turns Nagle off
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        fail(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}")
    return listener


def _need_clients(database_url: str | None, cache_url: str | None, blob_url: str | None) -> None:
    for option, url, extra, module in (
        ("--database-url", database_url if (database_url or "").startswith("postgresql") else None, "postgres", "psycopg"),
        ("--cache-url", cache_url, "redis", "redis"),
        ("--blob-url", blob_url, "s3", "boto3"),
    ):
        if url and find_spec(module) is None:
            fail(f"{option} needs pip install 'zdr-audit[{extra}]'")


def _parts(data_dir: Path, operator: bool, broken: tuple[str, ...], variants: tuple[str, ...], node: int, *urls: str | None) -> Parts:
    """The parts; `urls` are those of database, cache and blobs. Ends with one line, which holds no URL: there may be a password in it."""
    _need_clients(*urls)
    database_url, cache_url, blob_url = urls
    try:
        parts = build_parts(data_dir, database_url, operator, cache_url=cache_url, blob_url=blob_url, node=node)
        for violation in broken:
            violations.install(parts, violation)
        for variant in variants:
            benign.install(parts, variant)
        with parts.stores.starting():
            if not bootstrap(parts):
                parts.recovery.run()
    except (UnknownSeedError, UnfitStoresError) as error:
        fail(str(error))
    except (BlobUrlError, PersistentCacheError) as error:
        fail(f"{'--blob-url' if isinstance(error, BlobUrlError) else '--cache-url'}: {error}")
    except (SQLAlchemyError, ImportError) as error:
        fail(f"cannot use the database: {type(error).__name__}")
    except OSError as error:
        fail(f"cannot use data directory {data_dir}: {error.strerror or type(error).__name__}")
    except Exception as error:  # clients of servers raise errors of their own
        if not (cache_url or blob_url):
            raise
        named = [option for option, url in (("--cache-url", cache_url), ("--blob-url", blob_url)) if url]
        fail(f"cannot use what {' or '.join(named)} names: {type(error).__name__}")
    return parts


@click.command(help="Run the reference ZDR backend.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8700, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option("--data-dir", default="zdr-simulator-data", show_default=True, type=click.Path(path_type=Path), help="Folder of all stores.")
@click.option("--violation", "broken", multiple=True, metavar="ID", help="Break this promise on purpose (may be repeated).")
@click.option("--variant", "variants", multiple=True, metavar="ID", help="Differ in this way, which breaks no promise (may be repeated).")
@click.option("--operator", is_flag=True, help="Mount the operator's hooks (clock, purge, flags, holds, failures).")
@click.option(
    "--database-url",
    envvar="ZDR_SIM_DATABASE_URL",
    metavar="URL",
    help="The main database, postgresql+psycopg://... (default: SQLite in the data directory). Nodes that share it are one service.",
)
@click.option(
    "--cache-url", envvar="ZDR_SIM_CACHE_URL", metavar="URL", help="The prompt cache, redis://... (default: SQLite in the data directory)."
)
@click.option(
    "--blob-url",
    envvar="ZDR_SIM_BLOB_URL",
    metavar="URL",
    help="The blobs, s3://BUCKET/PREFIX?endpoint=URL, credentials from AWS_* (default: a folder in the data directory).",
)
@click.option("--node", default=1, show_default=True, type=click.IntRange(1, 99), help="Which node this is of those that share the stores.")
@click.option("--openapi", is_flag=True, help="Print the OpenAPI document and exit.")
def serve(
    host: str,
    port: int,
    data_dir: Path,
    broken: tuple[str, ...],
    variants: tuple[str, ...],
    operator: bool,
    database_url: str | None,
    cache_url: str | None,
    blob_url: str | None,
    node: int,
    openapi: bool,
) -> None:
    if openapi:
        from zdr_audit.simulator.endpoints import all_operations
        from zdr_audit.simulator.features import load_features

        click.echo(json.dumps(build_document(all_operations(load_features(), operator)), indent=2))
        return
    logging.disable(logging.CRITICAL)  # libraries would log what they hold at the moment; what is logged here is decided in one place
    lives = Lives(partial(_parts, data_dir, operator, broken, variants, node, database_url, cache_url, blob_url))
    listener = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    place = {"base_url": f"http://{shown}:{listener.getsockname()[1]}{lives.parts.below}", "data_dir": str(data_dir.resolve())}
    announce = HELP.format(**place) if sys.stdout.isatty() else json.dumps({"event": "listening", **place}, separators=(",", ":"))
    config = uvicorn.Config(
        lives,
        http=lives.parts.protocol or "h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    try:
        Server(config, announce).run(sockets=[listener])
    finally:
        listener.close()
        lives.parts.stores.close()


if __name__ == "__main__":
    serve(prog_name="python -m zdr_audit.simulator")
