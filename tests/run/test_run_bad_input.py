"""What is wrong with a profile or with its target is said in one line, and nothing is sent; where it shows only at run time, nothing passes on it."""

from __future__ import annotations

import os
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests_mock
from paper_backend import BASE_URL, CONTROLS, Asked, Reply, profile, said

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.select import select
from zdr_audit.cli import main
from zdr_audit.journal.store import Journal
from zdr_audit.profile.load import ProfileError, load
from zdr_audit.run.audit import JOURNAL, Audit
from zdr_audit.run.options import Options
from zdr_audit.run.progress import Reporter
from zdr_audit.suite.history import History

RETENTION, FEEDBACK, SETTINGS = CONTROLS
CONSENT = "I accept that this audit sends test traffic to production"

# What is replaced in the profile, by what, and the line that says what is wrong.
BEFORE: dict[str, tuple[str, str, str]] = {
    "unknown key": ("[target]\n", '[target]\nurl = "x"\n', "target.url: unknown key (allowed: base_url, "),
    "wrong type": ("timeout_seconds = 2", 'timeout_seconds = "soon"', "limits.timeout_seconds: should be a valid number"),
    "a number where a text belongs": ('platform = "anthropic"', "platform = 7", "target.platform: should be 'anthropic'"),
    "missing variable": (BASE_URL, "${NOT_SET_ANYWHERE}", "target.base_url: the environment variable NOT_SET_ANYWHERE is not set"),
    "one organization for both": (
        'id = "org_control"',
        'id = "org_subject"',
        "are the same organization: the control must be one without ZDR",
    ),
    "production without the words": (
        "[target]\n",
        "[target]\nproduction = true\n",
        f'production = true needs production_consent = "{CONSENT}"',
    ),
    "production with other words": (
        "[target]\n",
        '[target]\nproduction = true\nproduction_consent = "yes"\n',
        f'production = true needs production_consent = "{CONSENT}"',
    ),
    "a bound that is none": (
        "timeout_seconds = 2",
        "timeout_seconds = 2\nconcurrency = 0",
        "limits.concurrency: should be greater than or equal to 1",
    ),
    "cleaning up by nothing": (
        'cleanup = "hold.release"',
        'cleanup = "hold.forget"',
        "'hold.place' is cleaned up by 'hold.forget', which operations",
    ),
    "creating a secret": ('creates = "key_id"', 'creates = "key"', "'creates' names 'key', which must be in 'extract' and not in 'secret'"),
}


def changed(folder, old: str, new: str) -> str:
    path = profile(folder)
    text = path.read_text()
    if old == BASE_URL:
        text = re.sub(r'base_url = "[^"]+"', f'base_url = "{new}"', text)
    else:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("command", ["run", "plan", "doctor"])
@pytest.mark.parametrize("name", BEFORE)
def test_one_line_with_file_and_key_exit_2_and_nothing_is_sent(tmp_path, capfd, monkeypatch, name, command):
    monkeypatch.chdir(tmp_path)
    old, new, words = BEFORE[name]
    path = changed(tmp_path, old, new)
    with requests_mock.Mocker() as mocker, pytest.raises(SystemExit) as caught:
        main.main(args=[command, "--target", path], prog_name="zdr-audit")
    printed = capfd.readouterr()
    assert caught.value.code == 2
    assert (mocker.call_count, printed.out) == (0, "")
    (line,) = printed.err.strip().splitlines()
    assert line.startswith(f"zdr-audit: {path}: ")
    assert words in line
    assert not (tmp_path / "zdr-audit-report").exists()


# What shows only when the profile is put to use, but still before anything is sent.
IN_USE: dict[str, tuple[str, str, str]] = {
    "an authority that is not there": (
        "[limits]",
        '[tls]\nca = "/no/such/ca.pem"\n\n[limits]',
        "tls.ca: /no/such/ca.pem cannot be read: No such file or directory",
    ),
    "an authority that is none": ("[limits]", f'[tls]\nca = "{__file__}"\n\n[limits]', f"tls.ca: {__file__} holds no certificate in PEM"),
    "a proxy's variable that is not set": (
        "[target]\n",
        '[target]\nproxy_env = "NOT_SET_ANYWHERE"\n',
        "target.proxy_env: the environment variable NOT_SET_ANYWHERE is not set",
    ),
    "a credential's command that fails": (
        'member = { env = "ZDR_SIM_KEY_SUBJECT_MEMBER", sample = "sample-key-subject-member", email = "member@subject.example" }',
        f'member = {{ command = ["{sys.executable}", "-c", "raise SystemExit(4)"] }}',
        "actors.subject.member.command: ended with status 4",
    ),
    "a dialect that nobody offers": (
        'dialect = "anthropic-messages"',
        'dialect = "morse"',
        "target.dialect: no dialect 'morse' (known: ",
    ),
}


def opened(folder, path: str) -> tuple[str, int]:
    """What opening a run says, and how many requests went out."""
    options = Options(target=path, base_url=BASE_URL, report_dir=folder / "report", controls=CONTROLS)
    audit = Audit(options, load_catalogue(), select(load_catalogue(), CONTROLS), Reporter(), {})
    try:
        with requests_mock.Mocker() as mocker, pytest.raises(ProfileError) as caught:
            audit.open()
    finally:
        audit.stop()
    assert not (folder / "report").exists()
    return str(caught.value), mocker.call_count


@pytest.mark.parametrize("name", IN_USE)
def test_what_is_of_no_use_is_named_with_file_and_key_before_anything_is_sent(tmp_path, name):
    old, new, words = IN_USE[name]
    path = changed(tmp_path, old, new)
    said, requests = opened(tmp_path, path)
    assert said.startswith(f"{path}: {words}")
    assert (requests, "\n" in said) == (0, False)


# What stands in the place of the profile's one source, and the line that says why a run cannot read it.
UNREADABLE: dict[str, tuple[str, str]] = {
    "a folder above that is not there": (
        'kind = "files"\npath = "/no/such/folder/log"',
        "evidence.0.path: neither /no/such/folder/log nor the folder above it is there",
    ),
    "a path below a file": (
        f'kind = "sqlite"\npath = "{__file__}/store.db"',
        f"evidence.0.path: neither {__file__}/store.db nor the folder above it is there",
    ),
    "a program that is not there": (
        'kind = "command"\ncommand = ["no-such-program-anywhere"]',
        "evidence.0.command: there is no program 'no-such-program-anywhere' that can be run",
    ),
    "a program that measures and is not there": (
        f'kind = "command"\ncommand = ["{sys.executable}"]\nsize_command = ["no-such-program-anywhere"]',
        "evidence.0.size_command: there is no program 'no-such-program-anywhere' that can be run",
    ),
    "a variable that is not set": (
        'kind = "redis"\nurl_env = "NOT_SET_ANYWHERE"',
        "evidence.0.url_env: the environment variable NOT_SET_ANYWHERE is not set",
    ),
    "a server that is not there": ('kind = "redis"\nurl = "redis://127.0.0.1:1/0"', "evidence.0.url: the source 'log' cannot be reached: "),
    "a bucket that is not there": (
        'kind = "s3"\nurl = "s3://bucket/logs"\nendpoint = "http://127.0.0.1:1"',
        "evidence.0.url: the source 'log' cannot be reached: ",
    ),
    "a reader that nobody offers": ('kind = "extension"\nreader = "diary"', "evidence.0.reader: no installed package adds 'diary'"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_source_that_cannot_be_read_as_things_are_ends_the_run_before_anything_is_sent(tmp_path, name):
    place, words = UNREADABLE[name]
    path = changed(tmp_path, f'kind = "files"\nwhat = "log"\npath = "{tmp_path / "log"}"', f'what = "log"\n{place}')
    said, requests = opened(tmp_path, path)
    assert said.startswith(f"{path}: {words}")
    assert (requests, "\n" in said) == (0, False)


def test_the_command_says_it_in_one_line_and_exits_with_2(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place, words = UNREADABLE["a program that is not there"]
    path = changed(tmp_path, f'kind = "files"\nwhat = "log"\npath = "{tmp_path / "log"}"', f'what = "log"\n{place}')
    with requests_mock.Mocker() as mocker, pytest.raises(SystemExit) as caught:
        main.main(args=["run", "--target", path, "--base-url", BASE_URL], prog_name="zdr-audit")
    printed = capfd.readouterr()
    assert (caught.value.code, mocker.call_count, printed.out) == (2, 0, "")
    assert printed.err == f"zdr-audit: {path}: {words}\n"
    assert not (tmp_path / "zdr-audit-report").exists()


def test_a_source_that_the_run_may_make_by_itself_is_waited_for(judged, tmp_path, monkeypatch):
    """The folder is there, the log not yet."""

    def later(folder, **limits):
        path = profile(folder, **limits)
        path.write_text(path.read_text().replace(f'path = "{folder / "log"}"', f'path = "{folder / "log" / "app.log"}"'))
        return path

    monkeypatch.setitem(judged.__globals__, "profile", later)
    assert judged(controls=(RETENTION,)).verdicts()[RETENTION] == "pass"


def test_production_with_the_words_is_a_target_like_any_other(tmp_path):
    path = changed(tmp_path, "[target]\n", f'[target]\nproduction = true\nproduction_consent = "{CONSENT}"\n')
    assert load(path, {}).profile.target.production


def test_where_no_time_can_go_by_there_is_no_further_reading(audited, tmp_path, monkeypatch):
    def standing(folder, **limits):
        path = profile(folder, **limits)
        before, _, after = path.read_text().partition('[operations."clock.advance"]')
        path.write_text(before + after[after.index("\n[operations.") :])
        return path

    monkeypatch.setitem(audited.__globals__, "profile", standing)
    found = audited(controls=("ZDR-RET-15",))
    with Journal(tmp_path / "report" / JOURNAL, read_only=True) as journal:
        history = History(journal.events())
    (verdict,) = [control["verdict"] for control in found.report["controls"] if control["id"] == "ZDR-RET-15"]
    assert verdict == "pass"
    assert {read.epoch for read in history.reads} == {"main"} and not [i for i in history.interactions.values() if i.epoch == "late"]


def test_what_the_profile_does_not_allow_is_not_sent(judged, tmp_path, monkeypatch):
    """The backend would do it; the run does not ask."""
    original = profile

    def forbidding(folder, **limits):
        path = original(folder, **limits)
        path.write_text(re.sub(r"(?m)^allow = .*$", "allow = []", path.read_text()))
        return path

    monkeypatch.setitem(judged.__globals__, "profile", forbidding)
    found = judged()
    assert {a.path for a in found.backend.asked if a.method != "GET"} == {
        "/v1/messages",
        "/api/claude_cli_feedback",
        "/api/claude_code_shared_session_transcripts",
    }
    assert found.verdicts() == {RETENTION: "pass", FEEDBACK: "pass", SETTINGS: "not_tested"}
    assert found.control(SETTINGS)["reason"] == "the profile's permissions do not allow 'settings.write'"


# -- what shows at run time ---------------------------------------------------------------------------------------------------------


def zdr(subject: str, control: str):
    def spoil(asked: Asked, _: Reply) -> Reply | None:
        if not asked.path.endswith("/zdr"):
            return None
        status = subject if asked.subject else control
        return said({"status": status, "covers": [], "not_covered": [], "platforms_covered": [], "platforms_not_covered": []})

    return spoil


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (("disabled", "disabled"), "the subject organization org_subject has ZDR status 'disabled', the profile needs it on"),
        (("enabled", "enabled"), "the control organization org_control has ZDR status 'enabled', the profile needs it off"),
    ],
)
def test_an_organization_with_the_wrong_status_makes_all_inconclusive(judged, statuses, words):
    found = judged(zdr(*statuses))
    assert (found.status, found.verdicts()) == (3, dict.fromkeys(CONTROLS, "inconclusive"))
    assert found.report["summary"]["reasons"][0] == f"the sanity probe first failed: {words}"
    assert len(found.backend.asked) <= 5, "no stimulus is sent"


def dated(offset: timedelta):
    def spoil(_: Asked, reply: Reply) -> Reply:
        return Reply(reply.status, reply.body, reply.headers | {"date": format_datetime(datetime.now(UTC) + offset, usegmt=True)})

    return spoil


@pytest.mark.parametrize(("offset", "words"), [(timedelta(hours=2), "ahead"), (timedelta(hours=-2), "behind")])
def test_a_clock_that_is_off_makes_all_inconclusive(judged, offset, words):
    found = judged(dated(offset))
    assert found.status == 3
    assert re.fullmatch(
        rf"the sanity probe first failed: the target's clock is 7(19|20)\d s {words} \(Date header\), the tolerance is 60 s",
        found.report["summary"]["reasons"][0],
    )


def test_a_clock_within_the_tolerance_is_no_matter(judged):
    assert judged(dated(timedelta(seconds=20))).status == 0


def test_a_date_that_is_none_is_no_matter(judged):
    assert judged(lambda _, reply: Reply(reply.status, reply.body, reply.headers | {"date": "soon"})).status == 0


def test_evidence_older_than_the_run_proves_nothing_and_says_why(judged, tmp_path):
    """A copy of last week in the place of the log."""

    def elsewhere(asked: Asked, _: Reply) -> None:
        log = tmp_path / "log"
        for file in log.iterdir():
            file.unlink()
        (log / "app.log").write_text("last week")
        os.utime(log / "app.log", (time.time() - 7 * 86400,) * 2)

    found = judged(elsewhere, controls=(RETENTION,))
    assert (found.status, found.verdicts()[RETENTION]) == (3, "inconclusive")
    assert re.search(
        r"the source log is older than the run: it was last written at \S+Z, the run began at \S+Z", found.control(RETENTION)["reason"]
    )


def test_an_empty_evidence_folder_proves_nothing(judged, tmp_path):
    def nothing(*_: object) -> None:
        for file in (tmp_path / "log").iterdir():
            file.unlink()

    found = judged(nothing, controls=(RETENTION,))
    assert found.verdicts()[RETENTION] == "inconclusive"
    assert "the source log is empty" in found.control(RETENTION)["reason"]


def test_a_source_that_is_not_there_proves_nothing(judged, tmp_path):
    def away(*_: object) -> None:
        if (tmp_path / "log").exists():
            (tmp_path / "log").rename(tmp_path / "moved")

    found = judged(away, controls=(RETENTION,))
    assert found.verdicts()[RETENTION] == "inconclusive"
    assert "the source log could not be read" in found.control(RETENTION)["reason"]


# -- budgets ------------------------------------------------------------------------------------------------------------------------


def test_a_spent_request_budget_ends_the_run_cleanly(judged):
    found = judged(max_requests=30)
    assert len(found.backend.asked) <= 30
    assert found.status == 3
    assert "the run was interrupted: the budget of 30 requests (limits.max_requests) is spent" in found.report["summary"]["reasons"]
    spent = [c for c in CONTROLS if "the budget of 30 requests (limits.max_requests) is spent" in found.control(c)["reason"]]
    assert spent, "what was cut short says so"
    assert [p["when"] for p in found.report["sanity"]] == ["first", "last"], "the end of the run was kept back for"
    assert all(p["ok"] for p in found.report["sanity"])


def test_what_came_to_its_end_before_the_budget_was_spent_is_judged(judged):
    found = judged(max_requests=40, controls=(RETENTION, SETTINGS))
    verdicts = found.verdicts()
    assert sorted(verdicts[c] for c in (RETENTION, SETTINGS)) == ["inconclusive", "pass"]


def test_a_spent_token_budget_ends_the_run_cleanly(judged):
    found = judged(max_tokens=40_000, controls=(RETENTION,))
    assert found.status in (0, 3)
    tight = judged(max_tokens=700, controls=(RETENTION,))
    assert (tight.status, tight.verdicts()[RETENTION]) == (3, "inconclusive")
