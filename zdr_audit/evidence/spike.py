"""Writes a canary into a source by other means than the target, so as to show that a reading of the source would see it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


class SpikeError(Exception):
    """The spike could not be planted or taken out; the message says why, without the canary."""


def plant_file(folder: Path, name: str, canary: str) -> Path:
    """A new file in the folder that holds the canary. Raises SpikeError; a file that is already there is left alone."""
    path = folder / name
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(f"zdr-audit spike {canary}\n")
    except OSError as exc:
        raise SpikeError(f"the file {name} cannot be written: {exc.strerror}") from None
    return path


def remove_file(path: Path) -> None:
    """Raises SpikeError where it is still there afterwards."""
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise SpikeError(f"the file {path.name} cannot be removed: {exc.strerror}") from None


def run_command(words: Sequence[str], canary: str, timeout: float) -> None:
    """Run a command of the profile without a shell, `{canary}` replaced. Raises SpikeError; what it prints is not kept."""
    command = [word.replace("{canary}", canary) for word in words]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)  # noqa: S603 - no shell
    except subprocess.TimeoutExpired:
        raise SpikeError(f"the command {words[0]} took longer than {timeout:g} s") from None
    except OSError as exc:
        raise SpikeError(f"the command {words[0]} cannot be run: {exc.strerror}") from None
    if done.returncode:
        raise SpikeError(f"the command {words[0]} ended with status {done.returncode}")
