"""Digests of what was sent are found in any usual writing; those of anything else are not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import struct
import uuid
import zlib
from dataclasses import dataclass

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from zdr_audit.canary import digests
from zdr_audit.canary.digests import ALGORITHMS, MARK, DigestBook, Entry
from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.renditions import renditions, text_renditions
from zdr_audit.canary.seeker import Seeker
from zdr_audit.canary.sighting import DIGESTS, is_digest

KEY = b"a key of the run" * 2


@dataclass
class Desk:
    literal: str
    mint: Mint
    registry: Registry
    book: DigestBook
    seeker: Seeker

    def canary(self, name: str) -> str:
        canary = self.mint.new()
        self.registry.add(name, canary)
        return canary

    def send(self, body: bytes) -> list[Entry]:
        entries = [
            self.book.entry(canary, one.what, one.data, one.algorithms)
            for one in renditions(body, self.literal, "request")
            if (canary := self.registry.identify(one.canary))
        ]
        for entry in entries:
            self.book.add(entry)
        return entries

    def found(self, data) -> set[tuple[tuple[str, ...], str | None]]:
        return {(seen.forms, seen.canary) for seen in self.seeker.search(data)}


@pytest.fixture
def desk() -> Desk:
    literal = new_literal()
    registry, book = Registry(literal, KEY), DigestBook(KEY)
    return Desk(literal, Mint(literal), registry, book, Seeker(literal, registry.identify, digests=book))


def request(text: str) -> bytes:
    return json.dumps({"model": "sonnet", "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}).encode()


@pytest.fixture
def sent(desk):
    text = f"Please note {desk.canary('c')}."
    body = request(text)
    desk.send(request(f"Something else: {desk.canary('other')}"))
    desk.send(body)
    return body, text.encode()


OUTSIDE = {
    "md5": lambda data: hashlib.md5(data).digest(),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha224": lambda data: hashlib.sha224(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha384": lambda data: hashlib.sha384(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
    "sha512_256": lambda data: hashlib.new("sha512_256", data).digest(),
    "sha3_224": lambda data: hashlib.sha3_224(data).digest(),
    "sha3_256": lambda data: hashlib.sha3_256(data).digest(),
    "sha3_384": lambda data: hashlib.sha3_384(data).digest(),
    "sha3_512": lambda data: hashlib.sha3_512(data).digest(),
    "blake2b": lambda data: hashlib.blake2b(data).digest(),
    "blake2b-256": lambda data: hashlib.blake2b(data, digest_size=32).digest(),
    "blake2b-160": lambda data: hashlib.blake2b(data, digest_size=20).digest(),
    "blake2b-128": lambda data: hashlib.blake2b(data, digest_size=16).digest(),
    "blake2b-64": lambda data: hashlib.blake2b(data, digest_size=8).digest(),
    "blake2s": lambda data: hashlib.blake2s(data).digest(),
    "blake3": lambda data: blake3(data).digest(),
    "uuid5-url": lambda data: uuid.uuid5(uuid.NAMESPACE_URL, data.decode()).bytes,
    "uuid5-dns": lambda data: uuid.uuid5(uuid.NAMESPACE_DNS, data.decode()).bytes,
    "uuid5-oid": lambda data: uuid.uuid5(uuid.NAMESPACE_OID, data.decode()).bytes,
    "uuid3-url": lambda data: uuid.uuid3(uuid.NAMESPACE_URL, data.decode()).bytes,
    "uuid3-dns": lambda data: uuid.uuid3(uuid.NAMESPACE_DNS, data.decode()).bytes,
}


def test_every_algorithm_has_a_name_among_the_forms():
    assert set(ALGORITHMS) == set(OUTSIDE) == DIGESTS


SHORT = "blake2b-64"
"""Of eight bytes, which is what many write in base64 and in fields of binary data: it is known in hex alone."""


@pytest.mark.parametrize("what", ["request-body", "request-text"])
@pytest.mark.parametrize("more", [b"", b'{"at": "2026-01-31-12-00"}\n' * 2_000], ids=["little", "much"])
def test_a_digest_of_eight_bytes_is_found_in_hex(desk, sent, what, more):
    digest = OUTSIDE[SHORT](sent[what == "request-text"]).hex()
    for written in (digest, digest.upper()):
        assert desk.found(b"INFO cache lookup key=" + written.encode() + b" ttl=300\n" + more) == {(("hex", SHORT, what), "c")}


@pytest.mark.parametrize("algorithm", [name for name in OUTSIDE if name != SHORT])
@pytest.mark.parametrize("what", ["request-body", "request-text"])
def test_the_digest_of_a_request_and_of_its_text_is_found_in_hex_base64_and_raw(desk, sent, algorithm, what):
    digest = OUTSIDE[algorithm](sent[what == "request-text"])
    forms = (algorithm, what)
    line = "INFO cache lookup key={} ttl=300\n".format
    assert desk.found(line(digest.hex()).encode()) == {(("hex", *forms), "c")}
    assert desk.found(line(digest.hex().upper()).encode()) == {(("hex", *forms), "c")}
    text = base64.b64encode(digest).decode()
    assert desk.found(line(text).encode()) == {(("base64", *forms), "c")}
    assert desk.found(line(text.rstrip("=")).encode()) == {(("base64", *forms), "c")}
    url = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert desk.found(json.dumps({"etag": url}).encode()) <= {(("base64", *forms), "c"), (("base64url", *forms), "c")}
    assert desk.found(json.dumps({"etag": url}).encode())
    assert desk.found(digest) == {(forms, "c")}
    protobuf = b"\x0a\x04\xc3\xa9id\x12" + bytes([len(digest)]) + digest + b"\x18\x01"
    assert desk.found(protobuf) == {(forms, "c")}
    bson = b"\x05hash\x00" + struct.pack("<i", len(digest)) + b"\x05" + digest
    assert desk.found(bson) == {(forms, "c")}


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "uuid5-url", "uuid3-dns"])
@pytest.mark.parametrize("more", [b"", b'{"at": "2026-01-31-12-00"}\n' * 2_000], ids=["little", "much"])
def test_a_digest_that_is_written_as_a_uuid_is_found(desk, sent, algorithm, more):
    text = str(uuid.UUID(bytes=OUTSIDE[algorithm](sent[1])[:16]))
    for written in (text, text.upper(), f"urn:uuid:{text}", f"{{{text}}}"):
        line = more + f'{{"key": "{written}", "other": "{uuid.uuid4()}"}}'.encode() + more
        assert desk.found(line) == {(("hex", algorithm, "request-text"), "c")}
    assert desk.found(more + text.replace("-", "_").encode()) == set()
    assert desk.found(more + text[:-1].encode()) == set()


@pytest.mark.parametrize("lead", range(0, 16, 3))
def test_a_digest_is_found_in_much_data_wherever_it_stands(desk, sent, lead):
    digest = hashlib.sha256(sent[0]).digest()
    forms = ("sha256", "request-body")
    lines = b"".join(b'{"id": "req_%024x", "text": "Gr\xc3\xbc\xc3\x9fe an alle"}\n' % (number << 60) for number in range(900))
    rows = b"".join(b"\x0a\x05words\x10" + struct.pack("<I", number) + b"\xff\xfe" for number in range(4000))
    for around in (lines, rows):
        for shown, form in ((digest.hex().encode(), ("hex",)), (base64.b64encode(digest), ("base64",)), (b"\x20" + digest, ())):
            if around is lines and not form:
                continue
            data = b"x" * lead + around + b' key="' + shown + b'" ' + around
            assert desk.found(data) == {((*form, *forms), "c")}


@pytest.mark.parametrize("size", [16, 20, 24, 32, 40])
def test_a_digest_that_was_cut_short_is_found(desk, sent, size):
    digest = hashlib.sha256(sent[0]).hexdigest()[:size]
    assert desk.found(f"key:{digest}".encode()) == {(("hex", "sha256", "request-body"), "c")}


@pytest.mark.parametrize("before", ["", '"', "sha256:", "\\\\x", "0x", "prompt_", "id", "cached", "/ab/"])
def test_a_digest_is_found_whatever_stands_before_it(desk, sent, before):
    digest = hashlib.sha256(sent[1]).hexdigest()
    assert desk.found(f"{before}{digest}".encode()) == {(("hex", "sha256", "request-text"), "c")}


def test_a_digest_inside_compressed_data_is_found(desk, sent):
    text = json.dumps({"prompt_hash": hashlib.sha256(sent[1]).hexdigest()})
    assert desk.found(zlib.compress(text.encode())) == {(("zlib", "hex", "sha256", "request-text"), "c")}


@pytest.mark.parametrize(
    "make",
    [
        lambda document: json.dumps(document, separators=(",", ":")).encode(),
        lambda document: json.dumps(document, sort_keys=True).encode(),
        lambda document: json.dumps(document["messages"]).encode(),
        lambda document: json.dumps(document["messages"], separators=(",", ":"), sort_keys=True).encode(),
        lambda document: str(document["messages"]).encode(),
        lambda document: json.dumps(document["messages"][0]["content"]).encode(),
        lambda document: document["messages"][0]["content"][0]["text"].strip().lower().encode(),
    ],
)
def test_the_digest_of_a_part_written_again_is_found(desk, sent, make):
    digest = hashlib.sha256(make(json.loads(sent[0]))).hexdigest()
    assert [canary for _, canary in desk.found(digest.encode())] == ["c"]


def test_the_digest_of_an_attachment_is_found(desk):
    image = b"\x89PNG\r\n\x1a\n" + desk.canary("c").encode() + bytes(40)
    desk.send(json.dumps({"source": {"data": base64.b64encode(image).decode()}}).encode())
    assert desk.found(hashlib.md5(image).hexdigest().encode()) == {(("hex", "md5", "attachment"), "c")}


def test_digests_of_what_carries_no_canary_are_not_taken(desk):
    body = json.dumps(
        {"model": "sonnet", "system": "You are a helper.", "messages": [{"role": "user", "content": desk.canary("c")}]}
    ).encode()
    desk.send(body)
    for text in (b"sonnet", b"You are a helper.", b"user", b"", b"{}"):
        for algorithm in OUTSIDE.values():
            assert desk.found(algorithm(text).hex().encode()) == set()
    assert desk.send(b'{"name": "a body without a canary"}') == []
    assert list(text_renditions("no canary", desk.literal, "text")) == []


def test_a_salted_digest_is_not_found(desk, sent):
    for data in sent:
        for digest in (
            hashlib.sha256(secrets.token_bytes(16) + data).digest(),
            hmac.new(secrets.token_bytes(32), data, hashlib.sha256).digest(),
            hashlib.blake2b(data, key=b"of the server").digest(),
        ):
            assert desk.found(digest.hex().encode()) == desk.found(base64.b64encode(digest)) == desk.found(digest) == set()


def test_ordinary_identifiers_are_not_taken_for_digests(desk, sent):
    lines = "".join(f"{secrets.token_hex(16)} {secrets.token_hex(32)} {secrets.token_urlsafe(32)} {number}\n" for number in range(3000))
    assert desk.found(lines.encode()) == set()
    assert desk.found(os.urandom(1_000_000)) == set()


def test_another_run_finds_none_of_them(desk, sent):
    other = Seeker(desk.literal, desk.registry.identify, digests=DigestBook(KEY))
    assert list(other.search(hashlib.sha256(sent[0]).hexdigest().encode())) == []


def test_the_marks_hold_no_digest_and_suffice_to_look_again(desk):
    body = request(desk.canary("c"))
    entries = desk.send(body)
    marks = b"".join(entry.marks for entry in entries)
    assert all(OUTSIDE[name](body)[:MARK] not in marks for name in OUTSIDE)
    later = DigestBook(KEY)
    for entry in entries:
        later.add(Entry(entry.canary, entry.what, entry.marks))
    seeker = Seeker(desk.literal, desk.registry.identify, digests=later)
    (seen,) = seeker.search(b"..." + hashlib.sha1(body).hexdigest().encode() + b"...")
    assert (seen.start, seen.end, seen.forms, seen.canary) == (3, 43, ("hex", "sha1", "request-body"), "c")
    with_another_key = DigestBook(b"another key")
    for entry in entries:
        with_another_key.add(entry)
    assert with_another_key.look_up(hashlib.sha1(body).digest()) is None


def test_many_digests_are_known_as_few_are(monkeypatch):
    monkeypatch.setattr(digests, "_UNSETTLED", 64)
    book = DigestBook(KEY)
    texts = [f"text {number}".encode() for number in range(300)]
    for number, text in enumerate(texts):
        book.add(book.entry(f"c{number}", "text", text))
    assert not book._fresh or len(book._fresh) < 64
    for number, text in enumerate(texts):
        for name, algorithm in OUTSIDE.items():
            known = book.look_up(algorithm(text))
            assert known is not None
            assert (known.canary, known.algorithm) == (f"c{number}", name)
    assert book.look_up(hashlib.sha256(b"text 300").digest()) is None


@settings(deadline=None, max_examples=50)
@given(before=st.binary(max_size=200), after=st.binary(max_size=200), cut=st.integers(0, 500))
def test_surroundings_and_chunk_borders_hide_no_digest(before, after, cut):
    book = DigestBook(KEY)
    book.add(book.entry("c", "text", b"some text"))
    seeker = Seeker("zqx482j913", lambda _: None, digests=book)
    written = [hashlib.sha256(b"some text").hexdigest().encode(), base64.b64encode(hashlib.sha512(b"some text").digest())]
    for digest in written:
        data = before + b" " + digest + b"\n" + after
        assert "c" in {seen.canary for seen in seeker.search([data[:cut], data[cut:]])}


def test_a_value_that_is_a_raw_digest_is_worth_a_search(desk, sent):
    digest = hashlib.sha256(sent[0]).digest()
    assert desk.seeker.may_see_in([b"plain", digest, b"plain"])
    assert desk.seeker.may_see(digest)
    assert not desk.seeker.may_see_in([b"plain", os.urandom(32).hex().encode()])


def test_a_seeker_without_digests_is_blind_to_them_alone(desk):
    canary = desk.canary("whole")
    body = request(canary)
    desk.send(body)
    store = f"{hashlib.sha256(body).hexdigest()} {canary}".encode()
    blind = desk.seeker.without_digests()
    assert {seen.forms for seen in blind.search(store)} == {("plain",)}
    assert {seen.forms for seen in desk.seeker.search(store)} > {("plain",)}
    assert blind.without_digests() is blind


def test_a_digest_is_known_however_many_there_are_and_no_other_is(monkeypatch):
    monkeypatch.setattr(digests, "_UNSETTLED", 8)
    book = DigestBook(KEY)
    texts = [f"text {number}".encode() for number in range(60)]
    for text in texts:
        book.add(book.entry("c-1", text.decode(), text, ("md5", "sha1")))
    for text in texts:
        for name in ("md5", "sha1"):
            assert book.look_up(ALGORITHMS[name](text)) == digests.Known("c-1", text.decode(), name)
    marks = book._marks.tolist()
    assert marks == sorted(marks) and len(marks) > 60
    for near in (marks[0] - 1, marks[30] + 1, marks[-1] + 1):
        assert book._find(near.to_bytes(MARK, "little")) is None


def test_of_two_texts_that_are_the_same_the_first_keeps_its_name_before_and_after_they_are_settled():
    book = DigestBook(KEY)
    for settled in (False, True):
        text = b"the same text" + bytes([settled])
        book.add(book.entry("c-1", "first", text))
        book.add(book.entry("c-2", "second", text))
        if settled:
            book._settle()
            book.add(book.entry("c-3", "third", text))
            book.add(book.entry("c-4", "fresh", b"another"))
            assert book.look_up(ALGORITHMS["md5"](b"another")) == digests.Known("c-4", "fresh", "md5")
        for name, algorithm in ALGORITHMS.items():
            assert book.look_up(algorithm(text)) == digests.Known("c-1", "first", name)
    assert len(book) == 6


def test_an_empty_book_knows_nothing_and_what_is_beyond_its_last_is_not_in_it():
    book = DigestBook(KEY)
    assert book._find(bytes(MARK)) is None
    book.add(book.entry("c-1", "one", b"text", ("md5",)))
    book._settle()
    for mark in (bytes(MARK), b"\xff" * MARK):
        assert book._find(mark) is None


def test_what_is_a_digest_of_content_is_told_by_its_algorithm():
    assert is_digest(("sha256", "request-body"))
    assert is_digest(("gzip", "hex", "md5", "request-text"))
    assert not is_digest(("sha256",))
    assert not is_digest(("md5", "hex", "plain"))
    assert not is_digest(("plain", "sha256"))
    assert not is_digest(())
