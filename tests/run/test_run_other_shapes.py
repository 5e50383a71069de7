"""A backend whose requests for ZDR are approved at once, that tells limits in a shape of its own and reads sessions out of bodies, is judged as any other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import reshaped_simulator
from reshaped_simulator import profile

from zdr_audit.profile.load import ProfileError, load
from zdr_audit.run.cli_run import run_suites

WAYS = "at-once+limits+body-sessions"
ON_THE_WAY = "ZDR-ENB-01,ZDR-ENB-02,ZDR-ENB-03,ZDR-ENB-09,ZDR-ENB-12,ZDR-AUD-01,ZDR-AUD-02,ZDR-AUD-10"
Audited = Callable[[str, str], dict[str, str]]


@contextmanager
def _opened(folder: Path, ways: str) -> Iterator[str]:
    """The address of such a simulator, a process of its own."""
    words = [sys.executable, reshaped_simulator.__file__, ways, "--port", "0", "--data-dir", str(folder / "data"), "--operator"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["base_url"]
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Audited]:
    """The verdicts on such a simulator."""
    with ExitStack() as stack:

        def run(ways: str, controls: str) -> dict[str, str]:
            base_url = stack.enter_context(_opened(tmp_path, ways))
            monkeypatch.setenv("ZDR_SIM_DATA", str(tmp_path / "data"))
            monkeypatch.chdir(tmp_path)
            report = tmp_path / "report"
            told = str(profile(tmp_path, ways, base_url))
            run_suites(["--target", told, "--report-dir", str(report), "--depth", "quick", "--controls", controls], report)
            found = json.loads((report / "report.json").read_text(encoding="utf-8"))["controls"]
            return {c["id"]: c["verdict"] for c in found if c["reason"] != "not selected for this run"}

        yield run


@pytest.mark.parametrize("ways", [WAYS, f"{WAYS}+two-entries"], ids=["one entry for both", "one entry each"])
def test_enablement_without_a_review_of_its_own_is_judged(audited: Audited, ways: str) -> None:
    controls = f"{ON_THE_WAY},ZDR-BLK-13,ZDR-EXC-04"
    assert audited(ways, controls) == dict.fromkeys(controls.split(","), "pass")


@pytest.mark.parametrize(
    ("ways", "control", "verdict"),
    [
        ("at-once+enables-at-once", "ZDR-ENB-01", "fail"),
        ("at-once+used-again", "ZDR-ENB-03", "fail"),
        ("limits+wrong-limits", "ZDR-BLK-13", "fail"),
        ("limits+strange-limits", "ZDR-BLK-13", "inconclusive"),
    ],
)
def test_a_broken_promise_is_found_in_other_shapes_too(audited: Audited, ways: str, control: str, verdict: str) -> None:
    assert audited(ways, control) == {control: verdict}


def test_a_session_whose_place_the_profile_does_not_give_shows_nothing(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reshaped_simulator.PROFILE, "body-sessions", ("", ""))
    assert audited("body-sessions", "ZDR-EXC-04") == {"ZDR-EXC-04": "inconclusive"}, "what is flagged is not kept: nobody named its session"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            '[operations."zdr.enable"]',
            '[operations."zdr.reject"]\nmethod = "POST"\npath = "/no"\n\n[operations."zdr.enable"]',
            "operations.zdr.request does 'zdr.approve' also, so there is nothing that 'zdr.reject' could reject",
        ),
        (
            'also = ["zdr.approve"]',
            'also = ["zdr.approve", "zdr.enable"]',
            "operations.zdr.request: 'also' names 'zdr.enable'; this operation can also do 'zdr.approve' alone",
        ),
        (
            'also = ["zdr.approve"]',
            "",
            None,
        ),
    ],
)
def test_what_cannot_be_with_requests_that_are_approved_at_once(tmp_path: Path, old: str, new: str, words: str | None) -> None:
    path = profile(tmp_path, WAYS)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    if words is None:
        assert not load(str(path), {}).profile.approved_at_once
        return
    with pytest.raises(ProfileError) as caught:
        load(str(path), {})
    assert str(caught.value) == f"{path}: profile: {words}"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("approved", 'audit_types.approved is missing; it may be where the request is approved at once (also = ["zdr.approve"])'),
        ("rejected", "audit_types.rejected is missing; it may be where nothing is rejected (no operation 'zdr.reject')"),
    ],
)
def test_a_step_that_there_is_has_a_type_in_the_log(tmp_path: Path, kind: str, words: str) -> None:
    path = profile(tmp_path, "")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f'{kind} = "org_claude_code_zero_data_retention_{kind}"\n', ""), encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load(str(path), {})
    assert str(caught.value) == f"{path}: profile: {words}"
