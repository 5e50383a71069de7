"""What the record says of the forms: which opened a blocked feature, and which mean anything at all."""

from __future__ import annotations

from dataclasses import dataclass

from zdr_audit.journal.events import Interaction
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.outcomes import Inconclusive, Violated, answer_finding, describe


@dataclass(frozen=True)
class Weighed:
    """The attempts of the subject by what they mean: `opened` had what the feature gives, `refused` works for the organization without ZDR and
    was refused, `idle` does not work there either and proves nothing, `silent` got no decision."""

    opened: tuple[Interaction, ...]
    refused: tuple[Interaction, ...]
    idle: tuple[Interaction, ...]
    silent: tuple[Interaction, ...]


def weigh(history: History, attempts: list[Interaction]) -> Weighed:
    """Sorts attempts. A 2xx is the feature's own where the feature's answer was read from it, or where the same 2xx is what the other
    organization got; a page that answers 200 to everything opens nothing. HEAD gives no more than the status."""
    opened, refused, idle, silent = [], [], [], []
    for item in attempts:
        other = history.counterpart(item)
        works = other is not None and (other.outcome == "accepted" or (other.served and other.method == "HEAD"))
        if item.outcome == "accepted" or (item.served and works):
            opened.append(item)
        elif not works:
            idle.append(item)
        elif item.outcome in ("no_answer", "rate_limited"):
            silent.append(item)
        else:
            refused.append(item)
    return Weighed(tuple(opened), tuple(refused), tuple(idle), tuple(silent))


def no_form_opens(expect: Expect, promise: str) -> None:
    """No form gave the subject what the feature gives. Raises Inconclusive where no form works without ZDR either, or one got no decision."""
    weighed = weigh(expect.history, [i for i in expect.some(organization="subject") if "form" in i.labels])
    if weighed.opened:
        said = "; ".join(f"{i.labels['form']} ({i.labels['feature']}): {describe(i)}" for i in weighed.opened[:5])
        raise Violated(f"{promise}, but: {said}", [answer_finding(i, f"{promise}: form {i.labels['form']}") for i in weighed.opened])
    if weighed.silent:
        raise Inconclusive(f"no decision from the target: {describe(weighed.silent[0])}")
    expect.weigh(len(weighed.refused))
    if not weighed.refused:
        raise Inconclusive("no form works for the organization without ZDR either, so no refusal means anything")


def no_state_opens(expect: Expect, promise: str) -> None:
    """In no state that something had put it into (label `state`) did an organization under ZDR get what a feature gives. A refusal that names the policy
    speaks for itself, any other where the control organization had the feature in the same state. Raises Inconclusive where there is no such refusal, or
    one attempt got no decision."""
    weighed = weigh(expect.history, [i for i in expect.some() if "state" in i.labels and i.organization != "control"])
    if weighed.opened:
        said = "; ".join(f"after {i.labels['state']} ({i.labels['feature']}): {describe(i)}" for i in weighed.opened[:5])
        raise Violated(f"{promise}, but: {said}", [answer_finding(i, f"{promise}: after {i.labels['state']}") for i in weighed.opened])
    if weighed.silent:
        raise Inconclusive(f"no decision from the target: {describe(weighed.silent[0])}")
    speaking = [i for i in weighed.idle if i.outcome == "refused_by_policy"]
    expect.weigh(len(weighed.refused) + len(speaking))
    if not weighed.refused and not speaking:
        raise Inconclusive(
            "in none of the states was a feature refused by policy, nor did one work without ZDR, so no refusal means anything"
        )
