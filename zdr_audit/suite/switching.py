"""Which promise held for a request that was sent while ZDR was being switched: read off the times of the record, as the client saw them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from zdr_audit.journal.events import Interaction

Promise = Literal["zdr", "standard", "either"]
SWITCHES: Mapping[str, bool] = {"zdr.enable": True, "zdr.disable": False}
"""The steps that turn ZDR on or off, whichever operation does them."""


@dataclass(frozen=True)
class Switch:
    """A call that turned ZDR on or off: from when it was sent until it was answered, its effect may have come. `on` None: nobody knows whether it came."""

    sent: str
    answered: str
    on: bool | None


class Switching:
    """The switches of one organization in the order of time. At first ZDR is off."""

    def __init__(self, switches: Iterable[Switch]) -> None:
        self.switches = sorted(switches, key=lambda switch: switch.sent)

    def promise(self, item: Interaction) -> Promise:
        """`zdr` where the request was sent after the answer to a call that turned ZDR on and answered before the next was sent, `standard` likewise
        for off, `either` where a switch was under way during the request, or may have been."""
        state: bool | None = False
        for switch in self.switches:
            if switch.sent > item.ended_at:
                break
            if switch.answered >= item.started_at:
                return "either"
            state = switch.on
        return "either" if state is None else "zdr" if state else "standard"


def switchings(items: Iterable[Interaction]) -> dict[str, Switching]:
    """Of each organization id that a switch of these interactions is about. Refused calls switch nothing; unanswered ones leave the state open."""
    found: dict[str, list[Switch]] = {}
    for item in items:
        step = next((step for step in (item.operation, *item.labels.get("also", "").split()) if step in SWITCHES), None)
        if step is not None and item.outcome in ("accepted", "no_answer", "server_error", "malformed"):
            on = SWITCHES[step] if item.outcome == "accepted" else None
            found.setdefault(item.labels.get("about", ""), []).append(Switch(item.started_at, item.ended_at, on))
    return {organization: Switching(switches) for organization, switches in found.items()}


def by_promise(items: Iterable[Interaction], switches: Mapping[str, Switching]) -> dict[Promise, list[Interaction]]:
    """The requests of organizations that were switched, by what held for them."""
    found: dict[Promise, list[Interaction]] = {"zdr": [], "standard": [], "either": []}
    for item in items:
        if item.organization_id in switches:
            found[switches[item.organization_id].promise(item)].append(item)
    return found
