"""Forms inside forms: chains drawn at random from all that can stand inside one another are found, with the canary and the whole chain."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import brotli
import lz4.frame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.corpus import noise
from fixtures.corpus_base import blob
from fixtures.corpus_compressed import snappy_block, zstd
from fixtures.corpus_containers import _xxd, avro, lz4_block, parquet

DEPTH = 4


@dataclass(frozen=True)
class Step:
    """One form around another. `forms` is what a finding reports for it. `compresses`: what is inside has a beginning that is recognised.
    `text` and `binary` say around what it can stand; `gives_text` what it gives; `whole` that it is recognised where an object begins."""

    name: str
    forms: tuple[str, ...]
    wrap: Callable[[bytes], bytes]
    gives_text: bool = False
    whole: bool = False
    opened: bool = True


def _zip(content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.txt", "nothing of interest " * 20)
        archive.writestr("body.json", content)
    return target.getvalue()


def _tar(content: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        member = tarfile.TarInfo("var/log/requests.bin")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def _json(content: bytes) -> bytes:
    return json.dumps({"id": 7, "body": base64.b64encode(content).decode()}).encode()


COMPRESSIONS = (
    Step("gzip", ("gzip",), lambda content: gzip.compress(content, mtime=0)),
    Step("zlib", ("zlib",), zlib.compress),
    Step("bz2", ("bz2",), bz2.compress),
    Step("xz", ("xz",), lzma.compress),
    Step("zstd", ("zstd",), zstd.compress),
    Step("lz4", ("lz4",), lz4.frame.compress),
    Step("zip", ("zip",), _zip),
)
CONTAINERS = (
    Step("parquet", ("parquet",), parquet(1, snappy_block)),
    Step("parquet-brotli", ("parquet",), parquet(4, brotli.compress)),
    Step("avro", ("avro",), avro(b"snappy", lambda content: snappy_block(content) + bytes(4))),
    Step("snappy-block", ("snappy",), snappy_block, whole=True),
    Step("lz4-block", ("lz4",), lz4_block, whole=True),
)
# Around what has a magic of its own.
TEXTS = (
    Step("base64 in json", ("base64",), _json, gives_text=True),
    Step("hex", ("hex",), lambda content: b"x'" + content.hex().encode() + b"'", gives_text=True),
    Step("dump", ("dump",), _xxd, gives_text=True),
)
# Leave what they hold as it is.
PLACES = (Step("tar", (), _tar, opened=False), Step("blob", (), blob, opened=False))


def _follows(outer: Step, inner: Step) -> bool:
    """Whether a finding can be expected with `outer` around `inner`."""
    if outer in TEXTS:  # text is decoded where it shows a magic
        return inner in COMPRESSIONS
    if inner.whole:
        return outer in COMPRESSIONS
    return True


@st.composite
def chains(draw: st.DrawFn) -> list[Step]:
    """Outermost last."""
    steps = [draw(st.sampled_from((*COMPRESSIONS, *CONTAINERS)))]
    for _ in range(draw(st.integers(0, DEPTH - 1))):
        inner = steps[-1]
        steps.append(draw(st.sampled_from([one for one in (*COMPRESSIONS, *CONTAINERS, *TEXTS, *PLACES) if _follows(one, inner)])))
    return steps


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chains(), st.integers(0, 2**32))
def test_any_chain_is_found_with_its_canary_and_every_link(labs, chain, number):
    lab = labs("zqx482j913", max_depth=8)
    canary = lab.canary("planted")
    pieces = f"{canary[27:]} {canary[3:15]} {canary[14:27]}-"
    # Enough text beside it for no step to keep its content as it is.
    content = f'{pieces}INFO request {{"prompt": "please join {canary} and answer"}} {noise(300, number.to_bytes(8)).hex()}\n'.encode() * 2
    for step in chain:
        content = step.wrap(content)
    expected = tuple(form for step in reversed(chain) for form in step.forms)
    seen = lab.search(content)
    assert {sighting.canary for sighting in seen} == {"planted"}, [step.name for step in chain]
    assert (*expected, "plain") in {sighting.forms for sighting in seen}, [step.name for step in chain]


def test_a_dump_whose_text_column_shows_what_looks_like_an_escape_is_read_to_its_end(lab):
    canary = lab.canary("planted")
    content = bytes(range(0x20, 0x7F)) + b"...\\n z68 \\r\\n" + canary.encode()
    shown = _xxd(zlib.compress(content, level=0))
    assert b"\\n" in shown
    for dump in (shown, json.dumps(shown.decode()).encode()):
        assert ("planted", ("dump", "zlib", "plain")) in {(sighting.canary, sighting.forms) for sighting in lab.search(dump)}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chains(), st.integers(0, 2**32))
def test_no_chain_around_other_text_is_taken_for_a_canary(labs, chain, number):
    lab = labs("zqx482j913")
    content = noise(2000, number.to_bytes(8)).hex().encode() * 2
    for step in chain:
        content = step.wrap(content)
    assert lab.search(content) == []
