"""Plants the spikes that a profile names and allows, and takes them out again. Each is journaled."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from pathlib import Path

from zdr_audit.evidence.spike import SpikeError, plant_file, remove_file, run_command
from zdr_audit.journal.events import Epoch, Spiked, SpikeRemoved
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.model import Profile
from zdr_audit.suite.recorder import Recorder


def spiked(profile: Profile) -> tuple[Evidence, ...]:
    """Sources that get a spike: those for which the profile names one and allows it."""
    allowed = profile.permissions.allow
    return tuple(e for e in profile.evidence if e.spike and any(fnmatch.fnmatchcase(f"spike.{e.id}", pattern) for pattern in allowed))


class Spikes:
    """The spikes of one epoch."""

    def __init__(self, profile: Profile, recorder: Recorder) -> None:
        self.sources, self.recorder = spiked(profile), recorder
        self._planted: list[tuple[Spiked, Callable[[], None] | None]] = []

    def plant(self, epoch: Epoch) -> None:
        """One fresh canary into each source. What fails is journaled and leaves the source without this proof."""
        for source in self.sources:
            canary_id, canary = self.recorder.new_canary("spike", source.id, None, "")
            remove: Callable[[], None] | None = None
            error = ""
            try:
                remove = _plant(source, canary)
            except SpikeError as exc:
                error = str(exc)
            how = "file" if source.spike and source.spike.file else "command"
            event = Spiked.model_validate({"source": source.id, "canary": canary_id, "epoch": epoch, "how": how, "error": error})
            self.recorder.journal.append(event)
            if not error:
                self._planted.append((event, remove))

    def remove(self) -> None:
        """Take out what was planted, as far as the profile gives the means; what stays is journaled as such."""
        for event, remove in self._planted:
            removed, error = remove is not None, ""
            if remove is not None:
                try:
                    remove()
                except SpikeError as exc:
                    removed, error = False, str(exc)
            self.recorder.journal.append(SpikeRemoved(source=event.source, canary=event.canary, removed=removed, error=error))
        self._planted.clear()


def _plant(source: Evidence, canary: str) -> Callable[[], None] | None:
    spike = source.spike
    assert spike is not None
    if spike.file is not None:
        path = plant_file(Path(source.path or ""), spike.file, canary)
        return lambda: remove_file(path)
    run_command(spike.command or (), canary, spike.timeout_seconds)
    words = spike.remove
    return None if words is None else lambda: run_command(words, canary, spike.timeout_seconds)
