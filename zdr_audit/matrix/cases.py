"""Which audits a matrix consists of."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from zdr_audit import resources
from zdr_audit.violations import Seed, Variant, Violation

SETTLE_SECONDS = 0.2
"""How long a target of a matrix is left alone before it is read again, where a seed does not ask for longer."""
_SETTLE = re.compile(r"(?m)^settle_seconds = .*$")
_LAUNCH = re.compile(r'(?m)^(launch = "simulator-servers)"$')


@dataclass(frozen=True)
class Cases:
    """What to run, and what is left out because it needs more than the simulator."""

    run: tuple[Violation | Variant, ...]
    not_run: tuple[Violation | Variant, ...]
    whole: bool


def choose(
    violations: Iterable[Violation], variants: Iterable[Variant], only: Collection[str] = (), available: Collection[str] = ()
) -> Cases:
    """The seeds whose id fits a pattern of `only` (none: all); those that need something which is not `available` are not run."""
    seeds: tuple[Violation | Variant, ...] = (*violations, *variants)
    chosen = [seed for seed in seeds if not only or any(fnmatch.fnmatchcase(seed.id, pattern) for pattern in only)]
    able = [seed for seed in chosen if set(seed.needs) <= set(available)]
    return Cases(tuple(able), tuple(seed for seed in chosen if seed not in able), len(able) == len(seeds))


def quick_profile(folder: Path, *seeds: Seed) -> Path:
    """A copy of the simulator's profile that waits no longer than the seeds ask for; of the profile with servers, with one
    node where one is enough, where a seed needs more."""
    needed = {need for seed in seeds for need in seed.needs}
    text = (resources.fixtures() / "targets" / ("simulator-servers.toml" if needed else "simulator.toml")).read_text(encoding="utf-8")
    if not needed:
        asked = [seed.settle_seconds for seed in seeds if seed.settle_seconds is not None]
        seconds = max(asked, default=SETTLE_SECONDS)
        text, replaced = _SETTLE.subn(f"settle_seconds = {seconds}", text)
        if replaced != 1:
            raise ValueError("the profile of the simulator does not say once how long to let the target settle")
    elif "nodes" not in needed:
        text, replaced = _LAUNCH.subn(r'\1-one-node"', text)
        if replaced != 1:
            raise ValueError("the profile with servers does not say once what is started")
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "simulator-quick.toml"
    place.write_text(text, encoding="utf-8")
    return place
