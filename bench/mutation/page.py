"""`reports/mutation.md`: the result as a page."""

from __future__ import annotations

from bench.mutation.score import MutationScore, RoomScore, percent, sentence

_HEAD = """# Mutation score

The code that finds, reads and judges is changed on purpose, one operator at a time; a test must fail. {sentence}

Tool: {tool}. At a random site one of the operator's alternatives is drawn. A mutant meets the tests that run its line,
until one fails; without any change all of them pass. A time-out is a kill. Explained survivors are listed with their reason and count as survivors.
Where it says so, those that change nothing for whatever is asked (equivalent mutants) are left out of the whole.
{wanted}
Made by `tox run -e mutation`; the figures in full: [mutation.json](mutation.json).
"""


def page(score: MutationScore) -> str:
    """Markdown."""
    head = _HEAD.format(sentence=sentence(score), tool=score.tool, wanted=_wanted(score))
    return "\n".join([head, *(_room(room) for room in score.rooms)])


def _wanted(score: MutationScore) -> str:
    below = ", ".join(f"`{room.room}`" for room in score.rooms if room.score < score.threshold)
    return f"Wanted are {percent(score.threshold)} in each{f'; not reached in {below}' if below else ', and reached'}."


def _room(room: RoomScore) -> str:
    lines = [
        f"## {room.room}: {percent(room.score)}",
        "",
        f"Version {room.version}, seed {room.seed}.",
        "",
        "| module | mutants | killed | of these by time-out | survived | of these explained |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for one in (*room.modules, room):
        name = f"`{one.file}`" if one is not room and hasattr(one, "file") else "**all**"
        lines.append(f"| {name} | {one.mutants} | {one.killed + one.timeout} | {one.timeout} | {one.survived} | {one.explained} |")
    if room.survivors:
        lines += ["", "| survivor | before | after | why it may |", "|---|---|---|---|"]
    for left in room.survivors:
        why = left.why or ("" if left.covered else "no test runs this line")
        lines.append(f"| `{left.file}:{left.line}` | {_code(left.before)} | {_code(left.after)} | {why} |")
    return "\n".join([*lines, ""])


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return fence + text.replace("|", "\\|") + fence
