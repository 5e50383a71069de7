"""Hand-made audit logs: what was done, the true log of it, and which checks reject another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from engine_events import NOON, Record, interaction

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.model import Profile
from zdr_audit.suite.audit_history import Story
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.outcomes import Inconclusive, Violated

ORG = "org_fresh"
SCENARIO = "audit_log.enablement_actions"
REVIEWER, TEAM, ADMIN = ("reviewer", None), ("account_team", None), ("admin", "admin@fresh.example")
# What was done, in order: kind, who, and whether the target refused it.
DONE = (
    ("requested", TEAM, False),
    ("enabled", REVIEWER, True),
    ("requested", ADMIN, True),
    ("approved", REVIEWER, False),
    ("enabled", REVIEWER, False),
    ("disabled", ADMIN, True),
    ("disabled", REVIEWER, False),
)
Entry = dict[str, Any]
Check = Callable[[Story, Expect], None]


def moment(number: int, seconds: float = 0) -> str:
    return (datetime.fromisoformat(NOON) + timedelta(seconds=10 * number + seconds)).isoformat()


def kind_of(profile: Profile, name: str) -> str:
    assert profile.audit_types is not None
    return str(getattr(profile.audit_types, name))


def actions(done: tuple[tuple[str, tuple[str, str | None], bool], ...] = DONE) -> list[Interaction]:
    found = []
    for number, (name, (role, email), refused) in enumerate(done, 1):
        labels = {"audit": name, "about": ORG} | ({"email": email} if email else {})
        found.append(
            interaction(
                number,
                scenario=SCENARIO,
                step=f"act: {name}",
                operation=f"zdr.{name}",
                path=f"/{name}",
                role=role,
                actor=f"staff.{role}",
                organization_id=ORG,
                status=403 if refused else 200,
                outcome="denied" if refused else "accepted",
                labels=labels,
                started_at=moment(number),
                ended_at=moment(number, 1),
            )
        )
    return found


def log_of(profile: Profile, done: tuple[tuple[str, tuple[str, str | None], bool], ...] = DONE) -> list[Entry]:
    """A true log of what was done, chained."""
    entries = []
    for number, (name, (role, email), refused) in enumerate(done, 1):
        entries.append(
            {
                "id": f"act_{number}",
                "sequence": number + 100,
                "at": moment(number, 0.5),
                "type": kind_of(profile, name),
                "outcome": "refused" if refused else "success",
                "actor": email or f"{role}@provider.example",
                "actor_role": role,
                "organization": ORG,
                "entity": ORG,
                "reference": None,
            }
        )
    return chained(entries)


def chained(entries: list[Entry]) -> list[Entry]:
    """Each entry with its whole, as the target would show it: digest over the rest, and the digest before."""
    previous = "0" * 64
    for entry in entries:
        whole = {k: v for k, v in entry.items() if k != "_whole"} | {"previous_digest": previous}
        canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(canonical.encode()).hexdigest()
        entry["_whole"] = whole | {"digest": previous}
    return entries


def story(profile: Profile, entries: list[Entry], acted: list[Interaction] | None = None, **log: Any) -> tuple[Story, Expect]:
    """The story that a record of these actions and this log tells."""
    record = Record()
    acted = actions() if acted is None else acted
    times = {"started_at": moment(50), "ended_at": moment(50)}
    read = interaction(
        90,
        **(
            {"scenario": SCENARIO, "step": "own log", "operation": "audit.list", "organization_id": ORG, "data": {"items": entries}}
            | times
            | log
        ),
    )
    record.interactions = [*acted, read]
    expect = Expect(record.history(), profile, "ZDR-AUD-01", (SCENARIO,), ("main",))
    (found,) = Story.all(expect)
    return found, expect


def check(profile: Profile, checker: Check, entries: list[Entry], **more: Any) -> None:
    checker(*story(profile, entries, **more))


def one_each(s: Story, e: Expect) -> None:
    s.has_one_entry_for_each(e, refused=False)


def one_each_refused(s: Story, e: Expect) -> None:
    s.has_one_entry_for_each(e, refused=True)


ALL: dict[str, Check] = {
    "one entry for each success": one_each,
    "one entry for each refusal": one_each_refused,
    "actor and organization": Story.names_actor_and_organization,
    "order": Story.is_in_order,
    "chain": Story.chain_recomputes,
    "times": Story.times_fit,
}


def broken(profile: Profile, entries: list[Entry], **more: Any) -> dict[str, str]:
    """Which checks reject this log, with what each says."""
    found = {}
    for name, checker in ALL.items():
        try:
            check(profile, checker, entries, **more)
        except Violated as exc:
            found[name] = str(exc)
        except Inconclusive:
            pass
    return found


def right_names(s: Story, e: Expect) -> None:
    s.names_actor_and_organization(e)


def in_time(s: Story, e: Expect) -> None:
    s.times_fit(e)
