"""A catalogue small enough to be read at a glance, on disk, to be spoilt in one place by each test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

POLICY = """\
edition = "1"
source = "A policy"

[[statement]]
id = "intro.processing"
section = "Introduction"
paraphrase = "Nothing is kept."

[[statement]]
id = "request.contact"
section = "Requests"
paraphrase = "Ask for it."
checkable = false
why_not = "People talk to people."
"""
CONTROL = """\
id = "ZDR-RET-01"
title = "Prompts are kept nowhere"
statement = "No source holds a prompt."
policy = ["intro.processing"]
severity = "critical"
method = "test"
minimum_accepted = 5
evidence = ["stores"]
requires = ["messages.create"]
remediation = "Do not write it."
"""
FRAMEWORK = """\
id = "soc2"
title = "SOC 2"

[[clauses]]
id = "C1.1"
title = "Confidentiality"
controls = ["ZDR-RET-01"]
rationale = "It looks for what was kept."
"""


@dataclass(frozen=True)
class Draft:
    """A catalogue on disk: `policy`, `control` and `framework` are its three files."""

    root: Path

    @property
    def policy(self) -> Path:
        return self.root / "policy.toml"

    @property
    def control(self) -> Path:
        return self.root / "controls/RET/ZDR-RET-01.toml"

    @property
    def framework(self) -> Path:
        return self.root / "frameworks/soc2.toml"

    def change(self, path: Path, old: str, new: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} must stand once in {path.name}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def add(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    made = Draft(tmp_path / "catalogue")
    made.add("policy.toml", POLICY)
    made.add("controls/RET/ZDR-RET-01.toml", CONTROL)
    made.add("frameworks/soc2.toml", FRAMEWORK)
    return made
