"""Reads and writes `reports/mutation.json`, and the page made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.mutation.explained import explanations
from bench.mutation.page import page
from bench.mutation.rooms import rooms
from bench.mutation.score import THRESHOLD, MutationScore, RoomScore


def published(folder: Path) -> MutationScore:
    """What is there; without rooms where nothing is."""
    path = folder / "mutation.json"
    if not path.exists():
        return MutationScore(tool="none", threshold=THRESHOLD, rooms=())
    return MutationScore.model_validate_json(path.read_text(encoding="utf-8"))


def by_name(score: MutationScore) -> dict[str, RoomScore]:
    """The rooms of a result."""
    return {room.room: room for room in score.rooms}


def publish(folder: Path, done: Iterable[RoomScore], tool: str) -> None:
    """Writes both files; rooms that were not run stay as they were."""
    latest = by_name(published(folder)) | {room.room: room for room in done}
    result = MutationScore(tool=tool, threshold=THRESHOLD, rooms=tuple(latest[name] for name in rooms() if name in latest))
    (folder / "mutation.json").write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (folder / "mutation.md").write_text(page(result), encoding="utf-8")


def explain(folder: Path) -> None:
    """The reasons of survivors as they are told now: some are found after a run. Nothing else changes."""
    score = published(folder)
    publish(folder, map(explained_again, score.rooms), score.tool)


def explained_again(room: RoomScore) -> RoomScore:
    """The room with the reasons of today."""
    entries = explanations()
    survivors = tuple(
        one.model_copy(update={"why": next((e.why for e in entries if e.fits(one.file, one.operator, one.before, one.after)), None)})
        for one in room.survivors
    )
    told = Counter(one.file for one in survivors if one.why is not None)
    modules = tuple(module.model_copy(update={"explained": told[module.file]}) for module in room.modules)
    return RoomScore.model_validate(
        room.model_copy(update={"survivors": survivors, "modules": modules, "explained": told.total()}).model_dump()
    )
