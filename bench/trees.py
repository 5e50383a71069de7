"""Trees of synthetic evidence to time a scan on: the same bytes for the same seed and size."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

try:
    from compression import zstd
except ModuleNotFoundError:
    from backports import zstd

MIB = 1024 * 1024
FILE = 16 * MIB
# Letters of words about as often as in English, so that rare letters are as rare as in real logs.
_LETTERS = "e" * 12 + "t" * 9 + "a" * 8 + "o" * 8 + "i" * 7 + "n" * 7 + "s" * 6 + "h" * 6 + "r" * 6 + "dl" * 4 + "ucmwfgypb" * 2 + "vk"
_RARE = "jxqz"


def words(source: random.Random, count: int = 4000) -> list[str]:
    """A vocabulary; one word in fifty holds a rare letter."""
    found = ["".join(source.choices(_LETTERS, k=source.randint(2, 9))) for _ in range(count)]
    for at in range(0, count, 50):
        found[at] = source.choice(_RARE) + found[at]
    return found


def log_lines(source: random.Random, size: int) -> bytes:
    """Lines of a structured log, as a backend writes them: times, ids, numbers, messages."""
    vocabulary = words(source)
    lines: list[bytes] = []
    total = number = 0
    while total < size:
        number += 1
        record = {
            "ts": 1_790_000_000_000 + 37 * number,
            "level": source.choice(("info", "info", "debug", "warning")),
            "request_id": f"req_{source.getrandbits(96):024x}",
            "path": "/v1/messages",
            "status": source.choice((200, 200, 200, 429, 500)),
            "message": " ".join(source.choices(vocabulary, k=14)),
            "usage": {"input_tokens": source.randint(1, 4000), "output_tokens": source.randint(1, 900)},
        }
        lines.append(json.dumps(record).encode() + b"\n")
        total += len(lines[-1])
    return b"".join(lines)


def incompressible(folder: Path, mib: int, seed: int = 1) -> None:
    """Files of random bytes."""
    source = random.Random(seed)
    _write(folder, mib, lambda _: source.randbytes(FILE), "bin")


def text(folder: Path, mib: int, seed: int = 2) -> None:
    """Log files. Lines are made once and shuffled for each file."""
    source = random.Random(seed)
    lines = log_lines(source, FILE).splitlines(keepends=True)

    def content(_number: int) -> bytes:
        source.shuffle(lines)
        return b"".join(lines)[:FILE]

    _write(folder, mib, content, "log")


def mixed(folder: Path, mib: int, seed: int = 3) -> None:
    """What a backend's stores look like on disk: logs as they are and rotated into gzip and zstd, zip archives, Parquet files, a database, images."""
    source = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    while _size(folder) < mib * MIB:
        number += 1
        lines = log_lines(source, 4 * MIB)
        (folder / f"app-{number}.log").write_bytes(lines)
        for part in range(4):
            (folder / f"app-{number}.log.{part}.gz").write_bytes(gzip.compress(log_lines(source, 4 * MIB), 6, mtime=0))
            (folder / f"app-{number}.log.{part}.zst").write_bytes(zstd.compress(log_lines(source, 4 * MIB)))
        with zipfile.ZipFile(folder / f"export-{number}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for part in range(4):
                archive.writestr(f"part-{part}.jsonl", log_lines(source, 2 * MIB))
        records = [json.loads(line) for line in log_lines(source, 4 * MIB).splitlines()]
        for codec in ("zstd", "gzip"):
            pa.parquet.write_table(pa.Table.from_pylist(records), folder / f"events-{number}-{codec}.parquet", compression=codec)
        (folder / f"image-{number}.jpg").write_bytes(source.randbytes(4 * MIB))
        with sqlite3.connect(folder / f"state-{number}.db") as database:
            database.execute("create table bodies (id integer primary key, body)")
            database.executemany("insert into bodies (body) values (?)", ((line.decode(),) for line in lines.splitlines()[:8000]))
        database.close()


def values(folder: Path, count: int, seed: int = 4) -> int:
    """One file of small values, each compressed with zlib. Returns how many."""
    source = random.Random(seed)
    lines = log_lines(source, MIB).splitlines()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "values.db").write_bytes(b"".join(source.randbytes(8) + zlib.compress(source.choice(lines)) for _ in range(count)))
    return count


def many(folder: Path, count: int) -> None:
    """Many small files in many folders."""
    for number in range(count):
        place = folder / f"{number // 500:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.json").write_bytes(json.dumps({"number": number, "body": "a small document of no interest"}).encode())


def sparse(path: Path, gib: int, end: bytes) -> None:
    """One object of so many GiB, most of it a hole, with something at its end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        out.seek(gib * 1024 * MIB - len(end))
        out.write(end)


def bomb(path: Path, gib: int = 1) -> None:
    """A gzip member of 1 MiB for each GiB that it decodes to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with path.open("wb") as out:
        for _ in range(gib * 64):
            out.write(packer.compress(bytes(16 * MIB)))
        out.write(packer.flush())


_ENDINGS = {b"\x1f\x8b": "gz", b"\x28\xb5\x2f\xfd": "zst", b"BZh": "bz2", b"\xfd7zXZ": "xz", b"\x04\x22\x4d\x18": "lz4"}


def name_by_content(folder: Path) -> None:
    """Give compressed files the endings by which other tools know them."""
    for path in list(files(folder)):
        head = path.read_bytes()[:8]
        for magic, ending in _ENDINGS.items():
            if head.startswith(magic):
                path.rename(path.with_suffix(f".{ending}"))


def _write(folder: Path, mib: int, content: Callable[[int], bytes], ending: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(max(1, mib * MIB // FILE)):
        (folder / f"{number}.{ending}").write_bytes(content(number))


def files(folder: Path) -> Iterator[Path]:
    """The files below a folder."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in files(folder))
