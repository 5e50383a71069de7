"""Organizations in which enablement was tried, and whose audit log is read at the very end alone."""

from __future__ import annotations

from zdr_audit.journal.events import Interaction
from zdr_audit.profile.model import STAFF
from zdr_audit.suite.assay import ACTIONS
from zdr_audit.suite.audit_history import Story, actions_of
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.log_entries import oldest_first
from zdr_audit.suite.marks import Scenario
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, listed, read_to_the_end

KINDS = {operation: kind for kind, operation in ACTIONS.items()}


def stories_read_at_last(expect: Expect, *tried_in: Scenario) -> list[Story]:
    """One story for each organization that these scenarios acted on and whose log was read when all was over. Told are the actions of its own people and of
    the provider: where the attempt of a stranger is logged is nowhere said, so that entries of these are left out by their reference. Raises DoesNotApply,
    or Inconclusive where an action was not answered."""
    types = expect.audit_types
    if types is None:
        raise Inconclusive("the profile does not say how the audit log names these actions (audit_types)")
    if "reference" not in expect.profile.operations["audit.list"].fields:
        raise DoesNotApply("entries name no reference, so that those of strangers cannot be told from the others")
    read = expect.where(step="read again", operation="audit.list")
    stories = []
    for about in dict.fromkeys(page.labels["about"] for page in read):
        acted = _tried(expect, about, {item.name for item in tried_in})
        if not acted:
            continue
        pages = [page for page in read if page.labels["about"] == about]
        expect.served(pages, "an organization's admin must be able to read its audit log")
        read_to_the_end(pages)
        expect.dealt_with(acted)
        strangers = {item.labels.get("marker") for item in acted if not _is_at_home(item, about)}
        # Whoever gave no reference cannot be told from the others by it: of what was refused nothing can be said then, and of what was done all.
        refusals = expect.profile.logs_refusals and None not in strangers
        strangers.discard(None)
        own = [item for item in acted if _is_at_home(item, about)]
        actions = tuple(action for item in own for action in actions_of(item, KINDS[item.operation], types, expect.profile.further_entry))
        entries = oldest_first(tuple(entry for entry in listed(pages) if entry.get("reference") not in strangers))
        stories.append(Story(about, actions, pages[0], entries, types, refusals).where_it_was_known())
    if stories:
        return stories
    if forgotten := [item.name for item in tried_in if _is_forgotten(expect, item.name, {page.labels["about"] for page in read})]:
        raise DoesNotApply(f"no log of {', '.join(forgotten)} was read at the end: the run was broken off in between")
    raise DoesNotApply("the log of no organization in which enablement was tried was left to be read at the end")


def _tried(expect: Expect, about: str, scenarios: set[str]) -> list[Interaction]:
    """Every enablement action of these scenarios that was about the organization; of one that was put off, the last attempt."""
    return [i for i in expect.history.of(sorted(scenarios)) if i.operation in KINDS and i.labels.get("about") == about]


def _is_forgotten(expect: Expect, scenario: str, read: set[str]) -> bool:
    """Whether a process that was broken off had the logs of this scenario to read, and the one that went on knew nothing of them. Of one scenario either all
    that it left were read or none; that there are others beside, which it did not leave, says nothing."""
    tried = {i.labels.get("about") for i in expect.history.of([scenario]) if i.operation in KINDS}
    return bool(tried) and not tried & read and expect.history.broken_off_between(scenario, *expect.after)


def _is_at_home(item: Interaction, about: str) -> bool:
    return item.role in STAFF or item.organization_id == about
