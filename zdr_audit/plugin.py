"""The pytest plug-in: options, the drive before the first test, each test's outcome into the journal, the report and exit status at the end.

Loaded by the top-level conftest.py for `pytest suites --target ...`, and by `zdr-audit run`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from rich.console import Console, RenderableType

from zdr_audit import resources
from zdr_audit.attest import keys
from zdr_audit.attest.errors import AttestError
from zdr_audit.attest.manifest import JOURNAL
from zdr_audit.attest.seal import seal
from zdr_audit.catalogue.errors import CatalogueError
from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.model import Catalogue, Control
from zdr_audit.catalogue.select import select
from zdr_audit.journal.events import Checked, ChecksKnown, Epoch
from zdr_audit.journal.store import JournalError
from zdr_audit.profile.load import ProfileError
from zdr_audit.report.console import closing
from zdr_audit.report.model import EXIT_STATUS, Report
from zdr_audit.report.write import report_names, write_all
from zdr_audit.run.afterwards import Afterwards
from zdr_audit.run.audit import STOPPED, Audit
from zdr_audit.run.launch import LaunchError
from zdr_audit.run.options import DEFAULT_REPORT_DIR, Options, addresses, depth
from zdr_audit.run.progress import Reporter
from zdr_audit.run.resume import ResumeError
from zdr_audit.run.signals import Signals
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.known_checks import known_checks
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, Violated
from zdr_audit.verdict.preconditions import examine
from zdr_audit.violations import check_names
from zdr_audit.waiver.load import load_waivers

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner

    from zdr_audit.run.plan import Plan


@dataclass(frozen=True)
class Bound:
    """What a test's `@control` mark says."""

    control: Control
    scenarios: tuple[Scenario, ...]
    epochs: tuple[Epoch, ...]
    counting: str
    watching: tuple[Scenario, ...] = ()

    @property
    def after(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.scenarios)


@dataclass
class State:
    """One session's audit."""

    catalogue: Catalogue
    selected: tuple[Control, ...]
    options: Options
    reporter: Reporter
    audit: Audit | None = None
    signer: CryptoSigner | None = None
    afterwards: Afterwards = field(default_factory=Afterwards)
    said: list[RenderableType] = field(default_factory=list)
    history: History | None = None
    report: Report | None = None
    plan: Plan | None = None
    signals: Signals = field(default_factory=Signals)
    bound: dict[str, Bound] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)


STATE: pytest.StashKey[State] = pytest.StashKey()


class Front:
    """What `zdr-audit run` hands to the plug-in, and gets back from it."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.report: Report | None = None
        self.plan: Plan | None = None
        self.problem: str | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("zdr-audit", "audit of a target for zero data retention")
    group.addoption("--target", metavar="NAME|FILE", help="target profile: the name of a shipped one (simulator), or a TOML file")
    group.addoption(
        "--base-url",
        metavar="URL",
        action="append",
        default=[],
        help="where the target is, in place of the profile's address; may be repeated",
    )
    group.addoption(
        "--report-dir", metavar="DIR", default=str(DEFAULT_REPORT_DIR), help="folder for journal and reports (default: %(default)s)"
    )
    group.addoption(
        "--controls", metavar="GLOB", action="append", default=[], help="only these controls, e.g. 'ZDR-RET-*'; may be repeated"
    )
    group.addoption("--depth", default="standard", help="quick, standard or thorough (default: %(default)s)")
    group.addoption("--seed", type=int, default=1, help="seed of the generated request shapes (default: %(default)s)")
    group.addoption(
        "--attest-key", metavar="FILE", default=os.environ.get(keys.KEY_VARIABLE), help="sign the pack with this Ed25519 private key (PEM)"
    )
    group.addoption("--timestamp", metavar="URL", help="have the attestation stamped by this time-stamp authority (RFC 3161)")
    group.addoption("--sigstore", action="store_true", help="attest the pack keyless, too, by Sigstore")
    group.addoption("--sigstore-config", metavar="FILE", help="ClientTrustConfig (JSON) of a private Sigstore deployment")
    group.addoption("--sigstore-token-env", metavar="NAME", help="environment variable that holds the identity token for --sigstore")
    group.addoption(
        "--baseline",
        metavar="DIR",
        help="report folder of an earlier run: say what differs; a compliant run exits 1 where anything is worse",
    )
    group.addoption("--waivers", metavar="FILE", help="accepted failures with owner, reason and expiry (TOML)")
    group.addoption("--no-minimise", action="store_true", help="where something leaked, do not look for the smallest request that leaks")
    group.addoption("--journal", metavar="FILE", help="check this finished journal again; nothing is sent")
    group.addoption("--resume", action="store_true", help="go on with the run in --report-dir, which was broken off")
    group.addoption("--give-up", action="store_true", help="with --resume: remove what the run made in the target, and end it")
    group.addoption("--dry-run", action="store_true", help="send nothing: say what a run would send")
    group.addoption("--violation", metavar="ID", action="append", default=[], help="seed a violation in the launched reference simulator")
    group.addoption(
        "--variant",
        metavar="ID",
        action="append",
        default=[],
        help="let the launched reference simulator differ in a way that breaks nothing",
    )
    group.addoption(
        "--format", metavar="FILE", action="append", default=[], help="write this report file only, e.g. report.json; may be repeated"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "control(id, scenarios, epochs, counting, watching): binds a test to the control that it checks")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("control")]
    if not marked:
        return
    if not config.getoption("--target"):
        if config.getoption("collectonly"):
            return
        raise pytest.UsageError("the suites need a target: pytest suites --target simulator (or a profile file)")
    state = _state(config)
    chosen = {c.id for c in state.selected}
    unwanted = []
    for item in marked:
        mark = item.get_closest_marker("control")
        assert mark is not None
        control_id, *said = mark.args
        try:
            state.bound[item.nodeid] = Bound(state.catalogue.control(control_id), *said)
        except KeyError:
            raise pytest.UsageError(f"{item.nodeid}: the catalogue has no control {control_id}") from None
        if control_id not in chosen:
            unwanted.append(item)
    if unwanted:
        config.hook.pytest_deselected(items=unwanted)
        items[:] = [item for item in items if item not in unwanted]


def _state(config: pytest.Config) -> State:
    try:
        catalogue = load_catalogue()
        patterns = tuple(config.getoption("--controls"))
        waivers_file = Path(config.getoption("--waivers")) if config.getoption("--waivers") else None
        base_url, nodes = addresses(config.getoption("--base-url"))
        check_names(config.getoption("--violation"), config.getoption("--variant"))
        options = Options(
            target=config.getoption("--target"),
            base_url=base_url,
            nodes=nodes,
            report_dir=Path(config.getoption("--report-dir")),
            controls=patterns,
            depth=depth(config.getoption("--depth")),
            seed=config.getoption("--seed"),
            violations=tuple(config.getoption("--violation")),
            variants=tuple(config.getoption("--variant")),
            formats=report_names(config.getoption("--format")),
            waivers=load_waivers(waivers_file, [c.id for c in catalogue.controls]) if waivers_file else (),
            waivers_file=waivers_file,
            minimise=not config.getoption("--no-minimise"),
            resume=config.getoption("--resume"),
            give_up=config.getoption("--give-up"),
            dry_run=config.getoption("--dry-run"),
        )
        selected = select(catalogue, patterns) if patterns else catalogue.controls
        attest_key = config.getoption("--attest-key")
        signer = keys.load_private(Path(attest_key)) if attest_key else None
        afterwards = Afterwards.asked(
            config.getoption("--timestamp"),
            config.getoption("--baseline"),
            attested=signer is not None,
            sigstore=(config.getoption("--sigstore"), config.getoption("--sigstore-config"), config.getoption("--sigstore-token-env")),
        )
    except (CatalogueError, AttestError, ValueError) as exc:
        raise pytest.UsageError(str(exc)) from None
    front = config.pluginmanager.get_plugin("zdr-audit-front")
    state = State(catalogue, selected, options, front.reporter if front else Reporter(), signer=signer, afterwards=afterwards)
    config.stash[STATE] = state
    return state


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> object:
    """The drive comes first: all stimuli are sent and all sources read before any test looks."""
    state = session.config.stash.get(STATE, None)
    if state is None or session.config.getoption("collectonly") or not any(i.nodeid in state.bound for i in session.items):
        return None
    if state.options.dry_run:
        _plan(session, state)
        return True  # no test runs: there is nothing to look at, so nothing to judge
    state.audit = Audit(state.options, state.catalogue, state.selected, state.reporter)
    journal = session.config.getoption("--journal")
    if not journal:
        state.signals.listen()
    try:
        state.audit.reopen(Path(journal)) if journal else state.audit.open()
    except (ProfileError, LaunchError, JournalError, ResumeError, AttestError, OSError) as exc:
        state.audit.stop()
        state.audit = None
        _refuse(session, exc)
    if not journal:
        state.audit.drive(_wanted(session, state, state.audit))
    _name_checks(state, state.audit)
    state.history = state.audit.history()
    state.reporter.phase("Checking controls", len(session.items))
    return None


def _name_checks(state: State, audit: Audit) -> None:
    """Journal which checks there are, whichever pytest was asked to run."""
    chosen = {c.id for c in state.selected}
    audit.record(ChecksKnown(tests={control: tests for control, tests in known_checks(resources.suites()).items() if control in chosen}))


def _wanted(session: pytest.Session, state: State, audit: Audit) -> list[Scenario]:
    """The scenarios of the selected controls that can be tested."""
    wanted: dict[str, Scenario] = {}
    for item in session.items:
        bound = state.bound.get(item.nodeid)
        if bound and audit.testable(bound.control.id) is None:
            wanted |= {s.name: s for s in (*bound.scenarios, *bound.watching)}
    return list(wanted.values())


def _refuse(session: pytest.Session, exc: Exception) -> NoReturn:
    """End the session before anything was sent."""
    front = session.config.pluginmanager.get_plugin("zdr-audit-front")
    if front:
        front.problem = str(exc)
    pytest.exit(str(exc), returncode=2)


def _plan(session: pytest.Session, state: State) -> None:
    from zdr_audit.run.plan import plan

    try:
        state.plan = plan(state.options, state.catalogue, state.selected, lambda audit: _wanted(session, state, audit))
    except ProfileError as exc:
        _refuse(session, exc)
    front = session.config.pluginmanager.get_plugin("zdr-audit-front")
    if front:
        front.plan = state.plan


@pytest.fixture
def expect(request: pytest.FixtureRequest) -> Expect:
    """The record of this test's scenarios, with the assertion helpers."""
    state = request.config.stash[STATE]
    bound = state.bound[request.node.nodeid]
    assert state.audit is not None and state.history is not None
    reason = state.audit.testable(bound.control.id)
    if reason:
        pytest.skip(f"{bound.control.id}: {reason}")
    return Expect(state.history, state.audit.profile, bound.control.id, bound.after, bound.epochs)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Run the check; a check that holds on a vacuous record is inconclusive, never a pass."""
    state = pyfuncitem.config.stash.get(STATE, None)
    bound = state.bound.get(pyfuncitem.nodeid) if state else None
    if state is None or bound is None or state.history is None:
        return (yield)
    try:
        result = yield
        judged = pyfuncitem.funcargs.get("expect")
        if not isinstance(judged, Expect) or not judged.weighed:
            raise Inconclusive("nothing in the record was held against this promise, so that it was not broken says nothing")
    except Violated as exc:
        _record(state, pyfuncitem, bound, "violated", str(exc), exc)
        raise
    except DoesNotApply as exc:
        _record(state, pyfuncitem, bound, "not_applicable", str(exc))
        pytest.skip(f"does not apply: {exc}")
    except Exception as exc:
        said = str(exc) if isinstance(exc, Inconclusive) else f"the check broke: {type(exc).__name__}: {exc}"
        _record(state, pyfuncitem, bound, "inconclusive", said)
        raise
    _record(state, pyfuncitem, bound, "holds", "")
    problems = examine(state.history, bound.control, bound.after, bound.epochs, bound.counting).problems
    if problems:
        raise Inconclusive("; ".join(problems[:3]))
    return result


def _record(state: State, item: pytest.Function, bound: Bound, outcome: str, message: str, violated: Violated | None = None) -> None:
    assert state.audit is not None
    title = item.originalname.removeprefix("test_").replace("_", " ")
    event = Checked.model_validate(
        {
            "nodeid": _nodeid(item),
            "control": bound.control.id,
            "title": title,
            "after": bound.after,
            "epochs": bound.epochs,
            "counting": bound.counting,
            "outcome": outcome,
            "message": message[:4000],
            "findings": violated.findings if violated else (),
        }
    )
    state.audit.record(event)
    state.checked.add(item.nodeid)


def _nodeid(item: pytest.Item) -> str:
    """The test's id below the suites folder, the same wherever the suites are installed."""
    return "suites/" + item.nodeid.split("suites/", 1)[-1]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    state = item.config.stash.get(STATE, None)
    bound = state.bound.get(item.nodeid) if state else None
    if state is not None and bound is not None:
        state.reporter.step(bound.control.id)
    result = yield
    if state is not None and bound is not None:
        state.reporter.done()
    return result


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    state = session.config.stash.get(STATE, None)
    if state is None or state.audit is None:
        return
    if exitstatus == pytest.ExitCode.INTERRUPTED and not state.audit.interrupted:
        state.audit.interrupted = state.signals.said or STOPPED  # while the checks ran
    with state.signals.ending():
        _finish(session, state, state.audit)


def _finish(session: pytest.Session, state: State, audit: Audit) -> None:
    try:
        if not audit.opened:
            return  # stopped before there was anything to report
        if not session.config.getoption("--journal"):
            audit.minimise()
        state.report = audit.close()
        written = write_all(state.report, state.options.report_dir, state.options.formats)
    finally:
        audit.stop()
    seal(state.report, state.options.report_dir, [JOURNAL, *(path.name for path in written)], state.signer)
    front = session.config.pluginmanager.get_plugin("zdr-audit-front")
    if front:
        front.report = state.report
    session.exitstatus = EXIT_STATUS[state.report.summary.status]
    difference, worse = state.afterwards.compared(state.report)
    if worse and session.exitstatus == 0:
        session.exitstatus = 1
    folder = state.options.report_dir
    state.said = [part for part in (difference, state.afterwards.stamped(folder), state.afterwards.signed(state.report, folder)) if part]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    state = config.stash.get(STATE, None)
    if state is not None and state.plan is not None:
        from zdr_audit.run.plan_text import show

        show(state.plan, Console(width=min(terminalreporter._tw.fullwidth, 120), highlight=False))
    if state is None or state.report is None:
        return
    terminalreporter.section("zdr-audit")
    Console(width=min(terminalreporter._tw.fullwidth, 120)).print(closing(state.report))
    console = Console(width=min(terminalreporter._tw.fullwidth, 120))
    for part in state.said:
        console.print(part, highlight=False, markup=False, soft_wrap=isinstance(part, str))
    terminalreporter.write_line(f"Report: {state.options.report_dir / 'report.html'}")
