"""Mutation testing: `python -m bench.mutation` (or `tox run -e mutation`). Writes reports/mutation.json and .md.

Exit status 1 where a room's score is below its `least` in rooms.toml, or an unchanged room fails its own tests.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.mutation.explained import explanations
from bench.mutation.mutants import TOOL, Mutant, chosen, mutants_of
from bench.mutation.publish import by_name, explain, publish, published
from bench.mutation.rooms import ROOT, Room, rooms
from bench.mutation.score import THRESHOLD, MutationScore, RoomScore, Survivor, counted, figures, percent, sentence
from bench.mutation.warm import Fate, run
from zdr_audit import __file__ as installed
from zdr_audit import __version__


def main() -> int:
    """Runs and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rooms", nargs="*", help=f"of {', '.join(rooms())} (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sites", type=int, help="so many random sites instead of what rooms.toml says")
    parser.add_argument("--only", default="", help="mutants whose name (see the output) begins so; nothing is written")
    parser.add_argument(
        "--tests", nargs="+", default=(), help="these tests instead of the room's, while one module is worked on; nothing is written"
    )
    parser.add_argument("--reuse", action="store_true", help="of which test runs which line, record only what is not recorded yet")
    parser.add_argument(
        "--again", action="store_true", help="of the published sample only what survived, after tests were added; implies --reuse"
    )
    parser.add_argument(
        "--explain", action="store_true", help="run nothing: read the reasons of the published survivors again from explained.toml"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "reports")
    said = parser.parse_args()
    if Path(installed).resolve().parents[1] != ROOT:
        parser.error(f"the tests would run {installed}, not the code that is changed: run this in an editable installation")
    if said.explain:
        explain(said.out)
        return 0
    known = rooms()
    done = []
    with TemporaryDirectory(prefix="zdr-mutation-") as folder:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = folder  # where no other pytest tidies up
        for name in said.rooms or known:
            room = known[name].narrowed(said.sites, tuple(said.tests))
            record = ROOT / ".mutation" / (f"{name}-some.json" if said.tests else f"{name}.json")
            record.parent.mkdir(exist_ok=True)
            if not (said.reuse or said.again):
                record.unlink(missing_ok=True)
            words = [sys.executable, "-m", "bench.mutation.record", name, str(record), *said.tests]
            subprocess.run(words, check=True, cwd=ROOT)  # noqa: S603
            before = by_name(published(said.out)).get(name) if said.again else None
            done.append(_scored(room, record, before.seed if before else said.seed, said.only, before))
    if not (said.only or said.tests or said.sites is not None):
        publish(said.out, done, TOOL)
    _say(sentence(MutationScore(tool=TOOL, threshold=THRESHOLD, rooms=tuple(done))))
    return int(any(room.score < known[room.room].least or room.unchanged_killed for room in done))


def _known(tried: list[Mutant], before: RoomScore) -> dict[Mutant, Fate]:
    """What became of those of a sample that did not survive; more tests do not change it. Exits where it is not the sample of before."""
    survived = {(left.file, left.line, left.operator, left.before, left.after) for left in before.survivors}
    ended = [m for m in tried if (m.file, m.line, m.operator, *m.change()) not in survived]
    counts = {module.file: module.killed + module.timeout for module in before.modules}
    if len(tried) != before.mutants or Counter(m.file for m in ended) != Counter({file: count for file, count in counts.items() if count}):
        raise SystemExit(f"{before.room}: the code, or how many mutants are drawn, has changed since: run the whole sample")
    late = {module.file: module.timeout for module in before.modules}
    fates = {}
    for mutant in ended:
        fates[mutant] = Fate("timeout" if late[mutant.file] > 0 else "killed")
        late[mutant.file] -= 1
    return fates


def _scored(room: Room, record: Path, seed: int, only: str, before: RoomScore | None) -> RoomScore:
    everything = [mutant for file in room.files for mutant in mutants_of(file) if mutant.name.startswith(only)]
    tried = chosen(room, everything, seed)
    fates: dict[Mutant, Fate] = _known(tried, before) if before else {}
    unchanged: list[Fate] = []

    def report(mutant: Mutant | None, fate: Fate) -> None:
        if mutant is None:
            unchanged.append(fate)
            _say(f"unchanged: {fate.outcome} {fate.by}")
            return
        fates[mutant] = fate
        if len(fates) % 100 == 0:
            _say(f"{len(fates)}/{len(tried)}")
        if fate.outcome != "killed":
            before, after = mutant.change()
            _say(f"{len(fates)}/{len(tried)} {fate.outcome} ({fate.tests} tests) {mutant.name}\n    - {before}\n    + {after}")

    run(room, record, [None, None, *(m for m in tried if m not in fates), None], report)
    if len(fates) < len(tried):
        raise SystemExit(f"{room.name}: the run ended after {len(fates)} of {len(tried)} mutants: see above")
    population = len({mutant.site for mutant in everything}) if room.sites else len(tried)
    result = _room(room, seed, population, tried, fates, unchanged)
    _say(f"{room.name}: {percent(result.score)} of {result.mutants}, {result.survived} survived, {result.explained} explained")
    return result


def _room(room: Room, seed: int, population: int, tried: list[Mutant], fates: dict[Mutant, Fate], unchanged: list[Fate]) -> RoomScore:
    reasons = explanations()
    alive = [m for m in tried if fates[m].outcome in ("survived", "uncovered")]
    why = {m: next((e.why for e in reasons if e.covers(m)), None) for m in alive}
    sampled = bool(room.sites)
    files = dict.fromkeys(m.file for m in tried)
    modules = [
        counted(file, [(fates[m].outcome, why.get(m) is not None) for m in tried if m.file == file], sampled=sampled) for file in files
    ]
    killed, timeout = sum(m.killed for m in modules), sum(m.timeout for m in modules)
    score, low, high = figures(killed + timeout, len(tried), sampled=sampled)
    survivors = []
    for mutant in alive:
        before, after = mutant.change()
        survivors.append(
            Survivor(
                file=mutant.file,
                line=mutant.line,
                operator=mutant.operator,
                before=before,
                after=after,
                covered=fates[mutant].outcome != "uncovered",
                why=why[mutant],
            )
        )
    return RoomScore(
        room=room.name,
        version=__version__,
        seed=seed,
        chosen="sample" if room.sites else "all",
        population=population,
        mutants=len(tried),
        killed=killed,
        timeout=timeout,
        survived=len(alive),
        explained=sum(reason is not None for reason in why.values()),
        score=score,
        low=low,
        high=high,
        unchanged_tried=len(unchanged),
        unchanged_killed=sum(fate.outcome != "survived" for fate in unchanged),
        modules=tuple(modules),
        survivors=tuple(survivors),
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
