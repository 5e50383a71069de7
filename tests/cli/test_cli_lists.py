"""What the command line lists: controls, violations, a starter profile."""

from __future__ import annotations

import re

import pytest

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.model import Family
from zdr_audit.profile.credentials import required
from zdr_audit.profile.load import load
from zdr_audit.violations import load_violations

CATALOGUE = load_catalogue()
IDS = re.compile(r"^ZDR-[A-Z]{3}-\d\d", re.MULTILINE)


def flat(text: str) -> str:
    """A text without the line breaks that the width of the terminal made."""
    return " ".join(text.split())


def test_all_controls_are_listed_in_report_order(zdr_audit):
    said = zdr_audit("controls")
    assert (said.status, said.err) == (0, "")
    assert IDS.findall(said.out) == [c.id for c in CATALOGUE.controls]
    for control in CATALOGUE.controls:
        assert control.title.split()[0] in said.out


@pytest.mark.parametrize("family", Family)
def test_one_family_can_be_listed(zdr_audit, family):
    wanted = [c.id for c in CATALOGUE.controls if c.family is family]
    assert IDS.findall(zdr_audit("controls", "--family", family.value).out) == wanted
    assert IDS.findall(zdr_audit("controls", "--family", family.value.lower()).out) == wanted


def test_a_pattern_lists_what_it_matches(zdr_audit):
    wanted = [c.id for c in CATALOGUE.controls if c.id.startswith("ZDR-RET-0")]
    assert IDS.findall(zdr_audit("controls", "ZDR-RET-0*").out) == wanted


@pytest.mark.parametrize("control", CATALOGUE.controls, ids=lambda c: c.id)
def test_a_control_is_shown_whole(zdr_audit, control):
    said = zdr_audit("controls", control.id)
    assert said.status == 0
    shown = flat(said.out)
    for text in (
        control.id,
        control.title,
        control.statement,
        control.remediation,
        control.severity.value,
        *control.policy,
        *control.requires,
    ):
        assert flat(text) in shown
    assert f"Minimum accepted: {control.minimum_accepted}" in shown
    for clauses in CATALOGUE.clauses_of(control.id).values():
        assert ", ".join(clauses) in shown


def test_every_violation_is_listed_with_the_controls_that_catch_it(zdr_audit):
    said = zdr_audit("violations")
    assert (said.status, said.err) == (0, "")
    for violation in load_violations():
        assert violation.id in said.out
        assert set(violation.controls) <= {c.id for c in CATALOGUE.controls}
        assert all(control in said.out for control in violation.controls)


# -- init -------------------------------------------------------------------------------------------------------------------------------


def test_the_starter_profile_loads_once_its_variables_are_set(zdr_audit, tmp_path):
    said = zdr_audit("init")
    assert said.status == 0
    assert said.out.startswith("Wrote zdr-target.toml. ")
    loaded = load(str(tmp_path / "zdr-target.toml"), {})
    names = {actor.env for roles in loaded.profile.actors.values() for actor in roles.values()}
    assert names
    required(loaded.profile, dict.fromkeys(names, "a-key-of-my-own"))


def test_the_starter_profile_says_in_words_what_to_fill_in(zdr_audit, tmp_path):
    zdr_audit("init", "mine.toml")
    text = (tmp_path / "mine.toml").read_text(encoding="utf-8")
    assert text.startswith("#")
    for table in ("target", "limits", "organizations", "actors.subject", "actors.control", "permissions", "evidence", "absent"):
        assert f"[{table}]" in text


def test_a_run_with_the_starter_profile_names_the_first_variable_that_is_missing(zdr_audit, tmp_path):
    zdr_audit("init", "mine.toml")
    name = load(str(tmp_path / "mine.toml"), {}).profile.actors["subject"]["member"].env
    said = zdr_audit("run", "--target", "mine.toml")
    assert (said.status, said.err, said.out) == (
        2,
        f"zdr-audit: mine.toml: actors.subject.member.env: the environment variable {name} is not set\n",
        "",
    )
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"], "and writes nothing"


def test_a_file_that_exists_is_overwritten_only_by_force(zdr_audit, tmp_path):
    (tmp_path / "mine.toml").write_text("mine")
    said = zdr_audit("init", "mine.toml")
    assert (said.status, said.err) == (2, "zdr-audit: mine.toml exists; --force overwrites it\n")
    assert (tmp_path / "mine.toml").read_text() == "mine"
    assert zdr_audit("init", "mine.toml", "--force").status == 0
    assert "[target]" in (tmp_path / "mine.toml").read_text()


def test_a_folder_that_is_not_there_is_named(zdr_audit):
    said = zdr_audit("init", "nowhere/mine.toml")
    assert (said.status, said.err) == (2, "zdr-audit: nowhere/mine.toml: cannot be written: No such file or directory\n")


def test_only_those_violations_and_variants_are_listed_that_are_asked_for(zdr_audit):
    wanted = [v.id for v in load_violations() if v.id.startswith("ret-redis-")]
    said = zdr_audit("violations", "--only", "ret-redis-*")
    assert (said.status, re.findall(r"^ret-\S+", said.out, re.MULTILINE)) == (0, wanted)
    assert re.findall(r"^ben-\S+", zdr_audit("violations", "--benign", "--only", "ben-asks-to-wait").out, re.MULTILINE) == [
        "ben-asks-to-wait"
    ]
    said = zdr_audit("violations", "--only", "rett-*")
    assert (said.status, said.err) == (
        2,
        "zdr-audit: --only selects nothing by 'rett-*'; it is given whole ids or patterns such as 'ret-*'\n",
    )
