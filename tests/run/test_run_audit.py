"""A run as a whole: what stops it before anything is sent, what interrupts it, and what its journal is good for afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests_mock
from paper_backend import BASE_URL, CONTROLS, Asked, PaperBackend, Reply, profile

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.select import select
from zdr_audit.journal.store import Journal
from zdr_audit.profile.load import ProfileError
from zdr_audit.report import json_report
from zdr_audit.run.audit import JOURNAL, Audit
from zdr_audit.run.launch import LaunchedSimulator, LaunchError
from zdr_audit.run.options import DEPTHS, Options, depth
from zdr_audit.run.progress import Reporter
from zdr_audit.suite.history import History
from zdr_audit.verdict.judge import judge


class Heard(Reporter):
    """Keeps the phases that were announced."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, name: str, total: int) -> None:
        self.phases.append(name)


def audit(folder: Path, environment: dict[str, str], base_url: str = BASE_URL, text: str = "") -> Audit:
    path = profile(folder)
    if text:
        path.write_text(path.read_text() + text)
    options = Options(target=str(path), base_url=base_url, report_dir=folder / "report", controls=CONTROLS, depth="quick")
    return Audit(options, load_catalogue(), select(load_catalogue(), CONTROLS), Heard(), environment)


@pytest.mark.parametrize(
    ("environment", "base_url", "words"),
    [
        ({}, "https://staging.example", "actors.subject.member.env: the environment variable ZDR_SIM_KEY_SUBJECT_MEMBER is not set"),
        ({"ZDR_SIM_KEY_SUBJECT_MEMBER": "key-subject"}, "https://staging.example", "actors.control.member.env: the environment variable"),
        (
            {"ZDR_SIM_KEY_OPERATOR": "bad key"},
            BASE_URL,
            "actors.staff.operator.env: the environment variable ZDR_SIM_KEY_OPERATOR holds no usable credential",
        ),
        ({}, "staging.example", "--base-url: should be http:// or https://"),
    ],
)
def test_nothing_is_sent_or_written_where_the_means_are_missing(tmp_path, environment, base_url, words):
    started = audit(tmp_path, environment, base_url)
    with requests_mock.Mocker() as mocker, pytest.raises(ProfileError) as caught:
        started.open()
    started.stop()
    assert str(caught.value).removeprefix(f"{tmp_path / 'paper.toml'}: ").startswith(words)
    assert mocker.call_count == 0
    assert not (tmp_path / "report").exists()


def test_sample_credentials_go_to_a_loopback_address_alone(tmp_path):
    keys = {f"ZDR_SIM_KEY_{o}_MEMBER": f"key-of-my-own-{o}" for o in ("SUBJECT", "CONTROL")}
    started = audit(tmp_path, keys, "https://staging.example")
    started.open()
    assert started.cast.keys() == {"subject.member", "control.member"}
    assert started.without_means["ZDR-ADM-06"] == "no credential for subject.admin, which 'settings.write' needs"
    started.stop()


def test_the_order_of_a_run_is_probe_stimuli_reading_settling_reading_probe(judged, tmp_path):
    found = judged()
    with Journal(tmp_path / "report" / JOURNAL, read_only=True) as journal:
        events = [type(e).__name__ for e in journal.events()]
    assert events[0] == "RunStarted"
    assert events[-1] == "RunEnded"
    order = [e for e in events if e in ("SanityProbed", "ScenarioEnded", "SourceRead", "Checked")]
    assert order == ["SanityProbed", *["ScenarioEnded"] * 5, "SourceRead", "SourceRead", "SanityProbed", *["Checked"] * 3]
    assert found.backend.asked[-1].path.endswith("/zdr"), "the last probe is the last request"


def test_a_run_stopped_by_the_user_is_incomplete_and_says_so(judged):
    count = 0

    def stop(_: Asked, __: Reply) -> None:
        nonlocal count
        count += 1
        if count == 12:
            raise KeyboardInterrupt

    found = judged(stop)
    assert found.status == 3
    assert "the run was interrupted: stopped by the user (Ctrl-C)" in found.report["summary"]["reasons"]
    assert set(found.verdicts().values()) == {"inconclusive"}
    assert len(found.backend.asked) == 12, "nothing more is sent"


def test_the_journal_alone_gives_the_same_report_again(judged, tmp_path):
    found = judged()
    with Journal(tmp_path / "report" / JOURNAL, read_only=True) as journal:
        again = json_report.render(judge(History(journal.events()), load_catalogue(), journal.head))
    assert again.encode() == found.written["report.json"]


def test_the_journal_of_an_earlier_run_is_not_added_to(judged, tmp_path):
    first, second = judged(), judged()
    assert first.report["run"]["id"] != second.report["run"]["id"]
    with Journal(tmp_path / "report" / JOURNAL, read_only=True) as journal:
        assert sum(type(e).__name__ == "RunStarted" for e in journal.events()) == 1


def test_canaries_are_new_in_every_run_though_the_seed_is_the_same(judged):
    def sent(found):
        bodies = [json.loads(a.body) for a in found.backend.asked if a.path == "/v1/messages"]
        return {json.dumps(body["messages"][-1]["content"]) for body in bodies}

    assert not sent(judged()) & sent(judged())


def test_a_table_of_the_profile_that_names_an_unknown_value_breaks_one_control_alone(tmp_path):
    started = audit(tmp_path, {})
    started.open()
    backend = PaperBackend(tmp_path)
    spec = started.profile.operations["settings.read"].model_copy(update={"path": "/api/{planet}/settings"})
    started.profile = started.profile.model_copy(update={"operations": started.profile.operations | {"settings.read": spec}})
    from suites.administration.scenarios import settings_are_changed

    with requests_mock.Mocker() as mocker:
        backend.mount(mocker)
        started.drive([settings_are_changed])
    history = started.history()
    started.stop()
    assert (
        history.scenarios[settings_are_changed.name].not_run
        == "operation 'settings.read' needs a value 'planet' that the run does not have"
    )
    assert [p.ok for p in history.sanity] == [True, True]


def test_a_probe_that_cannot_be_made_has_failed(tmp_path):
    started = audit(tmp_path, {})
    started.open()
    spec = started.profile.operations["messages.create"].model_copy(update={"path": "/v1/{planet}/messages"})
    started.profile = started.profile.model_copy(update={"operations": started.profile.operations | {"messages.create": spec}})
    with requests_mock.Mocker() as mocker:
        PaperBackend(tmp_path).mount(mocker)
        started.drive([])
    (probe,) = started.history().sanity
    started.stop()
    assert (probe.ok, probe.detail) == (
        False,
        "NotOffered: operation 'messages.create' needs a value 'planet' that the run does not have",
    )


# -- the launched simulator -----------------------------------------------------------------------------------------------------------


def test_a_simulator_that_does_not_start_says_why_in_one_line_and_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(LaunchError) as caught, LaunchedSimulator(["no-such-violation"]):
        pass
    assert str(caught.value).startswith("the reference simulator did not start: zdr-audit simulate: unknown violation 'no-such-violation'")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


# -- options --------------------------------------------------------------------------------------------------------------------------


def test_the_command_of_a_report_repeats_the_run():
    options = Options(
        target="my targets/a.toml", base_url="http://127.0.0.1:1", controls=("ZDR-RET-*", "ZDR-BLK-03"), depth="quick", seed=7
    )
    assert options.command() == (
        "zdr-audit run --target 'my targets/a.toml' --base-url http://127.0.0.1:1 --controls 'ZDR-RET-*,ZDR-BLK-03' --depth quick --seed 7"
    )


def test_a_depth_is_one_of_three():
    assert [depth(d) for d in DEPTHS] == ["quick", "standard", "thorough"]
    with pytest.raises(ValueError, match=r"^--depth deep: allowed are quick, standard, thorough$"):
        depth("deep")
