"""What a scan costs, beside ripgrep, YARA-X and Hyperscan on the same trees in the same run. Run: `python -m bench.scan` (or `tox run -e bench-scan`).

Prints Markdown. Exit status 1 where a limit is broken: see `LIMITS`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import trees
from bench.contest import Outcome, compete, ripgrep, spread, worker
from bench.encodings import as_regex, by_hand
from fixtures.corpus import LEAKS, encrypted, plant
from zdr_audit.canary.mint import Mint, new_literal

CANARIES_RATIO, RAW_RATIO, DECODING_RATIO, MEBIBYTES, BOMB_SECONDS_A_GIB = 1.1, 1.5, 1.0, 300.0, 60.0
CONTROL = "aes-control.bin"


@dataclass(frozen=True)
class Line:
    """One measured figure beside its limit (None: for information)."""

    what: str
    figure: float
    limit: float | None
    unit: str = "times"
    remark: str = ""

    @property
    def broken(self) -> bool:
        """Whether the limit is exceeded."""
        return self.limit is not None and self.figure > self.limit

    def row(self) -> str:
        """As a row of the table."""
        limit = "" if self.limit is None else f"{self.limit:g}"
        kept = "" if self.limit is None else "no" if self.broken else "yes"
        return f"| {self.what} | {self.figure:.2f} {self.unit} | {limit} | {kept} | {self.remark} |"


@dataclass(frozen=True)
class Bench:
    """Where trees are made, how large, how often each contender runs."""

    folder: Path
    mib: int
    rounds: int
    literal: str

    def by_hand(self) -> list[bytes]:
        """The encodings that a careful person would give to another tool."""
        return [as_regex(pattern).encode() for pattern in by_hand(self.literal).values()]

    def canaries(self) -> list[Line]:
        """10,000 canaries against one."""
        tree = self.folder / "canaries"
        trees.mixed(tree / "mixed", 16)
        list(plant(tree / "corpus", Mint(self.literal).new))
        done = compete({f"{count}": worker("suite", tree, self.literal, count) for count in (1, 10_000)}, self.rounds)
        return [_ratio("10,000 canaries, against 1", done["10000"], done["1"], CANARIES_RATIO)]

    def raw(self, name: str, make: Callable[[Path, int], None]) -> list[Line]:
        """Stored bytes that need no decoding."""
        tree = self.folder / name
        make(tree, self.mib)
        hand = self.by_hand()
        done = compete(
            {
                "rg": ripgrep(tree, [self.literal.encode()], "-F"),
                "rg, by hand": ripgrep(tree, hand),
                "fixed": worker("fixed-patterns", tree, self.literal),
                "literal": worker("literal-pass", tree, self.literal),
                "suite": worker("suite", tree, self.literal),
                "digests": worker("digests", tree, self.literal, 10_000),
            },
            self.rounds,
        )
        return [
            _ratio(f"{name}: whole search, against `rg -F`", done["suite"], done["rg"], RAW_RATIO),
            _ratio(f"{name}: looking for the digests of 10,000 canaries too, against none", done["digests"], done["suite"], None),
            _ratio(f"{name}: all encoded literals and magics, one thread, against `rg -F`", done["literal"], done["rg"], None),
            # Whether the limit is in reach of any tool that looks for more than one form.
            _ratio(f"{name}: `rg` itself with {len(hand)} encodings by hand, against `rg -F`", done["rg, by hand"], done["rg"], None),
            _ratio(f"{name}: Hyperscan alone, all fixed patterns, all cores, against `rg -F`", done["fixed"], done["rg"], None),
        ]

    def decoding(self) -> list[Line]:
        """Compressed stores."""
        tree = self.folder / "mixed"
        trees.mixed(tree, max(16, self.mib // 4))
        plain = self.literal.encode()
        done = compete(
            {
                "rg": ripgrep(tree, [plain], "-F"),
                "rg -z": ripgrep(tree, [plain], "-F", "-z"),
                "suite": worker("suite", tree, self.literal),
                "decoding": worker("decoding", tree, self.literal),
                "fixed": worker("decoding-fixed", tree, self.literal),
            },
            self.rounds,
        )
        return [
            _ratio("mixed tree, decoded to any depth, against `rg -z -F`", done["suite"], done["rg -z"], DECODING_RATIO),
            # Whether the limit is in reach of any tool that opens all of these, too.
            _ratio(
                "mixed tree, ISA-L, libzstd and Arrow alone, nothing searched, all cores, against `rg -z -F`",
                done["decoding"],
                done["rg -z"],
                None,
            ),
            _ratio("mixed tree, the same and Hyperscan, all fixed patterns, against `rg -z -F`", done["fixed"], done["rg -z"], None),
            _ratio("mixed tree, `rg -z -F` against `rg -F`", done["rg -z"], done["rg"], None),
        ]

    def values(self) -> list[Line]:
        """Many small compressed values, which no other tool opens: what a value costs, whatever its size."""
        tree = self.folder / "values"
        count = trees.values(tree, 20_000)
        done = compete({"suite": worker("suite", tree, self.literal)}, self.rounds)
        return [
            Line(
                "a small value compressed with zlib, in a blob of many", done["suite"].best / count * 1e6, None, "µs", spread(done["suite"])
            )
        ]

    def memory(self) -> list[Line]:
        """Peak memory for large objects and large trees; a bomb."""
        canary = Mint(self.literal).new().encode()
        trees.sparse(self.folder / "sparse" / "core", 4, canary)
        trees.many(self.folder / "many", 20_000)
        trees.bomb(self.folder / "bomb" / "bomb.gz")
        (self.folder / "bomb" / "after.txt").write_bytes(canary)
        lines = []
        for name, what, found in (
            ("sparse", "an object of 4 GiB", {"core"}),
            ("many", "a tree of 20,000 files", set()),
            ("bomb", "a bomb, 1 GiB from 1 MiB", {"after.txt"}),
        ):
            outcome = compete({name: worker("suite", self.folder / name, self.literal)}, 1)[name]
            if outcome.found != found:
                raise RuntimeError(f"{name}: found {sorted(outcome.found)}, planted {sorted(found)}")
            lines.append(Line(f"memory for {what}", outcome.peak, MEBIBYTES, "MiB", f"in {outcome.best:.1f} s"))
            if name == "bomb":
                if not any("decoding stopped" in note for note in outcome.notes):
                    raise RuntimeError("the bomb was not reported")
                lines.append(Line("time for the bomb", outcome.best, BOMB_SECONDS_A_GIB, "s", f"reported: {outcome.notes[0]}"))
        return lines

    def rivals(self) -> str:
        """Forms found and time, on the planted corpus within a tree of stores."""
        tree = self.folder / "rivals"
        mint = Mint(self.literal)
        list(plant(tree, mint.new))
        trees.name_by_content(tree)
        (tree / CONTROL).write_bytes(encrypted(f"{mint.new()} and more".encode() * 9, b"a key that no search has"))
        names = {path.name for path in trees.files(tree)}
        trees.mixed(tree / "filler", max(16, self.mib // 8))
        plain = [self.literal.encode()]
        regexes = self.by_hand()
        done = compete(
            {
                "`rg -F`, the literal": ripgrep(tree, plain, "-F"),
                "`rg -z -F`, the literal": ripgrep(tree, plain, "-F", "-z"),
                f"`rg`, {len(regexes)} encodings by hand": ripgrep(tree, regexes),
                f"`rg -z`, {len(regexes)} encodings by hand": ripgrep(tree, regexes, "-z"),
                "YARA-X, its modifiers and those encodings": worker("yara-x", tree, self.literal),
                "Hyperscan, any case and those encodings": worker("hyperscan", tree, self.literal),
                "zdr-audit": worker("suite", tree, self.literal),
            },
            self.rounds,
        )
        first = next(iter(done.values()))
        rows = [
            f"| {name} | {len({found.rsplit('/', 1)[-1] for found in outcome.found} & names - {CONTROL})} of {len(LEAKS)} "
            f"| {outcome.ratio(first):.1f} | {spread(outcome)} |"
            for name, outcome in done.items()
        ]
        if CONTROL in done["zdr-audit"].found:
            raise RuntimeError("the encrypted control was found")
        head = "| tool | forms found | time, times `rg -F` | best time |\n|---|---|---|---|\n"
        return head + "\n".join(rows)


def _ratio(what: str, ours: Outcome, theirs: Outcome, limit: float | None) -> Line:
    remark = f"{spread(ours)} against {spread(theirs)}; {ours.work(theirs):.1f} times the processor time"
    return Line(what, ours.ratio(theirs), limit, remark=remark)


SECTIONS = ("canaries", "incompressible", "text", "mixed", "values", "memory", "rivals")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scan", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--mib", type=int, default=512, help="size of each tree of stored bytes (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender runs (default: %(default)s)")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="these sections alone")
    chosen = parser.parse_args()
    wanted = chosen.only or SECTIONS
    with tempfile.TemporaryDirectory(prefix="zdr-audit-bench-") as scratch:
        bench = Bench(Path(scratch), chosen.mib, chosen.rounds, new_literal())
        sections: dict[str, Callable[[], list[Line]]] = {
            "canaries": bench.canaries,
            "incompressible": lambda: bench.raw("incompressible", trees.incompressible),
            "text": lambda: bench.raw("text", trees.text),
            "mixed": bench.decoding,
            "values": bench.values,
            "memory": bench.memory,
        }
        lines = [line for name, measure in sections.items() if name in wanted for line in measure()]
        if lines:
            rows = "\n".join(line.row() for line in lines)
            sys.stdout.write(f"| what | measured | limit | kept | remark |\n|---|---|---|---|---|\n{rows}\n\n")
        if "rivals" in wanted:
            sys.stdout.write(bench.rivals() + "\n")
    return int(any(line.broken for line in lines))


if __name__ == "__main__":
    sys.exit(main())
