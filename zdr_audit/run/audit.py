"""One audit run, step by step: open, sanity, drive, observe, settle, observe again, late scenarios, sanity, close."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from zdr_audit.attest.remake import check_catalogue
from zdr_audit.canary.digests import DigestBook
from zdr_audit.canary.mint import Mint
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.catalogue.model import Catalogue, Control
from zdr_audit.evidence.earlier import Earlier
from zdr_audit.evidence.model import Frozen, Reading
from zdr_audit.evidence.size import changed_at
from zdr_audit.journal.events import (
    Checked,
    ChecksKnown,
    Created,
    Epoch,
    Interaction,
    RunEnded,
    RunResumed,
    RunStarted,
    SanityProbed,
    ScenarioEnded,
    SourceRead,
)
from zdr_audit.journal.redact import Redactor
from zdr_audit.journal.store import Journal
from zdr_audit.profile.credentials import required
from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.load import LoadedProfile, in_file, load
from zdr_audit.report.model import NOT_SELECTED, Report
from zdr_audit.run import candidates
from zdr_audit.run.availability import offered, split
from zdr_audit.run.cast import cast_of
from zdr_audit.run.claim import claimed
from zdr_audit.run.cleanup import clean_up
from zdr_audit.run.extend import check_extensions
from zdr_audit.run.launch import launched
from zdr_audit.run.measure import measured
from zdr_audit.run.minimise import REQUESTS, leaks, smallest
from zdr_audit.run.minimise_calls import call_of, with_declared
from zdr_audit.run.observe import read_source, tokenizer_of
from zdr_audit.run.options import Options
from zdr_audit.run.place import check_places, server_secrets
from zdr_audit.run.progress import Reporter
from zdr_audit.run.recall import recall
from zdr_audit.run.resume import GIVEN_UP, Done, check, only_record, read
from zdr_audit.run.sanity import SIGHT, clock, served
from zdr_audit.run.spikes import Spikes
from zdr_audit.run.started import started
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.history import History
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.party import NotOffered, NotThere
from zdr_audit.suite.recorder import Recorder
from zdr_audit.target.dialects.registry import dialect_of
from zdr_audit.target.pace import BudgetSpent, Pace, tokens
from zdr_audit.target.security import proxy_secrets, security_of
from zdr_audit.target.template import MissingValue
from zdr_audit.target.transport import Transport, now
from zdr_audit.verdict.judge import judge
from zdr_audit.verdict.reduced import Shape, said

NEVER_SENT = 3
JOURNAL = "journal.sqlite"
STOPPED = "stopped by the user (Ctrl-C)"


class Audit:
    """Holds the run's parts between the steps. Use as a context manager: leaving stops what was launched."""

    recorders: type[Recorder] = Recorder

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
        self._events: list[Frozen] = []
        self.alive = False
        self.opened = False
        self.interrupted: str | None = None
        self.spent: str | None = None
        self.done: Done | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that the profile is read with."""
        return self._environment

    # -- opening ----------------------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Load the profile, start the simulator where the profile says so, open the journal. Raises ProfileError, LaunchError, ResumeError or
        JournalError; nothing was sent then."""
        loaded = self._load()
        profile = loaded.profile
        with in_file(loaded.origin):
            required(profile, self._environment)
            check_extensions(profile)
            self.dialect = dialect_of(profile)
            self.offered = offered(profile, self.dialect)
            self.security = security_of(profile, self._environment)
            tokenizer = tokenizer_of(profile)
            self.profile = profile
            self.redactor = Redactor()
            self.cast = cast_of(profile, self._environment, self.redactor)
            for secret in proxy_secrets(self.security) | server_secrets(profile.evidence, self._environment):
                self.redactor.add_secret(secret)
            for actor in self.cast.everybody():
                actor.headers()  # a command that gives no credential is to be known before anything is sent
        redactor = self.redactor
        beginning, done = self._go_on(loaded) if self.options.resume else self._begin(loaded)
        with in_file(loaded.origin):
            self._look_for_evidence()
        if not done:
            self._claim()  # only now, as nothing is left of a run that does not begin
        self.journal = self._journal(redactor)
        self._stack.callback(self.journal.close)
        self.journal.append(RunResumed(at=now()) if done else beginning)
        self.opened = True
        redactor.set_literal(beginning.literal)
        key = bytes.fromhex(beginning.key)
        registry, digests = recall(done.history) if done else (Registry(beginning.literal, key), DigestBook(key))
        self.seeker = Seeker(beginning.literal, registry.identify, digests=digests, tokenizer=tokenizer)
        self.earlier = Earlier(lambda: (len(registry), len(digests)))
        self.pace = Pace(profile.limits, done.interactions, done.tokens) if done else Pace(profile.limits)
        self.transport = self._transport(profile.target.base_url, profile.target.nodes)
        elsewhere = {name: self._transport(o.base_url) for name, o in profile.organizations.items() if o.base_url is not None}
        self.recorder = self.recorders(self.transport, self.journal, Mint(beginning.literal), registry, self.seeker, elsewhere, digests)
        self.recorder.request_id_header = self.dialect.request_id_header
        self.spikes = Spikes(profile, self.recorder)
        self.run_id = beginning.id
        if done:
            self.recorder.go_on(done.interactions, done.canaries)
            self.done = Done.of(self.history())
        minted = sum(c.kind == "never_sent" for c in done.history.canaries.values()) if done else 0
        for _ in range(NEVER_SENT - minted):
            self.recorder.new_canary("never_sent", "nowhere", None, "")

    def _claim(self) -> None:
        """Raises JournalError where another run writes into the report folder."""
        self._stack.enter_context(claimed(self.options.report_dir))

    def _look_for_evidence(self) -> None:
        """Raises ProfileError for a source that cannot be read as things are."""
        check_places(self.profile, self._environment)

    def _begin(self, loaded: LoadedProfile) -> tuple[RunStarted, None]:
        self.unavailable, self.without_means = split(loaded.profile, self.selected, self.cast.keys(), self.offered)
        return started(loaded, self.options, self.catalogue, self.selected, self.unavailable, self.without_means), None

    def _go_on(self, loaded: LoadedProfile) -> tuple[RunStarted, Done]:
        """What the run in the report folder was begun with, and what it has done. Raises ResumeError or JournalError."""
        self._claim()
        earlier = read(self.options.report_dir / JOURNAL)
        check(earlier.run, loaded, self.catalogue)
        self._select_as(earlier.run)
        return earlier.run, Done.of(earlier)

    def _select_as(self, beginning: RunStarted) -> None:
        self.unavailable, self.without_means = beginning.unavailable, beginning.without_means
        self.selected = tuple(c for c in self.catalogue.controls if c.id in beginning.selected)

    def _journal(self, redactor: Redactor) -> Journal:
        path = self.options.report_dir / JOURNAL
        self.options.report_dir.mkdir(parents=True, exist_ok=True)
        if not self.options.resume:
            only_record(path)
            path.unlink(missing_ok=True)
        return Journal(path, redactor)

    def _transport(self, base_url: str, nodes: tuple[str, ...] = ()) -> Transport:
        limits = self.profile.limits
        return Transport(base_url, limits.timeout_seconds, limits.max_answer_bytes, nodes, security=self.security, pace=self.pace)

    def reopen(self, path: Path) -> None:
        """Go on from a finished journal instead of sending: for checks that are to be made again. Raises ProfileError, JournalError, or AttestError for one
        of another catalogue."""
        self.profile = load(self.options.target, self._environment, self.options.base_url, self.options.nodes).profile
        redactor = Redactor()
        self.cast = cast_of(self.profile, self._environment, redactor)
        self.journal = Journal(path, redactor)
        self._stack.callback(self.journal.close)
        beginning = self.history().run
        check_catalogue(path, beginning, self.catalogue)
        self.opened = True
        redactor.set_literal(beginning.literal)
        self._select_as(beginning)

    def _load(self) -> LoadedProfile:
        options = self.options
        if options.base_url is None:
            # The shipped simulator profile needs a running simulator before its paths mean anything.
            first = load(options.target, self._environment | {"ZDR_SIM_DATA": self._environment.get("ZDR_SIM_DATA", "zdr-simulator-data")})
            if first.profile.target.launch is not None:
                self.reporter.phase("Starting the reference simulator", 1)
                target = self._stack.enter_context(launched(first.profile.target.launch, options.violations, options.variants))
                self._environment |= target.environment
                loaded = load(options.target, self._environment, target.base_url, target.nodes)
                return replace(loaded, digest=first.digest)
            return first
        return load(options.target, self._environment, options.base_url, options.nodes)

    def testable(self, control_id: str) -> str | None:
        """None where the control can be tested, else the reason why not."""
        if control_id not in {c.id for c in self.selected}:
            return NOT_SELECTED
        return self.unavailable.get(control_id) or self.without_means.get(control_id)

    # -- driving ----------------------------------------------------------------------------------------------------------------------

    def drive(self, scenarios: Iterable[Scenario]) -> None:
        """All stimuli, then every source, settle, every source again; then the late epoch. A target that is dead at the first probe gets nothing more. Of a
        resumed run, what was done is not done again; of one that is given up, what was made is removed."""
        ordered = sorted(scenarios, key=lambda s: s.order)
        try:
            if self.options.give_up:
                self.interrupted = GIVEN_UP
                self._clean_up()
            elif self.done is None or not self.done.probed_last:
                self._drive(ordered)
        except KeyboardInterrupt as exc:
            self.interrupted = str(exc) or STOPPED

    def _drive(self, ordered: list[Scenario]) -> None:
        self._models = self._list_models()
        self.alive = self._probe("first") and all(p.ok for p in (self.done.history.sanity if self.done else ()))
        if not self.alive:
            return
        self._epoch("main", [s for s in ordered if s.epoch == "main"])
        late = [s for s in ordered if s.epoch == "late"]
        if late:
            self._epoch("late", late)
        self._clean_up()
        self._probe("last")

    def _epoch(self, epoch: Epoch, scenarios: list[Scenario]) -> None:
        left = [s for s in scenarios if self.done is None or s.name not in self.done.scenarios]
        if left or not self._begun(epoch):
            self.reporter.phase("Sending stimuli" if epoch == "main" else "After the clock moved", len(left) + 1)
            self._keep_back()
            for item in left:
                self.reporter.step(item.title)
                self._run(item)
                self.reporter.done()
            self.transport.pace.release()
            if epoch == "late" and self._nothing_of(scenarios):
                return
            self.reporter.step("stimuli that prove sight")
            self._sight(epoch)
            self.reporter.done()
        self.spikes.plant(epoch)
        try:
            rest = self.profile.limits.settle_seconds
            if epoch == "main" and self._unread(epoch, "first"):
                quiet_since = self._observe(epoch, "first")
                rest -= time.monotonic() - quiet_since
            if self._unread(epoch, "settled"):
                if rest > 0:
                    self.reporter.phase(f"Letting the target settle for {rest:.3g} s", 1)
                    self._pause(rest)
                self._observe(epoch, "settled")
        finally:
            self.spikes.remove()

    def _nothing_of(self, scenarios: list[Scenario]) -> bool:
        """Whether the target has what none of these is about: then nothing was sent, and a further reading would show nothing new."""
        ended = self.history().scenarios
        return all((found := ended.get(item.name)) is not None and found.absent for item in scenarios)

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def _begun(self, epoch: Epoch) -> bool:
        """Whether the reading of this epoch's evidence had begun before the run was broken off."""
        return self.done is not None and any(e == epoch for e, _, _ in self.done.reads)

    def _unread(self, epoch: Epoch, reading: str) -> list[Evidence]:
        done = self.done.reads if self.done else frozenset()
        return [e for e in self.profile.evidence if (epoch, reading, e.id) not in done]

    def _keep_back(self) -> None:
        """Of a budget, what the end of the run needs: the stimuli that prove sight, the last probe."""
        size = sum(2_000 + s.padding for s in SIGHT)
        self.transport.pace.keep_back(2 * len(SIGHT) + 10, 2 * tokens(size))

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
            dialect=self.dialect,
            offered=self.offered,
            run_id=self.run_id,
            pause=self._pause,
            shortens=self.options.minimise,
        )

    def _measure(self) -> dict[str, int]:
        """Bytes in use of each source that can be measured, by source id."""
        return measured(self.profile.evidence, self._environment)

    def _sight(self, epoch: Epoch) -> None:
        """Whatever was selected, the control organization sends what standard retention keeps: that shows which sources can be seen."""
        assay = self._assay(f"sanity.sight-{epoch}", epoch)
        with contextlib.suppress(BudgetSpent):  # without them the sources stay blind, and the report says so
            for number, stimulus in enumerate(SIGHT):
                assay.infer(assay.control.member, stimulus, step=f"stimulus {number}", counts=False)

    def _run(self, item: Scenario) -> None:
        error = not_run = None
        absent = False
        try:
            if self.spent:
                raise NotOffered(self.spent)
            item.drive(self._assay(item.name, item.epoch))
        except NotOffered as exc:
            not_run, absent = str(exc), isinstance(exc, NotThere)
        except BudgetSpent as exc:
            self.spent = error = str(exc)
        except Exception as exc:  # a scenario that breaks makes its controls inconclusive, not the run
            error = f"{type(exc).__name__}: {exc}"[:500]
        self.journal.append(ScenarioEnded(name=item.name, error=error, not_run=not_run, absent=absent))

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
        detail = ""
        for _ in range(3 if self.done and when == "first" else 1):  # a failure that the broken-off part asked for may still be to come
            try:
                detail = served(self._assay(f"sanity.{when}", "main")) or (self._clock() if when == "first" else "")
            except Exception as exc:  # a probe that breaks has failed
                detail = f"{type(exc).__name__}: {exc}"[:500]
            if not detail:
                break
        self.journal.append(
            SanityProbed(
                when="first" if when == "first" else "last", ok=not detail, detail=detail or "both organizations are served", at=now()
            )
        )
        return not detail

    def _clock(self) -> str:
        """What is wrong with the target's clock, empty where nothing is, or where a scenario moved it."""
        moved = self.done is not None and self.done.late
        return "" if moved else clock(self.recorder.clock_offset, self.profile.limits.clock_tolerance_seconds)

    def _clean_up(self) -> None:
        """Remove what the run made, where the profile says how."""
        self._remove(self.history().leftovers(), self._assay("sanity.clean-up", "main"))

    def _remove(self, left: Sequence[Created], assay: Assay) -> None:
        self.reporter.phase("Cleaning up", len(left))
        clean_up(left, assay, self.cast.staff, self.reporter)

    def _observe(self, epoch: Epoch, reading: str) -> float:
        """Read every source. Returns since when (monotonic seconds) nothing is sent to the target: interfaces are read by requests, to which it answers."""
        sources, quiet_since = self._unread(epoch, reading), time.monotonic()
        self.reporter.phase("Reading evidence" if reading == "first" else "Reading evidence again", len(sources))
        for item in sources:
            self.reporter.step(item.what)
            self._read(item, epoch, reading)
            self.reporter.done()
            quiet_since = time.monotonic() if item.kind == "http" else quiet_since
        return quiet_since

    def _read(self, item: Evidence, epoch: Epoch, reading: str, only: frozenset[str] | None = None) -> Reading:
        """One reading of a source, journaled; with `only` its hits are those of these canaries alone."""
        at = now()
        parties = tuple(party for party in (self.cast.parties["subject"], self.cast.parties["control"]) if item.of in ("both", party.key))
        outcome = read_source(
            item,
            self.seeker,
            self.recorder.transport_of,
            self.profile.operations,
            parties,
            environment=self._environment,
            earlier=self.earlier,
            refusal=self.profile.refusal,
        )
        if only is not None:
            outcome = outcome.model_copy(update={"hits": tuple(hit for hit in outcome.hits if hit.canary in only)})
        group = "read_back" if item.kind == "http" else "stores"
        changed = changed_at(Path(item.path)) if item.path else None
        event = {"epoch": epoch, "reading": reading, "at": at, "group": group, "outcome": outcome, "changed_at": changed}
        self.journal.append(SourceRead.model_validate(event))
        return outcome

    # -- after the driving --------------------------------------------------------------------------------------------------------------

    def history(self) -> History:
        """What the journal holds by now. Each event is read from it once."""
        self._events += self.journal.events(after=len(self._events))
        return History(self._events)

    def record(self, event: Checked | ChecksKnown) -> None:
        self.journal.append(event)

    def minimise(self) -> None:
        """For what leaked: the smallest request that still leaks. Costs nothing where nothing did; no verdict rests on it."""
        history = self.history()
        if not self.options.minimise or self.interrupted or not self.alive or not all(probe.ok for probe in history.sanity):
            return
        assay = self._assay("minimise.leaks", "minimise")
        profile = self.profile

        def send(operation: str, shape: Shape) -> Interaction:
            self.reporter.step(said(operation, shape))
            sent = candidates.send(assay, profile, operation, shape)
            self.reporter.done()
            return sent

        try:
            profile = with_declared(self.profile, assay, history)
            found = leaks(history, partial(call_of, profile))
            if not found:
                return
            self.reporter.phase("Looking for the smallest request that leaks", REQUESTS)
            for event in smallest(found, send, self._read_for, settle=self.profile.limits.settle_seconds):
                script = candidates.script(profile, self.dialect, event, assay.models[0]) if event.outcome == "reduced" else ""
                self.journal.append(event.model_copy(update={"script": script}))
            after = self.history()
            if made := [item for item in after.leftovers() if item.interaction in after.trials]:
                self._remove(made, self._assay("minimise.clean-up", "minimise"))
        except BudgetSpent:
            return  # what was found stays found; only the smallest request is not known
        except KeyboardInterrupt as exc:
            self.interrupted = str(exc) or STOPPED
        except Exception as exc:  # verdicts stand without it, so a search that breaks must not cost the report
            self.journal.append(ScenarioEnded(name="minimise.leaks", error=f"{type(exc).__name__}: {exc}"[:500]))

    def _read_for(self, sources: frozenset[str], canaries: frozenset[str]) -> dict[str, Reading]:
        """One reading of each of these sources, with the hits of these canaries alone."""
        return {item.id: self._read(item, "minimise", "settled", canaries) for item in self.profile.evidence if item.id in sources}

    def close(self) -> Report:
        """End the journal and judge it."""
        self.journal.append(RunEnded(ended_at=now(), interrupted=self.interrupted or self.spent))
        return judge(self.history(), self.catalogue, self.journal.head)

    def stop(self) -> None:
        """Stop what was launched, close the journal."""
        self._stack.close()
