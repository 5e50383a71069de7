"""Assertion helpers: they build the message (what was promised, what was seen, where, how to reproduce) so that tests read like their control."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from zdr_audit.journal.events import Epoch, FindingSeen, Interaction
from zdr_audit.profile.model import Profile
from zdr_audit.suite.history import History, Seen
from zdr_audit.suite.outcomes import DoesNotApply, Inconclusive, Violated, answer_finding, describe, listed, read_to_the_end, wording
from zdr_audit.verdict.growth import bounds as growth_bounds
from zdr_audit.verdict.growth import never_moves, shrinks

if TYPE_CHECKING:
    from zdr_audit.suite.marks import Scenario


def _told(places: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{kind} in {source}" for source, kind in sorted(places)) or "nothing"


class Expect:
    """Bound to the record of one test: the interactions of its scenarios, and the readings of its epochs."""

    def __init__(self, history: History, profile: Profile, control: str, after: tuple[str, ...], epochs: tuple[Epoch, ...]) -> None:
        self.history = history
        self.profile = profile
        self.audit_types = profile.audit_types
        self.control = control
        self.epochs = epochs
        self.after = after
        self.interactions = history.of(after)
        self.earlier = history.earlier(after)
        self.weighed = 0
        """How many answers, canaries, stores or orders were held against a promise so far. A check that ends with none has judged nothing."""

    def weigh(self, count: int = 1) -> None:
        """So many more were held against a promise; for assertions that are no method of this class."""
        self.weighed += count

    def about(self, *scenarios: Scenario) -> None:
        """What the check is about: where the target has none of it, or the profile no means, the check does not apply. Raises DoesNotApply."""
        ended = [self.history.scenarios.get(item.name) for item in scenarios]
        if all(item is not None and item.absent for item in ended):
            raise DoesNotApply("; ".join(item.not_run or "" for item in ended if item is not None))

    # -- choosing -------------------------------------------------------------------------------------------------------------------

    def where(self, **wanted: str | bool) -> list[Interaction]:
        """Interactions whose fields or labels have these values, e.g. `organization="subject", step="submit"`."""

        def fits(item: Interaction) -> bool:
            return all(getattr(item, k) == v if k in Interaction.model_fields else item.labels.get(k) == v for k, v in wanted.items())

        return [item for item in self.interactions if fits(item)]

    def one(self, **wanted: str | bool) -> Interaction:
        """The only interaction that fits. Raises Inconclusive where there is none or more than one."""
        found = self.where(**wanted)
        if len(found) != 1:
            raise Inconclusive(f"expected one interaction with {wanted}, the record has {len(found)}")
        return found[0]

    def whole(self, **wanted: str | bool) -> Interaction:
        """A list that was read once, with the items of all its pages. Raises Inconclusive where it was not read, not to its end, or more than once."""
        pages = self.some(**wanted)
        first = pages[0]
        if any((i.operation, i.actor, i.scenario) != (first.operation, first.actor, first.scenario) for i in pages):
            raise Inconclusive(f"expected one list with {wanted}, the record has more")
        read_to_the_end(pages)
        if len(pages) == 1 or not all(isinstance(i.data, dict) and "items" in i.data for i in pages):
            return first
        items = [item for i in pages for item in i.data["items"]]
        echoes = tuple(dict.fromkeys(canary for i in pages for canary in i.echoes))
        return first.model_copy(update={"data": {**first.data, "items": items}, "echoes": echoes})

    def some(self, **wanted: str | bool) -> list[Interaction]:
        """Interactions that fit, at least one. Raises Inconclusive where there is none."""
        found = self.where(**wanted)
        if not found:
            raise Inconclusive(f"the record has no interaction with {wanted}")
        return found

    def by_pair(self, **wanted: str | bool) -> dict[str, Interaction]:
        """Those that fit and stand beside others, by the pair that joins them."""
        return {item.pair: item for item in self.where(**wanted) if item.pair}

    # -- answers --------------------------------------------------------------------------------------------------------------------

    def every(self, items: Iterable[Interaction], holds: Callable[[Interaction], bool], promise: str) -> None:
        """Each interaction keeps the promise; the failure lists all that do not. Of none at all nothing can be said: raises Inconclusive."""
        chosen = list(items)
        if not chosen:
            raise Inconclusive(f"there is no interaction to judge this by: {promise}")
        self.weigh(len(chosen))
        broken = [item for item in chosen if not holds(item)]
        if broken:
            raise Violated(f"{promise}, but: {'; '.join(describe(i) for i in broken[:5])}", [answer_finding(i, promise) for i in broken])

    def that(self, condition: bool, promise: str, about: Interaction) -> None:
        """A condition on one interaction's answer."""
        self.weigh()
        if not condition:
            raise Violated(f"{promise}, but: {describe(about)}", [answer_finding(about, promise)])

    def served(self, items: Iterable[Interaction], promise: str) -> None:
        """Each got the answer that the request aims at. No answer, 401 and 429 are inconclusive, not a violation."""
        chosen = list(items)
        self.dealt_with(chosen)
        self.every(chosen, lambda i: i.outcome == "accepted", promise)

    def not_served(self, items: Iterable[Interaction], promise: str) -> None:
        """None got what it asked for, nor was told that what it has of it is as good as new. No answer and 429 are inconclusive, not a pass."""
        chosen = list(items)
        silent = [i for i in chosen if i.outcome in ("no_answer", "rate_limited")]
        self.every(chosen, lambda i: not i.served and i.outcome != "not_modified", promise)
        if silent:
            raise Inconclusive(f"no decision from the target: {describe(silent[0])}")

    def answered_with(self, statuses: tuple[int, ...], items: Iterable[Interaction], promise: str) -> None:
        """Each got one of these statuses. No answer and 429 are inconclusive, not a violation."""
        chosen = list(items)
        silent = [i for i in chosen if i.outcome in ("no_answer", "rate_limited")]
        self.every([i for i in chosen if i not in silent], lambda i: i.status in statuses, promise)
        if silent:
            raise Inconclusive(f"no decision from the target: {describe(silent[0])}")

    def revalidated(
        self, before: Interaction, now: Interaction, polls: Iterable[Interaction], promise: str, *, of: tuple[str, ...]
    ) -> None:
        """Whoever asked with the validators of `before` was told what the plain answer `now` says of these names: in words, or by 304 where `before` says
        just that. Of no such request at all nothing is said: a target need not have validators."""
        chosen = list(polls)
        self.dealt_with(chosen)
        for item in chosen:
            if item.outcome in ("not_modified", "accepted"):
                told = before if item.outcome == "not_modified" else item
                self.that(all(told.data.get(name) == now.data.get(name) for name in of), promise, item)

    def features_refused(self, items: Iterable[Interaction], promise: str) -> None:
        """None of these features was to be had, where the target claims to block them; where using one merely leaves the promise, any answer will do."""
        if self.history.run.enforcement != "leaves_promise":
            self.not_served(items, promise)
        else:
            self.weigh(len(list(items)))

    def dealt_with(self, items: Iterable[Interaction]) -> None:
        """Each was answered with a decision. Raises Inconclusive."""
        for item in items:
            if item.outcome in ("no_answer", "rate_limited") or item.status == 401:
                raise Inconclusive(f"no decision from the target: {describe(item)}")

    def presupposes(self, items: Iterable[Interaction], why: str) -> None:
        """Each was served: what the test goes on to say means nothing without that. Raises Inconclusive with `why`."""
        for item in items:
            if item.outcome != "accepted":
                raise Inconclusive(f"{why}, but: {describe(item)}")

    def works_without_zdr(self, items: Iterable[Interaction]) -> list[Interaction]:
        """Those whose counterpart of the control organization was accepted: only for them does a refusal mean something."""
        meaningful = [i for i in items if (c := self.history.counterpart(i)) is not None and c.outcome == "accepted"]
        if not meaningful:
            raise Inconclusive("the same requests do not work for the control organization either, so a refusal would mean nothing")
        return meaningful

    def echoes_nothing(
        self, items: Iterable[Interaction], promise: str, kinds: tuple[str, ...] = ("prompt", "response"), of: str | None = None
    ) -> None:
        """No answer holds a canary of these kinds (`of`: sent under that promise), of its own request or of any other; nor did that to an earlier attempt at
        the same."""

        def echoed(item: Interaction) -> str | None:
            canaries = self.history.canaries
            held = [c for c in item.echoes if canaries[c].kind in kinds and of in (None, canaries[c].content)]
            return next((c for c in held if c in item.canaries), held[0] if held else None)

        chosen = self._with_earlier(items)
        try:
            self.every(chosen, lambda item: echoed(item) is None, promise)
        except Violated as exc:
            named = [(item, canary) for item in chosen if (canary := echoed(item)) is not None]
            raise Violated(str(exc), [answer_finding(item, promise, canary) for item, canary in named]) from None

    def carries_nothing_of_others(self, items: Iterable[Interaction], promise: str) -> None:
        """No answer holds a canary under ZDR that another request brought. Raises Inconclusive where not even its own was recognised in any answer."""
        chosen = self._with_earlier(items)
        self._hold_nothing_of_others([(item, item.echoes) for item in chosen], promise)
        if not any(c in item.canaries for item in chosen for c in item.echoes):
            raise Inconclusive("not even its own canary was recognised in any answer, so finding none of others says nothing")

    def no_header_carries_anything_of_others(self, promise: str) -> None:
        """No header of any answer of the run, to whichever request and whoever's, holds a canary under ZDR that another request brought."""
        self._hold_nothing_of_others([(item, item.header_echoes) for item in self.history.interactions.values()], promise)

    def no_inference_is_answered_with_anything_of_others(self, promise: str) -> None:
        """No answer to a prompt, of the whole run and whoever's, holds a canary under ZDR that another request brought."""
        inferred = [i for i in self.history.interactions.values() if i.operation == "messages.create" and i.served]
        self._hold_nothing_of_others([(item, item.echoes) for item in inferred], promise)

    def _hold_nothing_of_others(self, held: Iterable[tuple[Interaction, tuple[str, ...]]], promise: str) -> None:
        """Of these answers, each with the canaries that it held, none held one under ZDR that another request brought."""
        answers = list(held)
        self.weigh(len(answers))
        foreign = [(item, [c for c in echoes if c not in item.canaries and self._is_under_zdr(c)]) for item, echoes in answers]
        found = [(item, canaries[0]) for item, canaries in foreign if canaries]
        if found:
            item, canary = found[0]
            source = self.history.owner(canary)
            said = f"{promise}, but {len(found)} do, first: {describe(item)} holds what was sent in {source.id if source else 'another request'}"
            raise Violated(said, [answer_finding(item, promise, canary) for item, canary in found])

    def _is_under_zdr(self, canary: str) -> bool:
        minted = self.history.canaries.get(canary)
        return minted is not None and minted.content == "zdr" and minted.kind in ("prompt", "response")

    def _with_earlier(self, items: Iterable[Interaction]) -> list[Interaction]:
        """These, and the attempts that they took the place of: those that they are the repetition of, and of a scenario that was driven anew those that
        look the same. Of one that was broken off, what was to be kept as an exception is left out: the story that ends the exception did not come to its
        end."""
        chosen = list(items)
        repeated = {i.retry_of for i in chosen}
        elsewhere = {i.retry_of for i in self.interactions} - repeated
        same = {(i.scenario, i.step, i.operation, i.actor) for i in chosen}
        unknown = {(i.scenario, i.organization_id, i.content) for i in chosen}

        def replaced(item: Interaction) -> bool:
            first = item.retry_of or item.id
            if item.superseded and first in repeated | elsewhere:
                return first in repeated
            if not item.operation:
                return (item.scenario, item.organization_id, item.content) in unknown
            return (item.scenario, item.step, item.operation, item.actor) in same

        return chosen + [i for i in self.earlier if replaced(i) and (i.superseded or i.content != "exception")]

    def decided(self, items: Iterable[Interaction], promise: str) -> None:
        """Each was answered one way or the other, and not with a failure of the server. Of none at all nothing is said."""
        chosen = [i for i in items if i.status is not None]
        if chosen:
            self.every(chosen, lambda i: i.status is not None and i.status < 500, promise)

    def same_story(self, one: Sequence[Interaction], other: Sequence[Interaction], *, promise: str) -> None:
        """The list that the pages of `one` make is told in the same order by the pages of `other`, which may hold more: it was read later."""
        read_to_the_end(one)
        read_to_the_end(other)
        first, second = listed(one), listed(other)
        if not first:
            raise Inconclusive("the list is empty, so that two readings of it tell the same whatever happened")
        self.that([entry for entry in second if entry in first] == first, promise, other[0])

    def zdr_status(self, items: Iterable[Interaction], status: str, promise: str) -> None:
        """Each of these readings of an organization's ZDR status gave that status (`enabled` or `disabled`)."""
        chosen = list(items)
        self.served(chosen, "the ZDR status of an organization must be readable")
        self.every(chosen, lambda i: isinstance(i.data, dict) and i.data.get("status") == status, promise)

    # -- stores ---------------------------------------------------------------------------------------------------------------------

    def sees_answers_of_the_control_organization(self) -> None:
        """Somewhere an answer (not a prompt) of the control organization was found: else not finding the subject's says nothing about answers."""
        control = self.history.run.organizations["control"]
        kinds = {
            minted.kind
            for seen in self.history.seen(self.epochs)
            if seen.read.group == "stores"
            and not seen.hit.of_digest
            and (minted := self.history.canaries.get(seen.hit.canary or "")) is not None
            if minted.organization == control or minted.kind == "spike"
        }
        # Where spikes alone prove sight, they prove it for answers as well.
        if "response" not in kinds and kinds != {"spike"}:
            raise Inconclusive("no answer of the control organization was found in any store, so not finding the subject's says nothing")

    def kept_nowhere(
        self,
        items: Iterable[Interaction] | None = None,
        *,
        epochs: tuple[Epoch, ...] | None = None,
        kinds: tuple[str, ...] = ("prompt", "response"),
        residue: bool | None = None,
        group: str = "stores",
        answers: int = 0,
        whatever_answer: bool = False,
        refusable: Collection[str] = (),
        unlike: Iterable[Interaction] = (),
        promise: str = "content must not be kept",
    ) -> None:
        """No source of the group holds a canary of these interactions (default: all of the test whose content is under ZDR), nor of an earlier attempt at
        one of them.

        Requests of a step of which not one was dealt with as it should be say nothing of what such requests leave: raises Inconclusive, unless
        `whatever_answer`: something was done to them, so that they may have been cut off. `refusable` names steps whose requests the
        target need not know: that it refuses them is an answer, too.
        `answers`: the promise is about answers too, and so many must carry their canary: a model that does not follow the instruction leaves
        nothing to look for. Where the profile says that no answer can be made to carry one, prompts alone are judged, and the report says so.
        `unlike`: requests that lack what the promise is about. What is kept in a source that holds something of them, too, is not kept for that, and is the
        matter of other controls: raises Inconclusive where it is found in no other.
        """
        chosen = list(items) if items is not None else [i for i in self.interactions if i.content == "zdr"]
        if not chosen:
            raise Inconclusive("the record has no interaction whose content could have been kept")
        chosen = self._with_earlier(chosen) if items is not None else [*chosen, *(i for i in self.earlier if i.content == "zdr")]
        canaries = {c for item in chosen for c in item.canaries if self.history.canaries[c].kind in kinds}
        if not canaries:
            raise Inconclusive(f"these interactions carried no {' or '.join(kinds)} canary, so finding none says nothing")

        self.weigh(len(canaries))

        def ours(seen: Seen) -> bool:
            if seen.read.group != group or seen.hit.canary not in canaries:
                return False
            return residue is None or seen.hit.residue == residue

        others = {canary for item in unlike for canary in item.canaries}
        indifferent = {seen.hit.source for seen in self.history.seen(epochs or self.epochs, lambda s: s.hit.canary in others)}
        found = list(self.history.seen(epochs or self.epochs, ours))
        findings = self._findings([seen for seen in found if seen.hit.source not in indifferent], promise)
        if findings:
            first = findings[0]
            forms = " in ".join(reversed(first.forms)) or "plain"
            raise Violated(
                f"{first.message}, but {len(findings)} {'trace was' if len(findings) == 1 else 'traces were'} found, first: "
                f"source {first.source}, {first.object}, {first.location} ({forms}), from request {first.interaction}",
                findings,
            )
        if found:
            where = ", ".join(sorted({seen.hit.source for seen in found}))
            raise Inconclusive(
                f"other requests are kept in {where} as well, so these are not kept there for what they have and the others lack"
            )
        if not whatever_answer:
            self._every_step_was_dealt_with(chosen, refusable)
        self._answers_carry_canaries(chosen, answers)

    def _every_step_was_dealt_with(self, items: list[Interaction], refusable: Collection[str]) -> None:
        """Of each step's requests for inference one at least got the answer that it aims at: a success, or the refusal that it was made for."""
        steps: dict[tuple[str, str], list[Interaction]] = {}
        for item in items:
            if item.stimulus is not None:
                steps.setdefault((item.scenario, item.step), []).append(item)
        for (_, step), sent in steps.items():
            refusals = ("client_error", "refused_by_policy") if step in refusable else ()
            if not any(item.accepted or item.outcome in refusals for item in sent):
                raise Inconclusive(
                    f"none of the {len(sent)} requests '{step}' was dealt with, so finding nothing of them says nothing: {describe(sent[0])}"
                )

    def _answers_carry_canaries(self, items: list[Interaction], wanted: int) -> None:
        asked = [i for i in items if any(self.history.canaries[c].kind == "response" for c in i.canaries)]
        # Without the label, accepted says it.
        carrying = [i for i in asked if i.labels.get("answer", "follows" if i.accepted else "") == "follows"]
        if asked and len(carrying) < min(wanted, len(asked)):
            raise Inconclusive(
                f"of {len(asked)} answers {len(carrying)} followed the instruction to carry a canary (needed: {min(wanted, len(asked))}), "
                "so finding none says nothing of answers"
            )

    def kept_whole_or_not_at_all(self, items: Iterable[Interaction], *, like: Iterable[Interaction], promise: str) -> None:
        """Whatever is kept of one of these requests, is kept in every place and kind (prompt, answer) in which requests `like` it are; or streams of the
        control organization, where those are gone by now. Raises Inconclusive where of these nothing is kept either, and something of the others is."""
        places = self._places()
        answered = [item for item in items if item.accepted]
        if not answered:
            raise Inconclusive("none of the requests in question was answered in full")
        self.weigh(len(answered))
        if not any(places.get(item.id) for item in answered):
            return
        wholes = self._wholes(like, places) or self._wholes(self._control_streams(), places)
        if not wholes:
            raise Inconclusive(
                "nothing is found of the requests that standard retention keeps, so that finding a part of the others cannot be judged"
            )
        findings = []
        for item in answered:
            found = places.get(item.id)
            if not found or any(whole <= found for whole in wholes):
                continue
            missing = min((whole - found for whole in wholes), key=len)
            said = f"kept: {_told(found)}; not kept: {_told(missing)}"
            findings.append(
                FindingSeen(source=min(found)[0], object="the request as a whole", location=said, interaction=item.id, message=promise)
            )
        if findings:
            raise Violated(f"{promise}, but {len(findings)} of {len(answered)} are, first: {findings[0].location}", findings)

    def _wholes(self, items: Iterable[Interaction], places: dict[str, set[tuple[str, str]]]) -> set[frozenset[tuple[str, str]]]:
        return {frozenset(found) for item in items if item.accepted and (found := places.get(item.id))}

    def _control_streams(self) -> list[Interaction]:
        every = self.history.interactions.values()
        return [i for i in every if i.organization == "control" and i.operation == "messages.create" and (i.stimulus or {}).get("stream")]

    def _places(self) -> dict[str, set[tuple[str, str]]]:
        """Interaction id -> (store, kind of canary) in which something of it is found in live data after the target has settled."""
        found: dict[str, set[tuple[str, str]]] = {}
        for seen in self.history.seen(self.epochs, lambda s: s.read.group == "stores" and s.read.reading != "first" and not s.hit.residue):
            minted = self.history.canaries.get(seen.hit.canary or "")
            if minted is not None and minted.interaction:
                found.setdefault(minted.interaction, set()).add((seen.hit.source, minted.kind))
        return found

    def growth_does_not_follow_payload(self) -> None:
        """No store grows with the size of what the subject organization sends. Raises Inconclusive where the noise is too large, or where not even the
        control organization's content is seen to take room."""
        bounds = {(b.source, b.organization): b for b in growth_bounds(self.history)}
        run = self.history.run
        stores = [source for source, (kind, _) in run.sources.items() if kind != "http" and source not in run.twin_sources]
        findings, unclear = [], [f"the room that {s} takes could not be measured" for s in stores if (s, "subject") not in bounds]
        for (source, organization), bound in bounds.items():
            if organization != "subject":
                continue
            place = run.twins.get(source, source)
            other = bounds.get((place, "control"))
            if bound.judged == "retained":
                said = f"{bound.slope:.2f} bits kept per prompt bit (95 % interval {bound.low:.2f} to {bound.high:.2f}) over {bound.blocks} blocks"
                message = "a store must not grow with the size of what is sent"
                findings.append(
                    FindingSeen(
                        source=source, object="growth of the whole source", location=said, interaction=self._largest(), message=message
                    )
                )
            elif shrinks(bound):
                unclear.append(f"{source} is seen to shrink with what is sent, so its growth bounds nothing")
            elif bound.judged == "noisy":
                unclear.append(f"the growth of {source} is too noisy to bound what can have been kept")
            elif source in run.spiked and not never_moves(self.history, place, self.epochs, other):
                continue  # the room that a file takes is not in doubt; what a spike is worth, the report says
            elif other is None or other.judged != "retained":
                unclear.append(f"in {source} not even the control organization's content is seen to take room, so no growth says nothing")
        if findings:
            first = findings[0]
            raise Violated(f"a store must not grow with the size of what is sent, but {first.source} does: {first.location}", findings)
        if unclear or not bounds:
            raise Inconclusive("; ".join(unclear) or "no source could be measured")
        self.weigh(len(bounds))

    def _largest(self) -> str | None:
        """The largest request of the test, as the one to look at."""
        sent = [i for i in self.interactions if i.organization == "subject"]
        return max(sent, key=lambda i: i.request_bytes).id if sent else None

    def _findings(self, seen: Iterable[Seen], promise: str) -> list[FindingSeen]:
        found: dict[tuple[str, str, str, tuple[str, ...], str | None], FindingSeen] = {}
        for item in seen:
            hit = item.hit
            owner = self.history.owner(hit.canary)
            key = (hit.source, hit.object, hit.location, hit.forms, hit.canary)
            found.setdefault(
                key,
                FindingSeen(
                    source=hit.source,
                    object=hit.object,
                    location=hit.location,
                    forms=hit.forms,
                    canary=hit.canary,
                    interaction=owner.id if owner else None,
                    residue=hit.residue,
                    excerpt=hit.excerpt,
                    message=wording(promise, hit),
                ),
            )
        return list(found.values())
