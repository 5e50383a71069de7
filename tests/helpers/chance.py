"""Canaries of tests are drawn anew for each run of the tool, but not for each run of its tests: a change that breaks nothing must not fail by chance.

What a test draws follows from its name and from the environment's `ZDR_AUDIT_TEST_CHANCE`: nothing for always the same, any word for another draw,
`fresh` for what no one can repeat. Bugs that want luck are looked for with other words: `tox run -e chance`.
"""

from __future__ import annotations

import os
import random
import secrets

CHOSEN = os.environ.get("ZDR_AUDIT_TEST_CHANCE", "")
_drawn = random.Random("collection")  # before any test: what modules draw when they are imported


def repeatable() -> None:
    """From now on, what `secrets` gives in this process follows from the name last given to `draw_for`."""
    if CHOSEN != "fresh":
        secrets.choice = _drawn.choice
        secrets.token_bytes = lambda nbytes=None: _drawn.randbytes(32 if nbytes is None else nbytes)  # type: ignore[assignment]


def draw_for(name: str) -> None:
    """A test begins, or whatever else draws for itself."""
    _drawn.seed(f"{CHOSEN} {name}")
