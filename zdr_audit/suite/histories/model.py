"""The model: who has ZDR, where requests stand, what the log must hold. It is fed interactions one by one, live or from the journal, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.model import Profile
from zdr_audit.suite.limits import SILENT, Telling
from zdr_audit.suite.linear.record import event_of, expected_of
from zdr_audit.suite.linear.workflow import DENIED, Deed, Entry, Workflow, World
from zdr_audit.suite.log_order import in_order
from zdr_audit.suite.outcomes import Inconclusive

Row = dict[str, object]
_RULES = Workflow(log=None)
_BIRTH = ("requested", "approved", "enabled")
_SILENT = frozenset({"no_answer", "rate_limited"})
_OPEN = ("requested", "approved")
_A_DAY = 86_400


@dataclass
class Organization:
    """What the model knows of one organization."""

    world: World
    product: str = "enterprise"
    log: list[Entry] = field(default_factory=list)
    born_with_zdr: bool = False
    flagged: set[str] = field(default_factory=set)
    kept_until: dict[str, float] = field(default_factory=dict)
    spell: int = 0
    """How often ZDR was switched: a spell lasts from one switch to the next."""
    lasting: set[tuple[str, int]] = field(default_factory=set)
    """Features of which something was begun that must still be there, and in which spell: no time has passed since, and ZDR was not enabled."""
    waited: set[str] = field(default_factory=set)
    """Requests that were open while days went by: the target may have let them lapse, which is a rejection that nobody asked for."""

    @property
    def open_request(self) -> bool:
        return any(status in _OPEN for _, status in self.world.requests)


class Unknown(Exception):
    """The target gave no answer that says what happened; from here on the model knows nothing."""


class Model:
    """Feed it with `take`; it answers what is wrong with the step, empty where nothing is."""

    def __init__(self, profile: Profile, telling: Telling = SILENT) -> None:
        self.profile, self.telling = profile, telling
        self.organizations: dict[str, Organization] = {}
        self.clock = 0.0
        self.purged = 0.0

    def know(self, organization: str, *, zdr: bool, product: str = "enterprise", born: bool = False) -> None:
        """An organization that is there, with nothing in its log that the model knows of; `born`: it was made with ZDR, which the log may tell."""
        self.organizations[organization] = Organization(World(zdr=zdr), product, born_with_zdr=born)

    def take(self, item: Interaction, rows: Iterable[Row] = ()) -> str:
        """What is wrong with this step. Raises Unknown where the answer leaves open what happened."""
        move, about = item.labels.get("move", ""), item.labels.get("about", item.organization_id)
        if move == "restart":
            return ""  # whoever should answer is ended; what comes after it tells
        if item.outcome in _SILENT:
            raise Unknown(f"{item.id} got no decision ({item.outcome})")
        if item.outcome == "server_error":
            return f"it brought the server error {item.status}"
        if move == "create":
            return self._created(item)
        if move in ("time", "purge"):
            return self._passed(item, move)
        known = self.organizations.get(about)
        if known is None:
            return ""
        if "audit" in item.labels:
            return self._acted(item, known)
        judges: dict[str, Callable[[Interaction, Organization], str]] = {
            "look": self._looked,
            "use": self._used,
            "go on": self._gone_on,
            "ask": self._asked,
            "log": lambda i, k: self._log_read(i, k, list(rows)),
            "stranger": self._strange,
            "operate": self._operated,
            "flag": self._flagged,
            "kept": lambda i, k: self._kept(i, k, list(rows)),
            "usage": lambda i, k: self._usage_read(i, k, list(rows)),
            "revoked": self._revoked,
            "limits": self._told,
        }
        return judges[move](item, known) if move in judges else ""

    def _created(self, item: Interaction) -> str:
        if item.outcome == "accepted" and isinstance(item.data, dict):
            api = item.operation == "organization.create_api_zdr"
            self.know(str(item.data.get("organization")), zdr=api, product="api" if api else "enterprise", born=api)
        return ""

    # -- acting ---------------------------------------------------------------------------------------------------------------------

    def _acted(self, item: Interaction, known: Organization) -> str:
        event = event_of(item)
        if event is None or event.value.outcome == "unknown":
            raise Unknown(f"{item.id} was answered with {item.outcome} (status {item.status})")
        deed, before = event.value, known.world
        allowed, must = self._may(item, deed, known)
        known.log.append(Entry(deed.kind, deed.outcome, deed.role, deed.email, deed.reference))
        if (deed.enables or deed.approves) and deed.outcome == "success" and self.profile.further_entry is not None:
            known.log.append(Entry("enabled" if deed.enables else "approved", "success", deed.role, deed.email, deed.reference))
        if deed.outcome == "refused":
            if allowed and deed.request in known.waited:
                known.world = before.put(deed.request, "rejected")  # it has lapsed
                return ""
            return "it must be possible, and was refused" if must else ""
        if not allowed:
            return "it must be refused, and was done"
        known.waited.discard(deed.request)
        known.world = next(iter(_RULES.step(before, deed)), before)
        known.spell += known.world.zdr != before.zdr
        if deed.kind == "migrated":
            known.product = "enterprise"
        if deed.kind == "enabled" or deed.enables:
            known.lasting.clear()
        return ""

    def _may(self, item: Interaction, deed: Deed, known: Organization) -> tuple[bool, bool]:
        """Whether the step may succeed, and whether it must."""
        spec = self.profile.operations.get(item.operation)
        if spec is None or item.role != spec.by:
            return False, False
        wanted = replace(deed, outcome="success")
        after = list(_RULES.step(known.world, wanted))
        match deed.kind:
            case "requested":
                return True, not known.world.zdr and not known.open_request
            case "disabled":
                return True, known.world.zdr
            case "migrated":
                return True, known.product == "api" and known.world.zdr
            case "enabled" | "approved" if deed.kind == "enabled" or deed.enables:
                return bool(after), bool(after) and not known.world.zdr and after[0] != known.world
            case _:
                return bool(after), bool(after) and after[0] != known.world

    # -- seeing ---------------------------------------------------------------------------------------------------------------------

    def _looked(self, item: Interaction, known: Organization) -> str:
        if item.outcome != "accepted" or not isinstance(item.data, dict):
            return f"the ZDR status must be readable, and gave {item.outcome}"
        seen = item.data.get("status") == "enabled"
        return "" if seen == known.world.zdr else f"ZDR is {_word(known.world.zdr)}, and was shown as {_word(seen)}"

    def _used(self, item: Interaction, known: Organization) -> str:
        if problem := self._served(item, known):
            return problem
        if not known.world.zdr:
            known.lasting.add((_feature(item), known.spell))
        return ""

    def _gone_on(self, item: Interaction, known: Organization) -> str:
        """What was stored ends with its retention period, and may end when ZDR is enabled. Under ZDR nothing goes on, whichever spell it was begun in."""
        begun = int(item.labels.get("spell", known.spell))
        if not known.world.zdr and item.outcome == "not_found" and (_feature(item), begun) not in known.lasting:
            return ""
        problem = self._served(item, known)
        return f"{problem}; it was begun {_spells(known.spell - begun)} before" if problem and begun != known.spell else problem

    def _served(self, item: Interaction, known: Organization) -> str:
        if known.world.zdr:
            return "" if item.outcome == "refused_by_policy" else f"a blocked feature must be refused by policy, and gave {item.outcome}"
        return "" if item.outcome == "accepted" else f"the feature must work without ZDR, and gave {item.outcome}"

    def _asked(self, item: Interaction, known: Organization) -> str:
        if (session := item.labels.get("session", "")) in known.flagged and item.accepted:
            known.kept_until[session] = self.clock + 86_400 * self.profile.limits.exception_retention_days
        return "" if item.accepted else f"inference must be served, and gave {item.outcome} (status {item.status}) {item.error}".strip()

    def _log_read(self, item: Interaction, known: Organization, rows: list[Row]) -> str:
        types = self.profile.audit_types
        if item.outcome != "accepted" or types is None:
            return f"the audit log must be readable, and gave {item.outcome}"
        logs_refusals = self.profile.logs_refusals
        found = expected_of(in_order(rows), types, logs_refusals)
        expected = [entry for entry in known.log if logs_refusals or entry.outcome != "refused"]
        found = _without_lapses(found, expected, len(known.waited))
        said = _agrees(found, expected)
        if known.born_with_zdr:
            # Making it with ZDR was an enabling too: what the log says of that comes first, and is not of our doing.
            while said and found and len(found) > len(expected) and found[0].kind in _BIRTH:
                said = _agrees(found := found[1:], expected)
        return said

    # -- time -----------------------------------------------------------------------------------------------------------------------

    def _passed(self, item: Interaction, move: str) -> str:
        if item.outcome != "accepted":
            raise Unknown(f"{item.operation} gave {item.outcome} (status {item.status}), so that it is not known how much time has passed")
        if move == "time":
            self.clock += float(item.labels["seconds"])
            for known in self.organizations.values():
                known.lasting.clear()
                if float(item.labels["seconds"]) > _A_DAY:
                    known.waited |= {request for request, status in known.world.requests if status in _OPEN}
        else:
            self.purged = self.clock
        return ""

    def _flagged(self, item: Interaction, known: Organization) -> str:
        if item.outcome == "accepted":
            known.flagged.add(item.labels["session"])
        return self._operated(item, known)

    def _kept(self, item: Interaction, known: Organization, rows: list[Row]) -> str:
        """What is listed as kept by exception: of flagged sessions alone, and none that was due when the purge ran."""
        if item.outcome != "accepted":
            return f"what is kept by exception must be listed, and gave {item.outcome}"
        for session in dict.fromkeys(str(row.get("session")) for row in rows):
            if session not in known.flagged:
                return f"of the session {session} something is kept, and nobody flagged it"
            if known.kept_until.get(session, float("inf")) <= self.purged:
                return f"what was kept of the session {session} must be gone, its time has passed"
        return ""

    def _operated(self, item: Interaction, _known: Organization) -> str:
        return "" if item.outcome == "accepted" else f"{item.operation} must be possible, and gave {item.outcome} (status {item.status})"

    def _usage_read(self, item: Interaction, known: Organization, rows: list[Row]) -> str:
        if item.outcome != "accepted":
            return f"the usage of the organization must be readable, and gave {item.outcome}"
        if known.world.zdr and any(row.get("contribution") is not None for row in rows):
            return "the usage of an organization with ZDR must not show contribution metrics, and did"
        return ""

    def _told(self, item: Interaction, known: Organization) -> str:
        try:
            return self.telling.departs(self.profile, item, zdr=known.world.zdr)
        except Inconclusive as exc:
            raise Unknown(str(exc)) from None

    def _revoked(self, item: Interaction, _known: Organization) -> str:
        return "a revoked key must open nothing, and did" if item.outcome == "accepted" else ""

    def _strange(self, item: Interaction, _known: Organization) -> str:
        rows = item.data.get("items", []) if isinstance(item.data, dict) else []
        if item.outcome == "accepted" and any(str(row.get("organization")) == item.labels.get("about") for row in rows):
            return "another organization must not read this, and did"
        return ""


def _agrees(found: list[Entry], expected: list[Entry]) -> str:
    """How the log departs from what it must hold, empty where it does not. Entries of the common type for what was refused may tell of other refusals than
    those of enablement, and be passed over; `places` are those up to which the log may be explained."""
    places = {0}
    for entry in expected:
        deed = Deed(entry.kind, "success", entry.role, entry.email, entry.reference)  # type: ignore[arg-type]
        after = {at + 1 for place in places for at in _reached(found, place) if at < len(found) and found[at].tells_of(deed, entry.outcome)}
        if not after:
            at = max(_reached(found, max(places)))
            if at == len(found):
                return f"the audit log lacks {_said(entry)}"
            return f"entry {at + 1} of the audit log must be {_said(entry)}, and is {_said(found[at])}"
        places = after
    at = max(_reached(found, max(places)))
    return "" if at == len(found) else f"the audit log has {_said(found[at])}, which did not happen"


def _without_lapses(found: list[Entry], expected: list[Entry], most: int) -> list[Entry]:
    """The entries without those of requests that lapsed, at most so many: rejections that are of nobody's doing."""
    rejected = [Deed("rejected", "success", e.role, e.email, e.reference) for e in expected if e.kind == "rejected"]
    lapses = [e for e in found if e.kind == "rejected" and e.outcome == "success" and not any(e.tells_of(d, "success") for d in rejected)]
    return [e for e in found if not any(e is lapse for lapse in lapses[:most])]


def _reached(found: list[Entry], place: int) -> range:
    """The places of the entries that may come next."""
    end = next((at for at in range(place, len(found)) if found[at].kind != DENIED), len(found))
    return range(place, end + 1)


def _feature(item: Interaction) -> str:
    """The feature of an operation such as `feature:files.read`."""
    return item.operation.rpartition(".")[0]


def _spells(switches: int) -> str:
    return "one switch of ZDR" if switches == 1 else f"{switches} switches of ZDR"


def _word(zdr: bool) -> str:
    return "on" if zdr else "off"


def _said(entry: Entry) -> str:
    return f"'{entry.kind}' {entry.outcome} by {entry.email or entry.role or 'somebody'}"
