"""Bad usage: exit status 2, one line on standard error that says what is allowed, and nothing is sent or written."""

from __future__ import annotations

import pytest
import requests_mock

from zdr_audit.profile.load import shipped

RUN = ("run", "--target", "simulator")
SEE = "See 'zdr-audit run --help'."

CASES = {
    "unknown target": (
        ("run", "--target", "simulatr"),
        f"--target simulatr: neither a shipped profile ({', '.join(shipped())}) nor a file; did you mean 'simulator'?",
    ),
    "no such file": (("run", "--target", "mine.toml"), "mine.toml: no such profile file"),
    "no target": (("run",), f"Missing option '--target'. {SEE}"),
    "unknown control": ((*RUN, "--controls", "ZDR-XYZ-*"), "no control matches 'ZDR-XYZ-*'; close matches: "),
    "unknown control of a plan": (("plan", *RUN[1:], "--controls", "ZDR-XYZ-*"), "no control matches 'ZDR-XYZ-*'; close matches: "),
    "baseline of a dry run": ((*RUN, "--dry-run", "--baseline", "."), "report.json: cannot be read: No such file or directory"),
    "unknown control in a list": ((*RUN, "--controls", "ZDR-RET-01,ZDR-RET-99"), "no control matches 'ZDR-RET-99'; close matches: "),
    "empty selection": (
        (*RUN, "--controls", ","),
        "the control selection is empty: give an id such as ZDR-RET-01 or a pattern such as ZDR-RET-*",
    ),
    "bad depth": ((*RUN, "--depth", "deep"), f"Invalid value for '--depth': 'deep' is not one of 'quick', 'standard', 'thorough'. {SEE}"),
    "bad seed": ((*RUN, "--seed", "x"), f"Invalid value for '--seed': 'x' is not a valid integer. {SEE}"),
    "unknown option": ((*RUN, "--dept", "quick"), "No such option '--dept'"),
    "stray argument": ((*RUN, "stray"), f"Got unexpected extra argument (stray) {SEE}"),
    "report folder is a file": ((*RUN, "--report-dir", "file.txt"), "Invalid value for '--report-dir': "),
    "missing variable": (
        (*RUN, "--base-url", "https://staging.example"),
        f"{shipped()['simulator']}: actors.subject.member.env: the environment variable ZDR_SIM_KEY_SUBJECT_MEMBER is not set",
    ),
    "bad base URL": (
        (*RUN, "--base-url", "staging.example"),
        "--base-url: should be http:// or https://, a host, perhaps a port and a path, without user or query, found 'staging.example'",
    ),
    "credential in the base URL": (
        (*RUN, "--base-url", "https://user:hunter22@staging.example"),
        "--base-url: should be http:// or https://, a host, perhaps a port and a path, without user or query",
    ),
    "the same base URL twice": (
        (*RUN, "--base-url", "http://127.0.0.1:1", "--base-url", "http://127.0.0.1:1"),
        "--base-url: the node http://127.0.0.1:1 is there twice",
    ),
    "bad base URL of a node": (
        (*RUN, "--base-url", "http://127.0.0.1:1", "--base-url", "ftp://h"),
        "--base-url: should be http:// or https://, a host, perhaps a port and a path, without user or query, found 'ftp://h'",
    ),
    "violation of another's target": (
        (*RUN, "--base-url", "http://127.0.0.1:1", "--violation", "ret-x"),
        "--violation goes with the simulator that this command starts; with --base-url start it yourself: zdr-audit simulate --violation ID",
    ),
    "unknown violation": (
        (*RUN, "--violation", "ret-digest-of-prompt"),
        "--violation ret-digest-of-prompt: there is none of that name; did you mean ret-digest-of-prompts",
    ),
    "unknown violation in a plan": (
        (*RUN, "--dry-run", "--violation", "qqq"),
        "--violation qqq: there is none of that name ('zdr-audit violations' lists all ",
    ),
    "a violation given as a variant": (
        (*RUN, "--violation", "ret-digest-of-prompts", "--variant", "ret-digest-of-prompts"),
        "--variant ret-digest-of-prompts: there is none of that name",
    ),
    "unknown command": (("audit",), "No such command 'audit'. See 'zdr-audit --help'."),
    "unknown control to show": (("controls", "ZDR-RET-99"), "no control matches 'ZDR-RET-99'; close matches: "),
    "unknown family": (("controls", "--family", "XYZ"), "--family XYZ: allowed are RET, EXC, SCP, BLK, ENB, AUD, ADM, CON"),
    "simulator on a bad port": (("simulate", "--port", "70000"), "Invalid value for '--port': 70000 is not in the range 0<=x<=65535."),
}


@pytest.mark.parametrize("name", CASES)
def test_one_line_says_what_is_wrong_and_nothing_is_sent(zdr_audit, tmp_path, name):
    arguments, words = CASES[name]
    (tmp_path / "file.txt").write_text("a file")
    with requests_mock.Mocker() as mocker:
        said = zdr_audit(*arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"zdr-audit: {words}")
    assert said.err.count("\n") == 1
    assert said.err.endswith("\n")
    assert "hunter22" not in said.err
    assert mocker.call_count == 0
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[limits]", "[limit]", "limit: unknown key; did you mean 'limits'?"),
        ("schema = 1", "schema =", "not valid TOML: Invalid value (at line"),
        ('platform = "gateway"', 'platform = "cloud"', "target.platform: should be 'anthropic', 'gateway', "),
    ],
)
def test_a_bad_profile_is_named_with_its_key_or_line(zdr_audit, tmp_path, old, new, words):
    zdr_audit("init", "mine.toml")
    text = (tmp_path / "mine.toml").read_text()
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new, 1))
    said = zdr_audit("run", "--target", "mine.toml")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith(f"zdr-audit: mine.toml: {words}")


def test_a_credential_that_cannot_be_sent_is_not_repeated(zdr_audit, monkeypatch):
    monkeypatch.setenv("ZDR_SIM_KEY_SUBJECT_MEMBER", "hunter22 with a space")
    said = zdr_audit(*RUN, "--base-url", "http://127.0.0.1:1")
    words = (
        "the environment variable ZDR_SIM_KEY_SUBJECT_MEMBER holds no usable credential: 8 or more printable ASCII characters, no spaces"
    )
    assert (said.status, said.err) == (2, f"zdr-audit: {shipped()['simulator']}: actors.subject.member.env: {words}\n")


def test_a_report_folder_that_cannot_be_made_is_named(zdr_audit, tmp_path):
    (tmp_path / "file.txt").write_text("a file")
    (tmp_path / "zdr-simulator-data").mkdir()
    with requests_mock.Mocker() as mocker:
        said = zdr_audit(*RUN, "--base-url", "http://127.0.0.1:1", "--report-dir", "file.txt/report")
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert "file.txt" in said.err
    assert mocker.call_count == 0
