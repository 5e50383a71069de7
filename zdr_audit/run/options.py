"""The options of a run, the same for the command line and for plain pytest."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from zdr_audit.suite.hands import Depth
from zdr_audit.waiver.model import Waiver

DEPTHS: tuple[Depth, ...] = get_args(Depth)
DEFAULT_REPORT_DIR = Path("zdr-audit-report")


@dataclass(frozen=True)
class Options:
    """`controls` are glob patterns on control ids (empty: all); `base_url` replaces the profile's and starts nothing, and where the target has several
    addresses, `nodes` are all of them; `violations` are seeded in the launched reference simulator, for trying the tool out, and `variants` are
    harmless differences in it; `waivers` were read from `waivers_file`. `formats` are the report files to write (empty: all); `minimise` looks for
    the smallest request that leaks, where one leaked; `resume`: go on with the run in `report_dir`, or with `give_up` remove what
    it made in the target and end it; `dry_run`: send nothing, plan."""

    target: str
    base_url: str | None = None
    nodes: tuple[str, ...] = ()
    report_dir: Path = DEFAULT_REPORT_DIR
    controls: tuple[str, ...] = ()
    depth: Depth = "standard"
    seed: int = 1
    violations: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    waivers_file: Path | None = None
    minimise: bool = True
    resume: bool = False
    give_up: bool = False
    dry_run: bool = False

    def command(self) -> str:
        """The command line that repeats the run (without the report folder, which changes nothing)."""
        words = ["zdr-audit", "run", "--target", self.target]
        for url in self.nodes or filter(None, (self.base_url,)):
            words += ["--base-url", url]
        words += ["--controls", ",".join(self.controls)] if self.controls else []
        for violation in self.violations:
            words += ["--violation", violation]
        for variant in self.variants:
            words += ["--variant", variant]
        words += ["--waivers", str(self.waivers_file)] if self.waivers_file else []
        words += [] if self.minimise else ["--no-minimise"]
        return shlex.join([*words, "--depth", self.depth, "--seed", str(self.seed)])


def addresses(urls: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """What `--base-url`, given so often, means: the target's address, and its nodes where there are several."""
    return next(iter(urls), None), tuple(urls) if len(urls) > 1 else ()


def depth(text: str) -> Depth:
    """Raises ValueError for what is no depth."""
    for known in DEPTHS:
        if text == known:
            return known
    raise ValueError(f"--depth {text}: allowed are {', '.join(DEPTHS)}")
