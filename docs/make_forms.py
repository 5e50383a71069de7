"""Writes docs/forms.md, the table of leak forms, from fixtures/forms.toml and the corpus: python -m docs.make_forms > docs/forms.md"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from fixtures.corpus import LEAKS, Leak

HOW = {
    "pattern": "a fixed pattern, sought together with all others in one pass",
    "pass": "a pass of its own, at any offset",
    "magic": "opened where it begins, at any offset and in any other form, to a stated depth",
    "beginning": "opened where an object, a database value, a member of an archive, a body or decoded data begin, since it has no magic",
    "look-up": "whatever looks like a digest is looked up among those of what was sent",
    "reader": "by the readers of the store",
}
HEAD = """# Leak forms

The ways in which a text may be kept and is found. A finding names the chain of them, outermost first.
Made by `python -m docs.make_forms > docs/forms.md` from `fixtures/forms.toml` and the corpus under `fixtures/`, in which each case is planted with
a canary of its own; a test holds this table against what is searched.
"""
LIMITS = """
## What is not found by its form

- What is encrypted, or in a private binary encoding: that is what the growth bound is for.
- Digests that are salted or keyed, that are of a text put together otherwise, or that stand raw in binary data without their length before them.
- Raw deflate, Brotli, raw Snappy and LZ4 blocks, ORC and Kafka segments that begin inside records of other binary formats, such as MessagePack, or
  behind escapes. Where a tar or zip member, a body of HTTP, a captured flow or a value of a database begins, they are found.
- The block at which Zstandard, LZ4, Snappy or bzip2 data break off, which is had whole or not at all; what stands in blocks before it is found.
- In strings of JSON: lines of a log that each hold a piece of the text, and ascii85 with a quote or a backslash in it; escaped twice, also dumps and
  compressed data in quoted-printable. Compressed data as a list of numbers that are indented, one to a line.
- Known and not decoded, and said so for each object: compressed members of rar, encrypted archives, PDF and Parquet, LZO, Zstandard with a dictionary,
  PPMd and Brotli in 7z without the extra `archives`, unknown codecs, whatever is damaged, nested deeper than the bound, or larger than it.
"""


def described(path: Path | None = None) -> dict[str, dict[str, str]]:
    """What each form is and by what it is found, by name."""
    data = tomllib.loads((path or Path(__file__).parents[1] / "fixtures" / "forms.toml").read_text())
    return {name: (data[about["same"]] | about if "same" in about else about) for name, about in data.items()}


def planted(name: str, about: dict[str, str], leaks: tuple[Leak, ...] = LEAKS) -> list[str]:
    """The cases in which a form is planted: those of the corpus whose chain has it, or those that the description names."""
    if "planted" in about:
        return list(about["planted"])
    if about["found"] == "look-up":
        return ["tests/canary/test_digests.py"]
    return [leak.name for leak in leaks if name in leak.forms and (len(leak.forms) == 1 or name != "plain")]


def table() -> str:
    """The whole document."""
    lines = [
        HEAD,
        *(f"- *{name}*: {what}" for name, what in HOW.items()),
        "",
        "| form | what it is | found by | planted as |",
        "|---|---|---|---|",
    ]
    for name, about in described().items():
        what = f"as {about['same']}" if "same" in about else about["what"]
        lines.append(f"| {name} | {what.replace('|', '/')} | {about['found']} | {', '.join(planted(name, about))} |")
    return "\n".join(lines) + "\n" + LIMITS


if __name__ == "__main__":
    sys.stdout.write(table())
