"""The simulator's stores on real servers: one writer among all nodes, one audit chain, and deletions that leave nothing."""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, text

from zdr_audit.evidence.postgres import read_postgres
from zdr_audit.evidence.server import ServerPlace
from zdr_audit.run.servers import ObjectStore, PostgresServer, RedisServer, object_store, postgres_server, redis_server
from zdr_audit.simulator.audit import as_entry, entry_digest
from zdr_audit.simulator.bootstrap import bootstrap
from zdr_audit.simulator.context import Caller
from zdr_audit.simulator.parts import Parts, build_parts
from zdr_audit.simulator.prefixes import PersistentCacheError, RedisCache, Row
from zdr_audit.simulator.stores import Stores
from zdr_audit.simulator.tables import AuditEntry, Conversation, ExceptionalContent

CALLER = Caller("user_reviewer", "reviewer@provider.example", "reviewer", "org_provider", "key_reviewer")


@pytest.fixture(scope="module")
def folder(server_folder: Path) -> Path:
    place = server_folder / "simulator"
    place.mkdir()
    place.chmod(0o755)
    return place


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[PostgresServer]:
    with postgres_server(folder) as server:
        yield server


@pytest.fixture(scope="module")
def redis(folder: Path) -> Iterator[RedisServer]:
    with redis_server(folder) as server:
        yield server


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[ObjectStore]:
    with object_store(folder) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """The URL of an empty database."""
    name = f"app_{secrets.token_hex(4)}"
    with postgres.connect() as admin:
        admin.execute(f"create database {name}")
        yield postgres.dsn(name).replace("postgresql://", "postgresql+psycopg://")
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def nodes(database: str, tmp_path: Path) -> Iterator[tuple[Parts, ...]]:
    """Three nodes in this process, each with connections of its own."""
    made = tuple(build_parts(tmp_path / "data", database, with_operator=True, node=number) for number in (1, 2, 3))
    bootstrap(made[0])
    yield made
    for parts in made:
        parts.stores.close()


def entries(parts: Parts, organization: str) -> list[AuditEntry]:
    with parts.stores.read() as session:
        query = select(AuditEntry).where(AuditEntry.organization_id == organization).order_by(AuditEntry.sequence)
        return list(session.scalars(query))


def assert_one_chain(rows: list[AuditEntry]) -> None:
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    assert [row.previous_digest for row in rows] == ["", *(row.digest for row in rows[:-1])]
    assert all(row.digest == entry_digest(as_entry(row)) for row in rows)


# -- PostgreSQL ---------------------------------------------------------------------------------------------------------------------


def test_entries_of_all_nodes_make_one_chain_in_the_order_of_their_effects(nodes):
    """48 toggles by 12 threads on three nodes: each is logged once, and the log alternates as the state did."""
    organization = "org_control"
    before = len(entries(nodes[0], organization))

    def toggle(number: int) -> None:
        parts = nodes[number % 3]
        with parts.stores.write() as session:
            parts.audit.append(session, CALLER, f"toggle-{number}", organization, ("organization", organization))
            time.sleep(0.002)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(toggle, range(48)))
    rows = entries(nodes[1], organization)
    assert_one_chain(rows)
    assert sorted(row.type for row in rows[before:]) == sorted(f"toggle-{number}" for number in range(48))


def test_what_one_node_decides_in_the_writers_place_no_other_can_change_meanwhile(nodes):
    inside, order = threading.Event(), []

    def first() -> None:
        with nodes[0].stores.write():
            inside.set()
            time.sleep(0.3)
            order.append("first")

    def second() -> None:
        assert inside.wait(10)
        with nodes[1].stores.write():
            order.append("second")

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(first), pool.submit(second)]:
            job.result()
    assert order == ["first", "second"]
    with nodes[0].stores.exclusive(), pytest.raises(RuntimeError, match="nested write"), nodes[0].stores.write():
        pass


def test_enabling_is_seen_by_the_next_question_on_every_node(nodes):
    for _ in range(5):
        for parts in nodes:
            request = parts.workflow.request(CALLER, "org_sibling", "a reference")
            parts.workflow.approve(CALLER, request.id, "a reference")
            parts.workflow.enable(CALLER, request.id, "a reference")
            assert [other.workflow.enabled("org_sibling") for other in nodes] == [True] * 3
            parts.workflow.disable(CALLER, "org_sibling", "a reference")
            assert [other.workflow.enabled("org_sibling") for other in nodes] == [False] * 3


def test_a_node_that_is_killed_in_the_writers_place_leaves_it(nodes, database, tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from zdr_audit.simulator.stores import Stores\n"
        "stores = Stores(Path(sys.argv[1]), sys.argv[2])\n"
        "with stores.write():\n    print('inside', flush=True)\n    time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "data"), database], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "inside"
    process.kill()
    process.wait()
    process.stdout.close()
    with nodes[0].stores.write() as session:
        assert session.scalar(text("select 1")) == 1


def test_the_clock_and_the_failures_of_one_node_are_those_of_all(nodes):
    nodes[0].clock.advance(86_400)
    for parts in nodes[1:]:
        parts.clock.refresh()
        assert abs((parts.clock.now() - nodes[0].clock.now()).total_seconds()) < 60
    assert nodes[0].secret(b"x") != nodes[0].secret(b"y")


def test_what_is_purged_is_in_no_file_of_the_server(nodes, postgres, database, lab):
    """Not in a dead row, a chunk, an index, a sample of the planner, nor in the log of writes."""
    parts = nodes[0]
    with parts.stores.write() as session:
        past = "2020-01-01T00:00:00.000000Z"
        for number, size in enumerate((1, 1, 3000, 60_000)):
            content = lab.canary(f"kept-{number}") + "".join(secrets.token_hex(8) for _ in range(size // 16))
            session.add(
                Conversation(
                    id=f"conv_{number}",
                    organization_id="org_control",
                    user_id="user_control_member",
                    session_id="",
                    model="m",
                    request=content,
                    response="",
                    complete=True,
                    created_at=past,
                    expires_at=past,
                )
            )
            session.add(
                ExceptionalContent(
                    id=f"exc_{number}",
                    organization_id="org_control",
                    session_id="s",
                    reason="hold",
                    content=content.encode(),
                    created_at=past,
                    expires_at=past,
                )
            )
    place = ServerPlace(url=database.replace("+psycopg", ""), data_dir=postgres.folder)
    with postgres.connect(database.rpartition("/")[2]) as admin:
        admin.execute("checkpoint; analyze")
    assert {hit.canary for hit in read_postgres("db", place, lab.seeker).hits} == {f"kept-{number}" for number in range(4)}
    deleted = parts.purge.run()
    assert (deleted["conversations"], deleted["exceptions"]) == (4, 4)
    reading = read_postgres("db", place, lab.seeker)
    assert reading.error is None
    assert [f"{hit.object} {hit.location}" for hit in reading.hits] == []


def test_starting_together_makes_the_samples_once(database, tmp_path):
    def start(number: int) -> Parts:
        parts = build_parts(tmp_path / "data", database, node=number)
        with parts.stores.starting():
            bootstrap(parts)
        return parts

    with ThreadPoolExecutor(3) as pool:
        started = list(pool.map(start, (1, 2, 3)))
    assert_one_chain(entries(started[0], "org_subject"))
    for parts in started:
        assert parts.workflow.enabled("org_subject")
        parts.stores.close()


# -- Redis --------------------------------------------------------------------------------------------------------------------------


def test_the_prompt_cache_on_redis(redis):
    cache = RedisCache(redis.url)
    rows = [
        Row("org_a", "1", "text", "2026-01-01", 300),
        Row("org_a", "2", "text", "2026-01-03", 3600),
        Row("org_b", "1", "text", "2026-01-03", 300),
    ]
    cache.put(rows)
    assert cache.expiry("org_a", "1") == "2026-01-01"
    assert cache.expiry("org_c", "1") is None
    assert 0 < redis.client().ttl(RedisCache.name("org_a", "1")) <= 300
    assert cache.expire("2026-01-02") == 1
    assert (cache.expiry("org_a", "1"), cache.expiry("org_a", "2")) == (None, "2026-01-03")
    cache.forget("org_a")
    assert (cache.expiry("org_a", "2"), cache.expiry("org_b", "1")) == (None, "2026-01-03")
    assert {name.decode() for name in redis.client().keys("*")} == {RedisCache.name("org_b", "1")}
    cache.close()


@pytest.mark.parametrize("setting", [("save", "60 1"), ("appendonly", "yes")])
def test_a_redis_server_that_writes_to_disk_is_refused(redis, setting):
    client = redis.client()
    name, _ = setting
    before = client.config_get(name)[name]
    client.config_set(*setting)
    try:
        with pytest.raises(PersistentCacheError, match="must not write to disk"):
            RedisCache(redis.url)
    finally:
        client.config_set(name, before)


# -- object store -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def blobs(store, tmp_path, monkeypatch):
    for name, value in store.credentials.items():
        monkeypatch.setenv(name, value)
    bucket = f"blobs-{secrets.token_hex(4)}"
    stores = Stores(tmp_path / "data", blob_url=f"s3://{bucket}/below/this?endpoint={store.endpoint}")
    yield stores.blobs
    stores.close()


@pytest.mark.parametrize("versions", [False, True])
def test_blobs_in_a_bucket_are_gone_with_their_versions(blobs, store, versions):
    client = store.client()
    if versions:
        client.put_bucket_versioning(Bucket=blobs.bucket, VersioningConfiguration={"Status": "Enabled"})
    for name in ("conv_1", "conv_1.0", "conv_1.1", "conv_10", "other"):
        blobs.put("org_a", name, name.encode())
    blobs.put("org_a", "conv_1", b"again")
    blobs.put("org_b", "conv_1", b"of another")
    assert (blobs.get("org_a", "conv_1"), blobs.get("org_a", "conv_1.1")) == (b"again", b"conv_1.1")
    assert blobs.delete("org_a", "conv_1") == 3
    assert blobs.delete("org_a", "conv_1") == 0

    def left() -> set[str]:
        listing = client.list_object_versions(Bucket=blobs.bucket)
        return {item["Key"].removeprefix("below/this/") for item in (*listing.get("Versions", ()), *listing.get("DeleteMarkers", ()))}

    assert left() == {"org_a/conv_10", "org_a/other", "org_b/conv_1"}
    blobs.delete_all("org_a")
    assert left() == {"org_b/conv_1"}
