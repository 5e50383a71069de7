"""A small target profile as text, to be changed in one place by a test."""

from __future__ import annotations

from pathlib import Path

from zdr_audit.profile.load import LoadedProfile, load

SMALL = """\
schema = 1
name = "paper"

[target]
base_url = "http://127.0.0.1:8700"
platform = "gateway"

[limits]
timeout_seconds = 5

[organizations]
subject = { id = "org_subject" }
control = { id = "org_control" }

[actors.subject]
member = { env = "PAPER_SUBJECT", sample = "sample-key-subject" }

[actors.control]
member = { env = "PAPER_CONTROL", sample = "sample-key-control" }

[actors.staff]
operator = { env = "PAPER_OPERATOR" }

[permissions]
allow = ["zdr.*"]

[operations."messages.create"]
method = "POST"
path = "/v1/messages"

[features.feedback]
title = "Feedback"

[[features.feedback.endpoints]]
name = "submit"
method = "POST"
path = "/feedback"
body = { text = "{canary}" }

[[evidence]]
id = "log"
kind = "files"
what = "log"
path = "/var/log/paper"
"""


def write(folder: Path, text: str = SMALL) -> Path:
    """Write a profile into a folder as paper.toml."""
    path = folder / "paper.toml"
    path.write_text(text, encoding="utf-8")
    return path


def small(
    folder: Path, old: str = "", new: str = "", environment: dict[str, str] | None = None, base_url: str | None = None
) -> LoadedProfile:
    """The small profile with `old` (which must be in it) replaced by `new`, loaded."""
    assert old in SMALL
    return load(str(write(folder, SMALL.replace(old, new, 1))), environment or {}, base_url)
