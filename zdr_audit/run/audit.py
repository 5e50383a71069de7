"""One audit run, step by step: open, sanity, drive, observe, settle, observe again, late scenarios, sanity, close."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from zdr_audit import __version__
from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.catalogue.model import Catalogue, Control
from zdr_audit.evidence.registry import SERVER_READERS
from zdr_audit.evidence.server_size import SizeError, server_size
from zdr_audit.evidence.size import size_of
from zdr_audit.journal.events import Checked, Epoch, RunEnded, RunStarted, SanityProbed, ScenarioEnded, SourceRead
from zdr_audit.journal.redact import Redactor
from zdr_audit.journal.store import Journal
from zdr_audit.profile.credentials import credential, required
from zdr_audit.profile.load import LoadedProfile, load
from zdr_audit.report.model import Report
from zdr_audit.run.availability import split
from zdr_audit.run.launch import launched
from zdr_audit.run.observe import read_source, server_place, server_secrets
from zdr_audit.run.options import Options
from zdr_audit.run.progress import Reporter
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.history import History
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.party import Actor, NotOffered, Party
from zdr_audit.suite.recorder import Recorder
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.target.template import MissingValue
from zdr_audit.target.transport import Transport, now
from zdr_audit.verdict.judge import judge

NEVER_SENT = 3
SIGHT = (
    Stimulus(),
    Stimulus(stream=True),
    Stimulus(places=frozenset({"message", "system"}), cache=True, padding=20_000),
    Stimulus(places=frozenset({"message", "image", "document"})),
    Stimulus(places=frozenset({"message", "tool_result"}), stream=True),
)
JOURNAL = "journal.sqlite"


@dataclass(frozen=True)
class Cast:
    """Everybody the profile gives a credential for."""

    parties: dict[str, Party]
    staff: dict[str, Actor]

    def keys(self) -> set[str]:
        return {f"{p.key}.{role}" for p in self.parties.values() for role in p.actors} | {f"staff.{role}" for role in self.staff}


class Audit:
    """Holds the run's parts between the steps. Use as a context manager: leaving stops what was launched."""

    def __init__(
        self,
        options: Options,
        catalogue: Catalogue,
        selected: tuple[Control, ...],
        reporter: Reporter,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.options, self.catalogue, self.selected, self.reporter = options, catalogue, selected, reporter
        self._environment = dict(os.environ if environment is None else environment)
        self._stack = ExitStack()
        self._models: tuple[str, ...] = ()
        self.alive = False
        self.interrupted: str | None = None

    # -- opening ----------------------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Load the profile, start the simulator where the profile says so, open the journal. Raises ProfileError or LaunchError; nothing was sent then."""
        loaded = self._load()
        profile = loaded.profile
        required(profile, self._environment)
        self.profile = profile
        redactor = Redactor()
        self.cast = self._cast(redactor)
        for secret in server_secrets(profile.evidence, self._environment):
            redactor.add_secret(secret)
        path = self.options.report_dir / JOURNAL
        self.options.report_dir.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self.journal = Journal(path, redactor)
        self._stack.callback(self.journal.close)
        literal, key = new_literal(), secrets.token_bytes(32)
        self.unavailable, self.without_means = split(profile, self.selected, self.cast.keys())
        self.journal.append(self._started(loaded, literal, key))
        redactor.set_literal(literal)
        registry = Registry(literal, key)
        self.seeker = Seeker(literal, registry.identify)
        target, limits = profile.target, profile.limits
        self.transport = Transport(target.base_url, limits.timeout_seconds, limits.max_answer_bytes, target.nodes)
        self.recorder = Recorder(self.transport, self.journal, Mint(literal), registry, self.seeker)
        for _ in range(NEVER_SENT):
            self.recorder.new_canary("never_sent", "nowhere", None, "")

    def reopen(self, path: Path) -> None:
        """Go on from a finished journal instead of sending: for checks that are to be made again. Raises ProfileError or JournalError."""
        self.profile = load(self.options.target, self._environment, self.options.base_url).profile
        redactor = Redactor()
        self.cast = self._cast(redactor)
        self.journal = Journal(path, redactor)
        self._stack.callback(self.journal.close)
        started = self.history().run
        redactor.set_literal(started.literal)
        self.unavailable, self.without_means = started.unavailable, started.without_means
        self.selected = tuple(c for c in self.catalogue.controls if c.id in started.selected)

    def _load(self) -> LoadedProfile:
        options = self.options
        if options.base_url is None:
            # The shipped simulator profile needs a running simulator before its paths mean anything.
            first = load(options.target, self._environment | {"ZDR_SIM_DATA": self._environment.get("ZDR_SIM_DATA", "zdr-simulator-data")})
            if first.profile.target.launch is not None:
                self.reporter.phase("Starting the reference simulator", 1)
                target = self._stack.enter_context(launched(first.profile.target.launch, options.violations))
                self._environment |= target.environment
                loaded = load(options.target, self._environment, target.base_url, target.nodes)
                return replace(loaded, digest=first.digest)
            return first
        return load(options.target, self._environment, options.base_url)

    def _cast(self, redactor: Redactor) -> Cast:
        parties: dict[str, Party] = {}
        staff: dict[str, Actor] = {}
        for name, organization in self.profile.organizations.items():
            parties[name] = Party(name, organization.id, organization.account, "zdr" if name == "subject" else "standard", {})
        for group, roles in self.profile.actors.items():
            for role, section in roles.items():
                secret = credential(self.profile, section, self._environment)
                if secret is None:
                    continue
                redactor.add_secret(secret)
                if group == "staff":
                    staff[role] = Actor(f"staff.{role}", role, "staff", "", "none", section.header, secret, section.email)
                else:
                    party = parties[group]
                    actor = Actor(f"{group}.{role}", role, group, party.id, party.content, section.header, secret, section.email)
                    parties[group] = party.with_actor(actor)
        return Cast(parties, staff)

    def _started(self, loaded: LoadedProfile, literal: str, key: bytes) -> RunStarted:
        profile, options = loaded.profile, self.options
        return RunStarted(
            id=f"run-{now()[:19].replace(':', '').replace('-', '')}-{secrets.token_hex(3)}",
            version=__version__,
            target=profile.name,
            base_url=profile.target.base_url,
            platform=profile.target.platform,
            enforcement=profile.target.enforcement,
            organizations={name: o.id for name, o in profile.organizations.items()},
            profile_digest=loaded.digest,
            catalogue_digest=self.catalogue.digest,
            policy_edition=self.catalogue.edition,
            seed=options.seed,
            depth=options.depth,
            selection=",".join(options.controls) or "all",
            selected=tuple(c.id for c in self.selected),
            unavailable=self.unavailable,
            without_means=self.without_means,
            sources={e.id: (e.kind, e.what) for e in profile.evidence},
            settle_seconds=profile.limits.settle_seconds,
            clock_tolerance_seconds=profile.limits.clock_tolerance_seconds,
            command=options.command(),
            literal=literal,
            key=key.hex(),
            started_at=now(),
            waivers=options.waivers,
        )

    def testable(self, control_id: str) -> str | None:
        """None where the control can be tested, else the reason why not."""
        if control_id not in {c.id for c in self.selected}:
            return "not selected for this run"
        return self.unavailable.get(control_id) or self.without_means.get(control_id)

    # -- driving ----------------------------------------------------------------------------------------------------------------------

    def drive(self, scenarios: Iterable[Scenario]) -> None:
        """All stimuli, then every source, settle, every source again; then the late epoch. A target that is dead at the first probe gets nothing more."""
        ordered = sorted(scenarios, key=lambda s: s.order)
        try:
            self._models = self._list_models()
            self.alive = self._probe("first")
            if self.alive:
                self._epoch("main", [s for s in ordered if s.epoch == "main"])
                late = [s for s in ordered if s.epoch == "late"]
                if late:
                    self._epoch("late", late)
                self._probe("last")
        except KeyboardInterrupt:
            self.interrupted = "stopped by the user (Ctrl-C)"

    def _epoch(self, epoch: Epoch, scenarios: list[Scenario]) -> None:
        self.reporter.phase("Sending stimuli" if epoch == "main" else "After the clock moved", len(scenarios) + 1)
        for item in scenarios:
            self.reporter.step(item.title)
            self._run(item)
            self.reporter.done()
        self.reporter.step("stimuli that prove sight")
        self._sight(epoch)
        self.reporter.done()
        if epoch == "main":
            self._observe(epoch, "first")
        settle = self.profile.limits.settle_seconds
        self.reporter.phase(f"Letting the target settle for {settle:g} s", 1)
        time.sleep(settle)
        self._observe(epoch, "settled")

    def _assay(self, scenario: str, epoch: Epoch) -> Assay:
        parties = self.cast.parties
        return Assay(
            profile=self.profile,
            recorder=self.recorder,
            subject=parties["subject"],
            control=parties["control"],
            others={k: v for k, v in parties.items() if k not in ("subject", "control")},
            staff_actors=self.cast.staff,
            models=self._models or ("default",),
            depth=self.options.depth,
            seed=self.options.seed,
            scenario=scenario,
            epoch=epoch,
            measure=self._measure,
        )

    def _measure(self) -> dict[str, int]:
        """Bytes in use of each source that can be measured, by source id."""
        sizes = {}
        for item in self.profile.evidence:
            with contextlib.suppress(OSError, sqlite3.Error, SizeError):
                if item.path is not None:
                    sizes[item.id] = size_of(item.kind, Path(item.path))
                elif item.kind in SERVER_READERS:
                    sizes[item.id] = server_size(item.kind, server_place(item, self._environment))
        return sizes

    def _sight(self, epoch: Epoch) -> None:
        """Whatever was selected, the control organization sends what standard retention keeps: that shows which sources can be seen."""
        assay = self._assay(f"sanity.sight-{epoch}", epoch)
        for number, stimulus in enumerate(SIGHT):
            assay.infer(assay.control.member, stimulus, step=f"stimulus {number}", counts=False)

    def _run(self, item: Scenario) -> None:
        error = not_run = None
        try:
            item.drive(self._assay(item.name, item.epoch))
        except NotOffered as exc:
            not_run = str(exc)
        except Exception as exc:  # a scenario that breaks makes its controls inconclusive, not the run
            error = f"{type(exc).__name__}: {exc}"[:500]
        self.journal.append(ScenarioEnded(name=item.name, error=error, not_run=not_run))

    def _list_models(self) -> tuple[str, ...]:
        """Those the profile names, else those the target lists."""
        assay = self._assay("sanity.models", "main")
        if self.profile.target.models or not assay.offers("models.list"):
            return self.profile.target.models
        try:
            reply = assay.list_all("models.list", assay.subject.member, step="list the models")
        except (NotOffered, MissingValue):
            return ()
        return tuple(str(item["model"]) for item in reply.items if item.get("model"))

    def _probe(self, when: str) -> bool:
        """Both organizations must be served, and have the ZDR status that the profile says."""
        self.reporter.phase("Sanity probe", 1)
        try:
            detail = self._served(self._assay(f"sanity.{when}", "main"))
        except Exception as exc:  # a probe that breaks has failed
            detail = f"{type(exc).__name__}: {exc}"[:500]
        self.journal.append(
            SanityProbed(
                when="first" if when == "first" else "last", ok=not detail, detail=detail or "both organizations are served", at=now()
            )
        )
        return not detail

    def _served(self, assay: Assay) -> str:
        """What is wrong with the target, empty where nothing is."""
        for party in (assay.subject, assay.control):
            reply = assay.infer(party.member, Stimulus(), step=f"{party.key} is served", counts=False)
            seen = reply.interaction
            if not reply.accepted:
                return f"inference for the {party.key} organization gave {seen.outcome} (status {seen.status}) {seen.error}".strip()
            if assay.offers("zdr.status"):
                status = assay.call("zdr.status", party.member, step=f"{party.key} status", org=party)
                expected = party.key == "subject"
                if status.accepted and (status.values.get("status") == "enabled") != expected:
                    found = status.values.get("status")
                    return f"the {party.key} organization {party.id} has ZDR status '{found}', the profile needs it {'on' if expected else 'off'}"
        return ""

    def _observe(self, epoch: Epoch, reading: str) -> None:
        sources = self.profile.evidence
        self.reporter.phase("Reading evidence" if reading == "first" else "Reading evidence again", len(sources))
        parties = (self.cast.parties["subject"], self.cast.parties["control"])
        for item in sources:
            self.reporter.step(item.what)
            at = now()
            outcome = read_source(item, self.seeker, self.transport, self.profile.operations, parties, environment=self._environment)
            group = "read_back" if item.kind == "http" else "stores"
            event = SourceRead.model_validate({"epoch": epoch, "reading": reading, "at": at, "group": group, "outcome": outcome})
            self.journal.append(event)
            self.reporter.done()

    # -- after the driving --------------------------------------------------------------------------------------------------------------

    def history(self) -> History:
        return History(self.journal.events())

    def record(self, check: Checked) -> None:
        self.journal.append(check)

    def close(self) -> Report:
        """End the journal and judge it."""
        self.journal.append(RunEnded(ended_at=now(), interrupted=self.interrupted))
        return judge(self.history(), self.catalogue, self.journal.head)

    def stop(self) -> None:
        """Stop what was launched, close the journal."""
        self._stack.close()
