"""One scan in a process of its own, so that time and memory are its own. Prints one JSON line: `python -m bench.worker ENGINE FOLDER LITERAL ...`."""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import resource
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import trees
from bench.encodings import as_regex, by_hand

if TYPE_CHECKING:
    from zdr_audit.canary.seeker import Seeker

KEY = b"the key of a bench"
BODY = '{"model": "sonnet", "max_tokens": 100, "messages": [{"role": "user", "content": "Please join %s and answer briefly"}]}'
Report = tuple[set[str], list[str]]  # objects in which something was found, what was said not to be examined


def suite(folder: Path, literal: str, canaries: int) -> Callable[[], Report]:
    """The suite's own search, with so many canaries registered."""
    from zdr_audit.canary.mint import Mint
    from zdr_audit.canary.registry import Registry
    from zdr_audit.canary.seeker import Seeker

    registry, mint = Registry(literal, KEY), Mint(literal)
    for number in range(canaries):
        registry.add(f"c-{number}", mint.new())
    return _read(folder, Seeker(literal, registry.identify))


def digests(folder: Path, literal: str, canaries: int) -> Callable[[], Report]:
    """The same where what was sent is looked for by its digests too: as many as a request has for each of so many canaries, of any bytes."""
    from zdr_audit.canary.digests import MARK, DigestBook, Entry
    from zdr_audit.canary.mint import Mint
    from zdr_audit.canary.registry import Registry
    from zdr_audit.canary.renditions import renditions
    from zdr_audit.canary.seeker import Seeker

    registry, mint, book = Registry(literal, KEY), Mint(literal), DigestBook(KEY)
    source = random.Random(5)
    count = sum(len(one.algorithms) for one in renditions((BODY % mint.new()).encode(), literal, "request"))
    for number in range(canaries):
        registry.add(f"c-{number}", mint.new())
        book.add(Entry(f"c-{number}", "request", source.randbytes(MARK * count)))
    return _read(folder, Seeker(literal, registry.identify, digests=book))


def _read(folder: Path, seeker: Seeker) -> Callable[[], Report]:
    from zdr_audit.evidence.files import read_files

    list(seeker.search(b"warm"))

    def run() -> Report:
        reading = read_files("bench", folder, seeker)
        return {hit.object for hit in reading.hits}, [f"{item.object}: {item.reason}" for item in reading.not_examined]

    return run


def literal_pass(folder: Path, literal: str, _canaries: int) -> Callable[[], Report]:
    """The first stage of the suite's search alone: all encoded literals and all magics, over the stored bytes."""
    from zdr_audit.canary.seeker import Seeker

    seeker = Seeker(literal, lambda _text: None)

    def run() -> Report:
        found: set[str] = set()
        for path in trees.files(folder):
            with path.open("rb", buffering=0) as opened:
                while chunk := opened.read(trees.MIB):
                    if any(index < len(seeker.needles) for _, _, index in seeker.find(chunk)):
                        found.add(path.name)
        return found, []

    return run


def yara(folder: Path, literal: str, _canaries: int) -> Callable[[], Report]:
    """YARA-X: the literal with its own modifiers, and the encodings written by hand."""
    import yara_x

    strings = [
        f'$m{at} = "{literal}" {modifier}' for at, modifier in enumerate(("nocase ascii wide", "base64", "base64wide", "xor(1-255)"))
    ]
    strings += [f"$h{at} = {{ {pattern.hex(' ')} }}" for at, pattern in enumerate(by_hand(literal).values())]
    rules = yara_x.compile("rule canary { strings: " + "\n".join(strings) + " condition: any of them }")
    scanner = yara_x.Scanner(rules)
    scanner.max_matches_per_pattern(1)

    def run() -> Report:
        return {path.name for path in trees.files(folder) if scanner.scan_file(str(path)).matching_rules}, []

    return run


def hyperscan(folder: Path, literal: str, _canaries: int) -> Callable[[], Report]:
    """Hyperscan: the encodings written by hand, and the literal in any case."""
    import hyperscan as engine

    expressions = [f"(?i){literal}", *(as_regex(pattern) for pattern in by_hand(literal).values())]
    database = engine.Database(mode=engine.HS_MODE_BLOCK)
    flags = engine.HS_FLAG_DOTALL | engine.HS_FLAG_SINGLEMATCH
    database.compile(
        expressions=[text.encode() for text in expressions], ids=list(range(len(expressions))), flags=[flags] * len(expressions)
    )

    def seen(path: Path) -> bool:
        hits: list[int] = []
        with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as content:
            database.scan(content, match_event_handler=lambda *match: hits.append(match[0]))
        return bool(hits)

    def run() -> Report:
        return {path.name for path in trees.files(folder) if path.stat().st_size and seen(path)}, []

    return run


def fixed_patterns(folder: Path, literal: str, _canaries: int) -> Callable[[], Report]:
    """Hyperscan alone with every fixed pattern of the suite, over files mapped into memory, on all cores: no search that knows them all is
    cheaper, whatever it does besides."""
    has = _with_hyperscan(literal)

    def seen(path: Path) -> str | None:
        with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as content:
            return path.name if has(content) else None

    return lambda: _on_all_cores(folder, seen)


def decoding(folder: Path, _literal: str, _canaries: int) -> Callable[[], Report]:
    """Gzip, zip, zstd and Parquet decoded by the quickest libraries on all cores, and nothing searched: no search of what they hold is cheaper."""
    return lambda: _on_all_cores(folder, lambda path: None if all(map(len, decoded(path))) else path.name)


def decoding_fixed(folder: Path, literal: str, _canaries: int) -> Callable[[], Report]:
    """The same, and Hyperscan over what comes out, with every fixed pattern of the suite."""
    has = _with_hyperscan(literal)
    return lambda: _on_all_cores(folder, lambda path: path.name if [found for found in map(has, decoded(path)) if found] else None)


def decoded(path: Path) -> Iterator[Any]:
    """The content of a file of the mixed tree as it is stored, and what decoding it gives."""
    import pyarrow.parquet
    from isal import igzip_lib

    data = path.read_bytes()
    yield data
    if path.suffix == ".gz":
        yield igzip_lib.decompress(data, flag=igzip_lib.DECOMP_GZIP)
    elif path.suffix == ".zst":
        yield trees.zstd.decompress(data)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                start = member.header_offset + 30 + len(member.filename)
                yield igzip_lib.decompress(data[start : start + member.compress_size], flag=igzip_lib.DECOMP_DEFLATE)
    elif path.suffix == ".parquet":
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches():
            yield from (memoryview(part) for column in batch.columns for part in column.buffers() if part is not None and part.size)


def _with_hyperscan(literal: str) -> Callable[[Any], bool]:
    """Whether any of the suite's fixed patterns stands in something; may be asked on several threads."""
    import hyperscan as engine

    from zdr_audit.canary.forms import needles
    from zdr_audit.canary.places import PARTS
    from zdr_audit.canary.streams import OPENERS

    patterns = {needle.pattern for needle in needles(literal)} | {pattern for one in (*OPENERS, *PARTS) for pattern, _ in one.patterns}
    expressions = [b"".join(b"\\x%02x" % code for code in pattern) for pattern in sorted(patterns)]
    database = engine.Database(mode=engine.HS_MODE_BLOCK)
    flags = engine.HS_FLAG_DOTALL | engine.HS_FLAG_SINGLEMATCH
    database.compile(expressions=expressions, ids=list(range(len(expressions))), flags=[flags] * len(expressions))

    def has(content: Any) -> bool:
        hits: list[int] = []
        database.scan(content, match_event_handler=lambda *match: hits.append(match[0]), scratch=engine.Scratch(database))
        return bool(hits)

    return has


def _on_all_cores(folder: Path, seen: Callable[[Path], str | None]) -> Report:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return {name for name in pool.map(seen, (path for path in trees.files(folder) if path.stat().st_size)) if name}, []


def _peak() -> float:
    """MiB at most. Not what `getrusage` says where the system knows better: that counts the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / trees.MIB


ENGINES = {
    "suite": suite,
    "digests": digests,
    "literal-pass": literal_pass,
    "fixed-patterns": fixed_patterns,
    "decoding": decoding,
    "decoding-fixed": decoding_fixed,
    "yara-x": yara,
    "hyperscan": hyperscan,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.worker")
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("literal")
    parser.add_argument("--canaries", type=int, default=1)
    chosen = parser.parse_args()
    run = ENGINES[chosen.engine](chosen.folder, chosen.literal, chosen.canaries)
    started, worked = time.perf_counter(), time.process_time()
    found, notes = run()
    ended, rested = time.perf_counter(), time.process_time()
    said = {"seconds": ended - started, "cpu": rested - worked, "peak": _peak(), "found": sorted(found), "notes": notes}
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
