from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from zdr_audit.evidence.collector import Collector
from zdr_audit.evidence.files import read_files
from zdr_audit.evidence.redis_keys import Database
from zdr_audit.evidence.redis_store import read_redis
from zdr_audit.evidence.server import ServerPlace, Values
from zdr_audit.run.servers import redis_server
from zdr_audit.run.servers.process import free_port

redis = pytest.importorskip("redis")
PASSWORD = "hunter2-in-the-url"


@dataclass
class Server:
    port: int
    folder: Path

    @property
    def place(self) -> ServerPlace:
        return ServerPlace(url=f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0")

    def client(self, number: int = 0):
        return redis.Redis(port=self.port, password=PASSWORD, db=number)


@pytest.fixture(scope="session")
def running(server_folder) -> Iterator[Server]:
    with redis_server(server_folder, PASSWORD) as server:
        yield Server(server.port, server.folder)


@pytest.fixture
def server(running) -> Server:
    with running.client() as client:
        client.flushall()
        client.slowlog_reset()
        client.config_set("slowlog-log-slower-than", 10_000)
    for file in running.folder.iterdir():
        file.unlink()
    return running


def plant_every_type(client, text) -> dict[str, str]:
    """One marked text in each type and place; returns where each must be found."""
    client.set("plain", f"prompt {text('string')}")
    client.set(f"cache:{text('key')}", "x")
    client.rpush("queue", *["job"] * 300, text("list"))
    client.sadd("members", "other", text("set"))
    client.zadd("ranks", {text("zset"): 1.5})
    client.hset("session", mapping={"prompt": text("hash"), text("field"): "1"})
    client.xadd("events", {"body": text("stream"), text("stream field"): "1"}, id="5-1")
    client.xadd("events", {"same": "first", "b": "x"}, id="5-2")
    client.xgroup_create("events", f"group-{text('group')}", id="0")
    client.xgroup_createconsumer("events", next(g["name"] for g in client.xinfo_groups("events")), f"consumer-{text('consumer')}")
    client.pfadd("counter", "a")
    return {
        "string": "database 0, key plain: value, bytes 7-39",
        "list": "database 0, key queue: element 300, bytes 0-32",
        "zset": "database 0, key ranks: member of score 1.5, bytes 0-32",
        "hash": "database 0, key session: field prompt, bytes 0-32",
        "field": "database 0, key session: field name, bytes 0-32",
        "stream": "database 0, key events: entry 5-1, field body, bytes 0-32",
        "stream field": "database 0, key events: entry 5-1, field name, bytes 0-32",
        "group": "database 0, key events: consumer group name, bytes 6-38",
    }


def test_a_canary_is_found_in_every_type_with_its_place(lab, server, places):
    with server.client() as client:
        expected = plant_every_type(client, lab.canary)
    reading = read_redis("cache", server.place, lab.seeker)
    assert reading.error is None
    assert reading.not_examined == ()
    assert reading.objects == 8
    found = places(reading, residue=False)
    assert {name: found[name] for name in expected} == expected
    assert found["key"].startswith("database 0, key cache:")
    assert found["key"].endswith(": name, bytes 6-38")
    assert found["set"].startswith("database 0, key members: member ")
    assert found["consumer"].startswith("database 0, key events: consumer name in group group-")
    assert len(reading.hits) == len(found)


def test_a_twin_without_canaries_gives_no_hit(lab, server):
    with server.client() as client:
        plant_every_type(client, lambda name: f"a word such as {name}")
    reading = read_redis("cache", server.place, lab.seeker)
    assert (reading.error, reading.hits, reading.not_examined, reading.objects) == (None, (), (), 8)


def test_every_database_is_read(lab, server, places):
    with server.client(7) as client:
        client.set("far", lab.canary("far"))
    assert places(read_redis("cache", server.place, lab.seeker)) == {"far": "database 7, key far: value, bytes 0-32"}


def test_a_stream_entry_that_was_deleted_is_found_as_residue(lab, server):
    with server.client() as client:
        client.xadd("events", {"body": "stays"}, id="1-1")
        client.xadd("events", {"body": lab.canary("deleted")}, id="1-2")
        client.xdel("events", "1-2")
    (hit,) = read_redis("cache", server.place, lab.seeker).hits
    assert (hit.object, hit.canary, hit.residue) == ("database 0, key events", "deleted", True)
    assert hit.location.startswith("stored form of the stream")


def test_what_a_module_stores_is_searched_as_the_server_would_save_it(lab, server):
    """No module comes with the wheel: the way its values take is walked with types whose content is known."""
    with server.client() as client:
        client.set("squeezed", "d" * 300 + lab.canary("compressed") + "d" * 300)
        client.set("short", lab.canary("short"))
        client.response_callbacks.clear()
        collector = Collector("cache", "redis", lab.seeker)
        database = Database(Values(collector), client, 0, None)
        for key in (b"squeezed", b"short"):
            database.read_stored_form(key)
    hits = {(hit.canary, hit.object, hit.location.partition(", bytes")[0], hit.residue) for hit in collector.reading().hits}
    assert hits == {
        ("compressed", "database 0, key squeezed", "stored form, decompressed", False),
        ("short", "database 0, key short", "stored form", False),
    }


def test_a_value_larger_than_one_piece_is_read_to_its_end(lab, server, places):
    size = 3 * 256 * 1024
    with server.client() as client:
        client.set("large", b"." * (size - 10) + lab.canary("last").encode())
        client.set("exact", b"." * (2 * 256 * 1024 - 32) + lab.canary("edge").encode())
    assert places(read_redis("cache", server.place, lab.seeker)) == {
        "last": f"database 0, key large: value, bytes {size - 10}-{size + 22}",
        "edge": f"database 0, key exact: value, bytes {2 * 256 * 1024 - 32}-{2 * 256 * 1024}",
    }


def test_a_hash_and_a_set_of_many_members_are_read_in_full(lab, server, places):
    with server.client() as client:
        client.hset("wide", mapping={f"f{number}": "x" for number in range(3000)} | {"f2999": lab.canary("hash")})
        client.sadd("crowd", *(f"m{number}" for number in range(3000)), lab.canary("set"))
    found = places(read_redis("cache", server.place, lab.seeker))
    assert found.keys() == {"hash", "set"}
    assert found["hash"] == "database 0, key wide: field f2999, bytes 0-32"


def test_the_slow_log_is_read_although_it_cuts_arguments(lab, server):
    with server.client() as client:
        client.config_set("slowlog-log-slower-than", 0)
        client.set("k", f"{'x' * 60}{lab.canary('whole')}{'y' * 200}")
        client.set("k", f"{'x' * 80}{lab.canary('cut')}{'y' * 200}")
        client.config_set("slowlog-log-slower-than", 10_000_000)
        client.delete("k")
    hits = [hit for hit in read_redis("cache", server.place, lab.seeker).hits if hit.object == "slow log"]
    assert {hit.canary for hit in hits} == {"whole", "cut"}
    assert all(re.fullmatch(r"entry \d+, part \d+, bytes \d+-\d+", hit.location) for hit in hits)


def test_the_names_of_connections_are_read(lab, server):
    with server.client() as client:
        client.client_setname(lab.canary("name"))
        (hit,) = read_redis("cache", server.place, lab.seeker).hits
    assert (hit.object, hit.canary) == ("connections", "name")


def test_a_compressed_string_is_found_in_the_snapshot_file(lab, server):
    with server.client() as client:
        client.set("padded", lab.canary("lzf") + "a" * 468)
        client.rpush("list", "b" * 300 + lab.canary("in list"))
        client.xadd("events", {"body": "c" * 300 + lab.canary("in stream")})
        client.xgroup_create("events", "workers", id="0")
        client.xreadgroup("workers", "one", {"events": ">"})
        client.save()
    reading = read_files("disk", server.folder, lab.seeker)
    assert reading.not_examined == ()
    assert {hit.canary for hit in reading.hits} == {"lzf", "in list", "in stream"}
    assert {hit.forms[0] for hit in reading.hits} <= {"rdb-lzf", "plain"}
    assert ("rdb-lzf", "plain") in {hit.forms for hit in reading.hits if hit.canary == "lzf"}


def test_the_append_only_file_is_read_with_the_snapshot_at_its_head(lab, server):
    with server.client() as client:
        client.set("early", lab.canary("in the head") + "e" * 400)
        client.config_set("appendonly", "yes")
        while client.info("persistence")["aof_rewrite_in_progress"] or client.info("persistence")["aof_rewrite_scheduled"]:
            pass
        client.set("late", lab.canary("appended") + "f" * 400)
        client.config_set("appendonly", "no")
    reading = read_files("disk", server.folder, lab.seeker)
    assert reading.not_examined == ()
    assert {(hit.object, hit.canary) for hit in reading.hits} == {("appendonly.aof", "in the head"), ("appendonly.aof", "appended")}


def test_the_files_hold_as_residue_what_the_server_no_longer_has(lab, server):
    with server.client() as client:
        client.set("kept", lab.canary("kept"))
        client.set("gone", lab.canary("gone") + "a" * 400)
        client.save()
        client.delete("gone")
    place = ServerPlace(url=server.place.url, data_dir=server.folder)
    hits = {(hit.object, hit.canary, hit.residue) for hit in read_redis("cache", place, lab.seeker).hits}
    assert hits == {("database 0, key kept", "kept", False), ("dump.rdb", "kept", False), ("dump.rdb", "gone", True)}


def test_reading_sends_no_command_that_writes_and_leaves_every_key(lab, server):
    with server.client() as client:
        plant_every_type(client, lab.canary)
        client.set("soon", "x", ex=1000)
        client.config_resetstat()
        before = client.dbsize(), client.info("persistence")["rdb_changes_since_last_save"]
        read_redis("cache", server.place, lab.seeker)
        after = client.dbsize(), client.info("persistence")["rdb_changes_since_last_save"]
        used = {name.removeprefix("cmdstat_").partition("|")[0] for name in client.info("commandstats")}
        writing = {name for name, known in client.command().items() if name in used and "write" in known["flags"]}
        assert client.ttl("soon") > 900
    assert after == before
    assert "scan" in used
    assert writing == set()
    assert used.isdisjoint({"keys", "monitor", "debug"})


def test_a_user_who_may_only_read_sees_the_values_and_the_rest_is_listed(lab, server, places):
    with server.client() as client:
        client.set("a", lab.canary("one"))
        client.execute_command("ACL", "SETUSER", "reader", "on", ">reader-password", "~*", "+@read", "+@connection", "+info")
    place = ServerPlace(url=f"redis://reader:reader-password@127.0.0.1:{server.port}")
    reading = read_redis("cache", place, lab.seeker)
    assert reading.error is None
    assert places(reading) == {"one": "database 0, key a: value, bytes 0-32"}
    assert {"slow log", "log of refused commands"} <= {item.object for item in reading.not_examined}


def test_a_key_that_the_user_may_not_read_is_listed(lab, server):
    with server.client() as client:
        client.set("mine", lab.canary("one"))
        client.set("hidden", "x")
        client.rpush("secret list", "x")
        client.execute_command("ACL", "SETUSER", "half", "on", ">half-password", "~mine", "+@all")
    reading = read_redis("cache", ServerPlace(url=f"redis://half:half-password@127.0.0.1:{server.port}"), lab.seeker)
    assert {hit.canary for hit in reading.hits} == {"one"}
    assert {"database 0, key hidden", "database 0, key secret list"} <= {item.object for item in reading.not_examined}


@pytest.mark.parametrize(
    "url", ["redis://:wrong-password-{port}@127.0.0.1:{port}", "redis://127.0.0.1:{port}/0?password=wrong-password-{port}"]
)
def test_a_wrong_password_gives_one_line_without_it(lab, server, url):
    reading = read_redis("cache", ServerPlace(url=url.format(port=server.port)), lab.seeker)
    assert reading.error
    assert "\n" not in reading.error
    assert "wrong-password" not in reading.error
    assert reading.objects == 0


def test_a_server_that_is_gone_is_an_error_of_the_reading(lab):
    reading = read_redis("cache", ServerPlace(url=f"redis://:{PASSWORD}@127.0.0.1:{free_port()}"), lab.seeker)
    assert "refused" in (reading.error or "")
    assert PASSWORD not in (reading.error or "")


@pytest.mark.parametrize("url", ["", "http://127.0.0.1", "redis://[broken", "redis://:secret-word@127.0.0.1:notaport/0"])
def test_a_url_that_is_none_is_an_error_of_the_reading(lab, url):
    reading = read_redis("cache", ServerPlace(url=url), lab.seeker)
    assert reading.error
    assert "\n" not in reading.error
    assert "secret-word" not in reading.error


def test_without_the_client_library_the_error_says_what_to_install(lab, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "redis":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert read_redis("cache", ServerPlace(url="redis://127.0.0.1"), lab.seeker).error == "needs pip install 'zdr-audit[redis]'"
