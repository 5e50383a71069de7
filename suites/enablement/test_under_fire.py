"""Whatever goes on meanwhile: from the enabling answer on, every request is under ZDR, on every node; and moving an organization leaves no gap."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import Inconclusive
from zdr_audit.suite.switching import by_promise, switchings

from . import under_fire as after


@control("ZDR-ENB-10", after=after.switching_under_fire)
def test_switching_takes_effect_on_every_node_under_traffic(expect: Expect) -> None:
    switches = switchings(expect.interactions)
    asked = by_promise(expect.some(step="ask"), switches)
    used = by_promise(expect.some(step="use"), switches)
    expect.kept_nowhere(asked["zdr"], promise="from the enabling answer on, nothing must be kept, whichever node is asked")
    if not any(i.outcome == "accepted" for i in used["standard"]):
        raise Inconclusive("the feature did not work while ZDR was off, so that refusing it while it is on means nothing")
    expect.not_served(used["zdr"], "from the enabling answer on, features that need storage must be refused, whichever node is asked")
    expect.decided([*asked["either"], *used["either"]], "a request in flight must be answered under the one state or the other")


@control("ZDR-ENB-11", after=after.migration_under_fire)
def test_migration_under_traffic_leaves_no_gap_and_one_story(expect: Expect) -> None:
    expect.kept_nowhere(
        expect.some(step="ask"), promise="nothing must be kept before, during and after the migration, whichever node is asked"
    )
    expect.presupposes(expect.some(step="use without ZDR"), "the feature must work without ZDR, so that refusing it means something")
    expect.not_served(expect.some(step="use"), "features that need storage must be refused before, during and after the migration")
    if expect.where(step="administration"):
        expect.served(
            expect.some(step="administration"), "after the migration the administrative capabilities must be there, for both keys"
        )
    told = [expect.some(step=f"read the log with the {key} key") for key in ("old", "new")]
    expect.served([*told[0], *told[1]], "the audit log must be readable with a key from before and with one from after the migration")
    expect.same_story(*told, promise="a key from before and one from after the migration must be told the same in the audit log")
