"""Who of the provider takes a step of enablement is the profile's to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from inside import Lab

from zdr_audit.suite.assay import Assay
from zdr_audit.suite.party import NotOffered


def assay(lab: Lab, **by: str) -> Assay:
    """An assay whose profile gives these steps to others."""
    changed = {f"zdr.{name}": lab.profile.operations[f"zdr.{name}"].model_copy(update={"by": role}) for name, role in by.items()}
    lab.profile = lab.profile.model_copy(update={"operations": lab.profile.operations | changed})
    return lab.assay("enablement.disabling", 1, "quick")


def test_a_step_is_taken_by_the_role_that_the_profile_names(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = assay(lab, disable="operator")
        org = hands.enable(hands.fresh())
        tried = hands.act("disabled", org)
        assert (tried.interaction.actor, tried.interaction.operation, tried.interaction.step) == (
            "staff.operator",
            "zdr.disable",
            "act: disabled",
        )
        assert tried.interaction.labels["audit"] == "disabled"
        assert tried.interaction.outcome == "denied"  # here it is the reviewer's, whatever the profile says
        steps = {i.operation: i.actor for i in lab.history().interactions.values() if i.operation.startswith("zdr.")}
        assert steps == {
            "zdr.request": "staff.account_team",
            "zdr.approve": "staff.reviewer",
            "zdr.enable": "staff.reviewer",
            "zdr.disable": "staff.operator",
        }


def test_an_action_by_another_is_that_ones_and_names_the_request_it_is_about(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = assay(lab)
        org = hands.fresh()
        request = hands.act("requested", org).values["request"]
        tried = hands.act("approved", org, org.admin, request=request, labels={"turn": "2"}).interaction
        assert (tried.actor, tried.outcome) == (org.admin.key, "denied")
        assert tried.labels.items() >= {"audit": "approved", "asked": request, "turn": "2"}.items()


def test_a_step_that_a_customer_takes_is_not_the_providers(tmp_path: Path) -> None:
    with Lab(tmp_path) as lab:
        hands = assay(lab, enable="admin")
        with pytest.raises(NotOffered) as caught:
            hands.enable(hands.fresh())
        said = "the profile says that 'zdr.enable' is done by 'admin', which is no role of the provider (account_team, reviewer, operator, auditor)"
        assert str(caught.value) == said
