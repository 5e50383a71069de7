"""How often a kill matrix of several together would take a violation for found that was not there at all: each audit that was kept is read as if one more
violation had been in it. Run: `zdr-audit violations --matrix --together --keep FOLDER`, then `python -m bench.decoys FOLDER`. Prints Markdown.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from zdr_audit.matrix.judge import Result
from zdr_audit.matrix.told import SIZE, Seen, Told, seen
from zdr_audit.matrix.work import REPORT
from zdr_audit.violations import Violation, load_violations


def audits(folder: Path, known: dict[str, Violation]) -> Iterator[tuple[list[Violation], Result]]:
    """The audits below `folder` of several violations and with every control."""
    for place in sorted(folder.glob(f"*/{REPORT}")):
        result = Result(place.parent)
        words = shlex.split(result.report["run"]["command"])
        group = [known[value] for option, value in pairwise(words) if option == "--violation"]
        if len(group) > 1 and "--controls" not in words:
            yield group, result


def decoys(folder: Path, before: Seen, violations: Sequence[Violation]) -> tuple[int, int]:
    """How many violations could have been in an audit and were not, over all audits; and of how many it would say that they were found."""
    known = {one.id: one for one in violations}
    told = Told(violations, before)
    tried = taken = 0
    for group, result in audits(folder, known):
        others = group[: SIZE - 1]
        for one in violations:
            if one not in group and not one.needs and told.fits((*others, one)):
                tried += 1
                taken += told.found(one, (*others, one), result)
    return tried, taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="what --keep left")
    parser.add_argument("--seen", type=Path, default=Path("reports"), help="the matrices by which the audits were drawn (default: reports)")
    said = parser.parse_args()
    tried, taken = decoys(said.folder, seen(said.seen), load_violations())
    head = "| violations that were not there, each in each audit that it would have fitted in | of these taken for found | part |"
    sys.stdout.write(f"{head}\n|--:|--:|--:|\n| {tried:,} | {taken:,} | {taken / max(tried, 1):.1%} |\n")


if __name__ == "__main__":
    main()
