"""The machine where nothing may be changed, and what the model says of administration beside the way to ZDR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from engine_events import interaction
from inside import Lab

from zdr_audit.profile.load import load
from zdr_audit.profile.model import Permissions
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.histories.machine import Bounds, drive
from zdr_audit.suite.histories.model import Model
from zdr_audit.suite.histories.replay import histories, replay, script, story
from zdr_audit.suite.linear.workflow import Entry

FEW = Bounds(histories=3, steps=20, attempts=5, seconds=5)


def read_only(assay: Assay) -> Assay:
    return replace(assay, profile=assay.profile.model_copy(update={"permissions": Permissions()}))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("histories")) as lab:
        yield lab


def test_without_leave_to_change_the_target_the_machine_looks_asks_and_uses(lab: Lab) -> None:
    assay = read_only(lab.assay("enablement.many_histories", 3))
    drive(assay, FEW, changes=False)
    sent = lab.history().of([assay.scenario])
    changing = {name for name, spec in lab.profile.operations.items() if spec.changes}
    assert not [i.operation for i in sent if i.operation in changing]
    assert {i.labels.get("move") for i in sent} >= {"look", "ask", "use"}
    assert {i.organization for i in sent} == {"subject", "control"}
    standing = {assay.subject.id: True, assay.control.id: False}
    told = [replay(lab.profile, number, steps, standing) for number, steps in histories(sent).items()]
    assert len(told) >= FEW.histories
    assert not [one for one in told if one.problem or one.unknown]


def test_read_only_histories_still_see_a_target_that_departs(lab: Lab, tmp_path: Any) -> None:
    with Lab(tmp_path, "blk-404-instead-of-policy-error") as broken:
        assay = read_only(broken.assay("enablement.many_histories", 3))
        drive(assay, FEW, changes=False)
        standing = {assay.subject.id: True, assay.control.id: False}
        sent = histories(broken.history().of([assay.scenario]))
        failed = [t for number, steps in sent.items() if (t := replay(broken.profile, number, steps, standing)).problem]
        assert failed
        assert script(broken.profile, failed[0]).count("curl -s") == len(failed[0].steps) == len(story(failed[0]).splitlines())


def test_where_nothing_shorter_is_asked_for_the_first_history_that_departs_is_the_last(tmp_path: Any) -> None:
    with Lab(tmp_path, "blk-404-instead-of-policy-error") as broken:
        assay = replace(read_only(broken.assay("enablement.many_histories", 3)), shortens=False)
        drive(assay, FEW, changes=False)
        standing = {assay.subject.id: True, assay.control.id: False}
        sent = histories(broken.history().of([assay.scenario]))
        problems = [replay(broken.profile, number, steps, standing).problem for number, steps in sorted(sent.items())]
        assert [bool(problem) for problem in problems] == [*[False] * (len(problems) - 1), True]


def asked(move: str, outcome: str = "accepted", **more: Any) -> Any:
    return interaction(
        1, organization_id="org_a", outcome=outcome, status=200 if outcome == "accepted" else 403, labels={"move": move}, **more
    )


@pytest.fixture
def model() -> Model:
    made = Model(load("simulator", {}).profile)
    made.know("org_a", zdr=True)
    return made


def test_usage_under_zdr_shows_no_contribution(model: Model) -> None:
    assert model.take(asked("usage"), [{"requests": 3, "contribution": None}]) == ""
    assert "contribution" in model.take(asked("usage"), [{"requests": 3, "contribution": {"commits": 1}}])
    model.know("org_a", zdr=False)
    assert model.take(asked("usage"), [{"requests": 3, "contribution": {"commits": 1}}]) == ""


def test_usage_must_be_readable_and_what_the_operator_does_must_be_possible(model: Model) -> None:
    assert "readable" in model.take(asked("usage", "denied"))
    assert "must be possible" in model.take(asked("operate", "denied"))
    assert model.take(asked("operate")) == ""


def test_a_revoked_key_opens_nothing(model: Model) -> None:
    assert model.take(asked("revoked", "denied")) == ""
    assert "revoked" in model.take(asked("revoked"))


# -- refused attempts in the log ----------------------------------------------------------------------------------------------------


def of_a_log(born: bool = False, **changes: Any) -> Model:
    """A model of which the log must hold a request, a refused disabling by the admin, and an approval."""
    profile = load("simulator", {}).profile
    assert profile.audit_types is not None
    types = profile.audit_types.model_copy(update={"denied": changes.pop("denied", None)})
    made = Model(profile.model_copy(update={"audit_types": types, **changes}))
    made.know("org_a", zdr=False)
    made.organizations["org_a"].born_with_zdr = born
    made.organizations["org_a"].log.extend(
        [
            Entry("requested", "success", "account_team"),
            Entry("disabled", "refused", "admin"),
            Entry("approved", "success", "reviewer"),
        ]
    )
    return made


def rows(*listed: tuple[str, str, str]) -> list[dict[str, object]]:
    types = load("simulator", {}).profile.audit_types
    return [
        {"sequence": number, "type": getattr(types, kind, None) or kind, "outcome": outcome, "actor_role": role}
        for number, (kind, outcome, role) in enumerate(listed)
    ]


ASKED, TRIED, AGREED = ("requested", "success", "account_team"), ("access_denied", "refused", "admin"), ("approved", "success", "reviewer")
STRANGER = ("access_denied", "refused", "member")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ((ASKED, TRIED, AGREED), ""),
        ((ASKED, ("disabled", "refused", "admin"), AGREED), ""),
        ((STRANGER, ASKED, TRIED, STRANGER, ("disabled", "refused", "admin"), AGREED, TRIED), ""),
        ((ASKED, AGREED), "entry 2 of the audit log must be 'disabled' refused by admin, and is 'approved' success by reviewer"),
        ((ASKED, STRANGER, AGREED), "entry 3 of the audit log must be 'disabled' refused by admin, and is 'approved' success by reviewer"),
        ((ASKED, TRIED), "the audit log lacks 'approved' success by reviewer"),
        ((ASKED, TRIED, AGREED, AGREED), "the audit log has 'approved' success by reviewer, which did not happen"),
    ],
)
def test_entries_of_a_common_type_stand_for_refusals_or_for_what_the_model_knows_nothing_of(log: Any, said: str) -> None:
    assert of_a_log(denied="access_denied").take(asked("log"), rows(*log)) == said
    born = of_a_log(denied="access_denied", born=True).take(asked("log"), rows(("enabled", "success", "operator"), *log))
    assert bool(born) is bool(said)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ((ASKED, AGREED), ""),
        ((ASKED, ("disabled", "refused", "admin"), AGREED), ""),
        ((ASKED, ("disabled", "success", "admin"), AGREED), "entry 2 of the audit log must be 'approved' success by reviewer"),
        ((ASKED,), "the audit log lacks 'approved' success by reviewer"),
    ],
)
def test_where_refusals_are_not_logged_the_log_must_hold_what_was_done_alone(log: Any, said: str) -> None:
    found = of_a_log(absent={"audit.refused": "they go elsewhere"}).take(asked("log"), rows(*log))
    assert found.startswith(said)
    assert bool(found) is bool(said)
