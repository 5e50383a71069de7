"""How the answers of a Redis server are walked, on answers that are written here: what a real one seldom gives is among them."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from zdr_audit.evidence import redis_keys, redis_store
from zdr_audit.evidence.collector import Collector
from zdr_audit.evidence.redis_keys import Database
from zdr_audit.evidence.redis_memory import read_memory
from zdr_audit.evidence.server import MissingExtraError, ServerPlace, Values
from zdr_audit.evidence.server_size import SizeError, server_size

redis = pytest.importorskip("redis")
REFUSED = redis.exceptions.ResponseError("NOPERM this user has no permissions")


class Client:
    """Answers commands from a store of keys. What `answers` holds for a command comes first."""

    def __init__(self, keys: dict[bytes, Any], **answers: Any) -> None:
        self.keys, self.answers, self.asked = keys, answers, []

    def execute_command(self, *words: Any) -> Any:
        self.asked.append(words)
        name = words[0]
        answer = self.answers[name] if name in self.answers else getattr(self, name.lower())(*words[1:])
        answer = answer(*words[1:]) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.asked.append(("closed",))

    def pipeline(self, transaction: bool) -> Client:
        assert not transaction
        return Pipeline(self)

    def scan(self, cursor: bytes, *_: Any) -> Any:
        at = int(cursor)
        names = list(self.keys)
        return (b"%d" % (at + 2) if at + 2 < len(names) else b"0"), names[at : at + 2]

    def type(self, key: bytes) -> Any:
        value = self.keys[key]
        return b"string" if isinstance(value, bytes) else value[0]

    def getrange(self, key: bytes, first: int, last: int) -> bytes:
        return self.keys[key][first : last + 1]

    def lrange(self, key: bytes, first: int, last: int) -> list[bytes]:
        return self.keys[key][1][first : last + 1]

    def _step(self, key: bytes, cursor: bytes, size: int) -> Any:
        found, at = self.keys[key][1], int(cursor)
        return (b"%d" % (at + size) if at + size < len(found) else b"0"), found[at : at + size]

    def sscan(self, key: bytes, cursor: bytes, *_: Any) -> Any:
        return self._step(key, cursor, 3)

    zscan = hscan = lambda self, key, cursor, *_: self._step(key, cursor, 4)

    def xrange(self, key: bytes, start: str, *_: Any) -> Any:
        entries = self.keys[key][1]

        def number(name: str) -> tuple[int, ...]:
            return tuple(int(part) for part in name.split("-"))

        return [entry for entry in entries if start == "-" or number(entry[0].decode()) >= number(start)][:2]

    def xinfo(self, what: str, *_: Any) -> Any:
        return [[b"name", b"readers", b"pending", 0]] if what == "GROUPS" else [[b"pending", 0, b"name", b"reader-1"]]

    def memory(self, *_: Any) -> int:
        return 1000

    def dump(self, key: bytes) -> bytes | None:
        return self.keys[key][2] if len(self.keys[key]) > 2 else None


class Pipeline:
    def __init__(self, client: Client) -> None:
        self.client, self.waiting = client, []

    def execute_command(self, *words: Any) -> None:
        self.waiting.append(words)

    def execute(self, raise_on_error: bool) -> list[Any]:
        assert not raise_on_error
        answers = []
        for words in self.waiting:
            try:
                answers.append(self.client.execute_command(*words))
            except redis.exceptions.ResponseError as problem:
                answers.append(problem)
        return answers


@pytest.fixture
def lab(quick_lab):
    return quick_lab


def read(lab, client: Client, told: list[int] | None = None):
    values = Values(Collector("cache", "redis", lab.seeker))
    Database(values, client, 3, told.append if told is not None else None).read()
    return values.collector.reading()


def places(reading) -> dict[str | None, str]:
    return {hit.canary: f"{hit.object}: {hit.location}" for hit in reading.hits}


def test_every_type_is_walked_step_by_step_to_its_end(lab):
    fields = [
        b"f1",
        lab.canary("value").encode(),
        lab.canary("field").encode(),
        b"x",
        b"f3",
        b"y",
        b"f4",
        lab.canary("last value").encode(),
    ]
    entries = [
        (b"5-1", None),
        (b"5-2", [b"body", b"x"]),
        (b"5-3", [b"body", lab.canary("second").encode()]),
        (b"9-0", [lab.canary("name").encode(), b"x"]),
    ]
    client = Client(
        {
            b"plain": lab.canary("string").encode(),
            b"list": (b"list", [b"x"] * 300 + [lab.canary("element").encode()]),
            b"set": (b"set", [b"a", b"b", b"c", b"d", lab.canary("member").encode()]),
            b"ranks": (b"zset", [b"a", b"1", b"b", b"2", lab.canary("ranked").encode(), b"2.5"]),
            b"hash": (b"hash", fields),
            b"stream": (b"stream", entries),
            lab.canary("key").encode(): b"x",
        }
    )
    told: list[int] = []
    reading = read(lab, client, told)
    found = places(reading)
    member = found.pop("member")
    assert member.startswith("database 3, key set: member ")
    assert found.pop("key").endswith(": name, bytes 0-32")
    assert found == {
        "string": "database 3, key plain: value, bytes 0-32",
        "element": "database 3, key list: element 300, bytes 0-32",
        "ranked": "database 3, key ranks: member of score 2.5, bytes 0-32",
        "value": "database 3, key hash: field f1, bytes 0-32",
        "field": "database 3, key hash: field name, bytes 0-32",
        "last value": "database 3, key hash: field f4, bytes 0-32",
        "second": "database 3, key stream: entry 5-3, field body, bytes 0-32",
        "name": "database 3, key stream: entry 9-0, field name, bytes 0-32",
    }
    assert (reading.objects, reading.not_examined) == (7, ())
    names = sum(map(len, client.keys))
    assert reading.bytes == sum(told) + names
    asked = [words[2:] for words in client.asked if words[0] == "LRANGE"]
    assert asked[0][0] == 0
    assert all(100 < last - first < 1000 for first, last in asked)  # neither one by one nor all at once


def test_the_names_of_groups_and_consumers_are_searched(lab):
    group, consumer = lab.canary("group").encode(), lab.canary("consumer").encode()
    client = Client({b"s": (b"stream", [])}, XINFO=lambda what, *_: [[b"name", group]] if what == "GROUPS" else [[b"name", consumer]])
    assert places(read(lab, client)) == {
        "group": "database 3, key s: consumer group name, bytes 0-32",
        "consumer": f"database 3, key s: consumer name in group {group.decode()}, bytes 0-32",
    }


@pytest.mark.parametrize("size", [299, 300, 301, 599, 600, 950])
def test_a_long_string_is_read_in_pieces(lab, monkeypatch, size):
    monkeypatch.setattr(redis_keys, "_PIECE", 300)
    value = b"x" * (size - 32) + lab.canary("long").encode()
    told: list[int] = []
    client = Client({b"k": value})
    reading = read(lab, client, told)
    assert places(reading) == {"long": f"database 3, key k: value, bytes {size - 32}-{size}"}
    assert (sum(told), reading.bytes) == (size, size + 1)
    asked = [words[2:] for words in client.asked if words[0] == "GETRANGE"]
    assert asked == [(at, at + 299) for at in range(0, size + (size % 300 == 0), 300)]


def test_a_string_is_asked_for_in_pieces_of_some_hundred_kilobytes(lab):
    client = Client({b"k": bytes(1 << 20)})
    assert read(lab, client).bytes == (1 << 20) + 1
    first = next(words[3] for words in client.asked if words[0] == "GETRANGE")
    assert 100_000 < first < 1_000_000


def test_a_key_that_is_met_twice_is_read_once_and_one_that_is_gone_not_at_all(lab):
    answers = iter([(b"7", [b"a", b"a", b"b"]), (b"0", [b"b", b"gone", b"c"])])
    client = Client(
        {b"a": b"1", b"b": b"2", b"c": b"3"}, SCAN=lambda *_: next(answers), TYPE=lambda key: b"none" if key == b"gone" else b"string"
    )
    reading = read(lab, client)
    assert reading.objects == 3
    assert [words[1] for words in client.asked if words[0] == "GETRANGE"] == [b"a", b"b", b"c"]


def test_what_the_server_refuses_is_listed_and_the_rest_is_read(lab):
    keys = {
        b"typeless": b"x",
        b"list": (b"list", []),
        b"value": b"x",
        b"fine": lab.canary("fine").encode(),
        b"odd": (b"odd-type", b"", b""),
    }
    client = Client(
        keys,
        TYPE=lambda key: REFUSED if key == b"typeless" else (b"string" if isinstance(keys[key], bytes) else keys[key][0]),
        LRANGE=REFUSED,
        GETRANGE=lambda key, *_: REFUSED if key == b"value" else keys[key],
        DUMP=REFUSED,
    )
    reading = read(lab, client)
    assert places(reading) == {"fine": "database 3, key fine: value, bytes 0-32"}
    assert {(note.object.removeprefix("database 3, key "), note.reason) for note in reading.not_examined} == {
        ("typeless", "NOPERM this user has no permissions"),
        ("list", "cannot be read as the list it is: NOPERM this user has no permissions"),
        ("value", "NOPERM this user has no permissions"),
        ("odd", "stored form: NOPERM this user has no permissions"),
    }
    assert {note.mark for note in reading.not_examined} == {""}, "by its name a new one can be told"
    assert reading.objects == 4


def test_a_value_of_a_module_is_searched_as_it_would_be_saved_if_it_is_not_too_large(lab):
    payload = b"\x00" + bytes([32]) + lab.canary("saved").encode() + bytes(10)
    client = Client({b"m": (b"module", b"", payload)})
    reading = read(lab, client)
    assert places(reading) == {"saved": "database 3, key m: stored form, bytes 2-34"}
    assert not reading.hits[0].residue
    assert reading.bytes == 1 + len(payload)
    for size, notes in ((64 << 20, 0), ((64 << 20) + 1, 1)):
        large = read(lab, Client({b"m": (b"module", b"", payload)}, MEMORY=size))
        assert len(large.not_examined) == notes
        assert bool(large.hits) is not bool(notes)
    assert read(lab, Client({b"m": (b"module", b"", payload)}, MEMORY=lambda *_: None)).hits
    gone = read(lab, Client({b"m": (b"module", b"", b"")}, DUMP=lambda *_: None))
    assert (gone.hits, gone.not_examined) == ((), ())


@pytest.mark.parametrize("name", [b"used_memory_dataset", b"used_memory", b"used_memory_overhead", b"used_memory_dataset_perc"])
def test_only_the_memory_of_the_data_is_the_size_of_a_server(monkeypatch, name):
    client = Client({}, INFO=b"# Memory\r\nmaxmemory:0\r\n%s:12345\r\nzzz:1\r\n" % name)
    monkeypatch.setattr(redis_store, "information", lambda _url: client)
    if name == b"used_memory_dataset":
        assert server_size("redis", ServerPlace(url="redis://127.0.0.1/0")) == 12345
    else:
        with pytest.raises(SizeError, match="does not say how much memory"):
            server_size("redis", ServerPlace(url="redis://127.0.0.1/0"))
    assert client.asked[-1] == ("closed",)


def test_a_field_without_its_value_ends_the_reading_and_is_not_passed_over(lab):
    with pytest.raises(ValueError, match="shorter"):
        read(lab, Client({b"h": (b"hash", [b"f1", b"v1", lab.canary("field").encode()])}))


def test_what_a_stream_still_holds_of_deleted_entries_is_residue_and_what_it_shows_is_not(lab):
    kept, gone = lab.canary("kept"), lab.canary("gone")
    payload = b"\x00" + bytes([64]) + f"{kept}{gone}".encode() + bytes(10)
    client = Client({b"s": (b"stream", [(b"1-1", [b"body", kept.encode()])], payload)}, XINFO=lambda *_: [])
    assert [(hit.canary, hit.location, hit.residue) for hit in read(lab, client).hits] == [
        ("kept", "entry 1-1, field body, bytes 0-32", False),
        ("gone", "stored form of the stream, bytes 34-66", True),
    ]


def test_of_what_is_decompressed_in_a_stored_form_no_part_is_told_again(lab, monkeypatch):
    """LZF leaves runs of bytes as they are: the payload shows parts of what it holds."""
    literal = lab.seeker.literal
    whole, other, third = (lab.canary(name).encode() for name in ("whole", "other", "third"))
    payload = b"\x00" + literal + b"~~~" + whole + b"~" + third + bytes(10)
    content = [whole + b"~" + other]
    monkeypatch.setattr(redis_keys, "RdbDecoder", lambda dump: type("Decoder", (), {"feed": lambda _self, _data: content})())
    reading = read(lab, Client({b"m": (b"module", b"", payload)}))
    assert [(hit.canary, hit.location) for hit in reading.hits] == [
        ("whole", "stored form, decompressed, bytes 0-32"),
        ("other", "stored form, decompressed, bytes 33-65"),
        ("third", "stored form, bytes 47-79"),
    ]
    assert reading.bytes == 1 + 65 + len(payload)
    content.clear()
    alone = read(lab, Client({b"m": (b"module", b"", payload)}))
    assert {hit.canary for hit in alone.hits} == {None, "whole", "third"}


def test_a_stored_form_that_the_server_will_not_give_is_listed_for_that_key_alone(lab):
    keys = {b"m": (b"module", b"", b"x"), b"n": (b"module", b"", lab.canary("n").encode()), b"s": (b"stream", [], b"")}
    client = Client(keys, MEMORY=lambda _usage, key: REFUSED if key == b"m" else 10, XINFO=lambda *_: [])
    reading = read(lab, client)
    assert [(note.object, note.reason) for note in reading.not_examined] == [
        ("database 3, key m", "stored form: NOPERM this user has no permissions")
    ]
    assert [hit.canary for hit in reading.hits] == ["n"]
    assert ("DUMP", b"m") not in client.asked


def test_what_a_stored_form_shows_is_live_but_for_the_remains_of_a_stream(lab):
    kept, gone = lab.canary("kept"), lab.canary("gone")
    values = Values(Collector("cache", "redis", lab.seeker))
    client = Client({b"m": (b"module", b"", kept.encode()), b"s": (b"stream", [], gone.encode())}, XINFO=lambda *_: [])
    Database(values, client, 0, None).read()
    assert {(hit.canary, hit.residue) for hit in values.collector.reading().hits} == {("kept", False), ("gone", True)}
    assert (values.live("kept"), values.live("gone")) == (True, False)


@pytest.mark.parametrize("keys", [{b"a": b"x", b"b": b"y"}, {b"a": (b"list", [])}])
@pytest.mark.parametrize("command", ["TYPE", "GETRANGE"])
def test_fewer_answers_than_questions_end_the_reading(lab, monkeypatch, keys, command):
    real = Pipeline.execute

    def fewer(pipeline: Pipeline, raise_on_error: bool) -> list[Any]:
        answers = real(pipeline, raise_on_error)
        return answers[:-1] if pipeline.waiting and pipeline.waiting[0][0] == command else answers

    monkeypatch.setattr(Pipeline, "execute", fewer)
    if command == "GETRANGE" and b"b" not in keys:  # no strings, no question
        assert read(lab, Client(keys)).objects == 1
    else:
        with pytest.raises(ValueError, match="shorter"):
            read(lab, Client(keys))


def test_every_key_of_every_step_is_read_and_the_walk_ends_with_the_cursor(lab):
    keys = {b"k%d" % number: lab.canary(f"c{number}").encode() for number in range(7)}
    client = Client(keys)
    reading = read(lab, client)
    assert {hit.canary for hit in reading.hits} == {f"c{number}" for number in range(7)}
    assert [words[1] for words in client.asked if words[0] == "SCAN"] == [b"0", b"2", b"4", b"6"]


def test_only_the_database_of_the_url_is_read_where_the_others_cannot_be_listed(lab):
    values = Values(Collector("cache", "redis", lab.seeker))
    client = Client({}, INFO=REFUSED)
    client.connection_pool = SimpleNamespace(connection_kwargs={"db": "5"})
    assert list(redis_store._databases(values, client)) == [5]
    client.connection_pool = SimpleNamespace(connection_kwargs={})
    assert list(redis_store._databases(values, client)) == [0]
    assert [(note.object, note.reason) for note in values.collector.reading().not_examined] == [
        ("databases other than 5", "they cannot be listed: NOPERM this user has no permissions"),
        ("databases other than 0", "they cannot be listed: NOPERM this user has no permissions"),
    ]


@pytest.mark.parametrize("cluster", [b"cluster_enabled:1\r\n", b"cluster_enabled:0\r\n"])
def test_databases_are_read_by_their_number_and_a_cluster_is_named(lab, cluster):
    said = {"cluster": cluster, "keyspace": b"# Keyspace\r\ndb10:keys=1\r\ndb2:keys=1,db7\r\ndb0:keys=5\r\n"}
    values = Values(Collector("cache", "redis", lab.seeker))
    client = Client({}, INFO=lambda what: said[what])
    client.connection_pool = SimpleNamespace(connection_kwargs={"db": 0})
    assert list(redis_store._databases(values, client)) == [0, 2, 10]
    assert [note.object for note in values.collector.reading().not_examined] == (["cluster"] if b":1" in cluster else [])


class Library:
    """The client library, without servers: what a pool is made with is the real thing."""

    ConnectionPool, ResponseError = redis.ConnectionPool, redis.exceptions.ResponseError

    def __init__(self, answer: Any) -> None:
        self.made: list[Any] = []

        def from_pool(pool: Any) -> Client:
            client = Client({}, CLIENT=answer)
            client.connection_pool, client.response_callbacks = pool, {"INFO": len}  # type: ignore[attr-defined]
            self.made.append(client)
            return client

        self.Redis = SimpleNamespace(from_pool=from_pool)


@pytest.mark.parametrize(("number", "database"), [(None, 4), (0, 0), (7, 7)])
@pytest.mark.parametrize("answer", [b"OK", REFUSED], ids=["known", "not known"])
def test_a_client_has_one_connection_to_the_database_that_is_asked_for_and_answers_come_as_they_are(number, database, answer):
    library = Library(answer)
    client = redis_store._connected(library, "redis://127.0.0.1:1/4", number)
    how = client.connection_pool.connection_kwargs
    assert how["db"] == database
    assert client.connection_pool.max_connections == 1
    assert (how["protocol"], how["decode_responses"]) == (2, False)
    assert 5 <= how["socket_timeout"] <= 60
    assert 5 <= how["socket_connect_timeout"] <= 60
    assert client.response_callbacks == {}
    assert client.asked == [("CLIENT", "NO-TOUCH", "ON")]


def test_a_client_that_does_not_reach_its_server_is_closed():
    library = Library(redis.exceptions.ConnectionError("refused"))
    with pytest.raises(redis.exceptions.ConnectionError):
        redis_store._connected(library, "redis://127.0.0.1:1/0", None)
    assert library.made[0].asked[-1] == ("closed",)


def test_without_the_client_library_nothing_can_be_asked(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    for ask in (redis_store.information, lambda url: redis_store._read(None, url, None)):
        with pytest.raises(MissingExtraError, match="redis"):
            ask("redis://127.0.0.1:1/0")


def test_the_whole_slow_log_is_asked_for(lab):
    client = Client({}, SLOWLOG=[], CLIENT=b"", ACL=[], PUBSUB=[], FUNCTION=[])
    read_memory(Values(Collector("cache", "redis", lab.seeker)), client)
    asked = {words[0]: words[1:] for words in client.asked}
    assert asked["SLOWLOG"] == ("GET", -1)  # all, says the server's manual
    assert asked["ACL"][1] >= 100_000  # the server knows no word for all of it


def test_what_the_server_remembers_is_named_by_its_entry_and_part(lab):
    answers = {
        "SLOWLOG": [[14, 1700000000, 20, [b"SET", b"k", lab.canary("slow").encode()], b"addr", b""], [], lab.canary("odd").encode()],
        "CLIENT": b"id=1 name=a\nid=2 name=" + lab.canary("connection").encode(),
        "ACL": [[b"reason", lab.canary("refused").encode()]],
        "PUBSUB": [b"news", lab.canary("channel").encode()],
        "FUNCTION": 7,
    }
    values = Values(Collector("cache", "redis", lab.seeker))
    read_memory(values, Client({}, **answers))
    assert places(values.collector.reading()) == {
        "slow": "slow log: entry 14, part 2, bytes 0-32",
        "odd": "slow log: entry 2, part 0, bytes 0-32",
        "connection": "connections: entry 1, part 0, bytes 10-42",
        "refused": "log of refused commands: entry 0, part 1, bytes 0-32",
        "channel": "channels: entry 1, part 0, bytes 0-32",
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [("NOPERM no permissions", True), ("ERR Unknown command 'ACL'", False), ("ERR unknown subcommand", False), ("ERR syntax error", False)],
)
def test_what_a_server_refuses_to_remember_aloud_is_listed_and_what_it_does_not_know_is_not(lab, words, told):
    problem = redis.exceptions.ResponseError(words)
    values = Values(Collector("cache", "redis", lab.seeker))
    read_memory(values, Client({}, SLOWLOG=problem, CLIENT=problem, ACL=problem, PUBSUB=problem, FUNCTION=problem))
    names = [note.object for note in values.collector.reading().not_examined]
    assert names == (["slow log", "connections", "log of refused commands", "channels", "functions"] if told else [])


def test_cursors_that_go_round_in_a_circle_end_and_are_listed(lab):
    circle = {b"0": b"5", b"5": b"9", b"9": b"2", b"2": b"5"}
    client = Client({b"a": lab.canary("a").encode()}, SCAN=lambda cursor, *_: (circle[cursor], [b"a"] if cursor == b"9" else []))
    reading = read(lab, client)
    assert [hit.canary for hit in reading.hits][:1] == ["a"]
    assert [(n.object, n.reason) for n in reading.not_examined] == [("database 3", "the search stopped: SCAN came to no end in 25 steps")]
    assert reading.error == "database 3: the search stopped: SCAN came to no end in 25 steps", "nothing passes on it"


def test_new_cursors_without_end_are_left_when_far_more_came_than_there_is(lab):
    members = [b"member-%d" % n for n in range(100)]
    client = Client({b"s": (b"set", members)}, SSCAN=lambda _, cursor, *__: (b"%d" % (int(cursor) + 1), members), SCARD=100)
    reading = read(lab, client)
    (note,) = reading.not_examined
    assert note.object == "database 3, key s" and note.reason.startswith("the search stopped: SSCAN came to no end in ")
    assert len([words for words in client.asked if words[0] == "SSCAN"]) < 200


def test_a_cursor_that_comes_twice_and_a_set_that_is_given_twice_are_read_to_the_end(lab):
    steps = iter([(b"5", [b"a"]), (b"9", []), (b"5", [b"a"]), (b"0", [b"b"])])
    members = [b"member-%d" % n for n in range(5000)]
    keys = {b"a": (b"set", members), b"b": lab.canary("b").encode()}

    def twice(_: bytes, cursor: bytes, *__: Any) -> Any:
        return (b"%d" % (int(cursor) + 1) if int(cursor) < 19 else b"0"), members[int(cursor) % 10 :: 10]

    reading = read(lab, Client(keys, SCAN=lambda *_: next(steps), SSCAN=twice, SCARD=5000))
    assert [hit.canary for hit in reading.hits] == ["b"]
    assert (reading.not_examined, reading.error) == ((), None)
