"""Stimuli of the retention family: each goes to the subject and to the control organization, with canaries of its own."""

from __future__ import annotations

from functools import partial

from zdr_audit.journal.events import GrowthMeasured
from zdr_audit.suite.assay import Assay
from zdr_audit.suite.generate import shapes
from zdr_audit.suite.inference import COUNTING, Conversation, How
from zdr_audit.suite.marks import scenario
from zdr_audit.suite.party import NotOffered, NotThere, Party, at_will, in_the_other_header
from zdr_audit.suite.patience import Patience
from zdr_audit.suite.rounds import until_clear
from zdr_audit.target.dialects.anthropic import NEWEST
from zdr_audit.target.stimulus import FEWEST, Place, Stimulus, Wrong

from .reports import ODD_SHAPES, OTHER_EVENTS, odd, renamed, takes
from .under_way import while_it_is_asked


def _both(assay: Assay, stimuli: list[Stimulus], step: str) -> None:
    for stimulus in assay.within(stimuli):
        assay.infer_both(stimulus, step=step)


def _in(*places: Place, stream: bool = False, answer: bool = True) -> Stimulus:
    return Stimulus(places=frozenset(places), stream=stream, answer=answer)


@scenario()
def plain_requests(assay: Assay) -> None:
    """Plain requests, with the content first in some and last in others (what is cut, is cut at either end), said as small clients say it and as large"""
    # What is asked for in the same way each time (at temperature zero) is what caches of answers keep.
    _both(assay, [Stimulus(closing=bool(n % 2), bare=n % 3 > 0, steady=n % 3 == 2) for n in range(assay.count(5, 6, 30))], "ask")


@scenario()
def streamed_requests(assay: Assay) -> None:
    """Streamed requests"""
    _both(assay, [Stimulus(stream=True, bare=bool(n % 2), steady=n % 3 == 2) for n in range(assay.count(5, 6, 30))], "ask")


@scenario()
def system_prompts_and_earlier_turns(assay: Assay) -> None:
    """System prompts, earlier turns, prefilled answers"""
    places: list[tuple[Place, ...]] = [("system",), ("history",), ("system", "history"), ("prefill",), ("message", "history", "prefill")]
    made = [_in(*p, stream=bool(n % 2)) for n, p in enumerate(places * assay.count(1, 1, 4))]
    made[0] = made[0].model_copy(update={"bare": True})  # a system prompt is a plain string to many a client, and a list of parts to others
    _both(assay, made, "ask")
    # Thinking goes back to the target with its signature; one that it did not give some pass over, and others refuse.
    thought = _in("earlier_thinking", answer=False).model_copy(update={"thinking": True})
    if assay.can_say(thought):
        assay.infer(assay.subject.member, thought, step="ask with earlier thinking", counts=False, how=How(expects=(200, 400, 422)))


@scenario()
def tool_use(assay: Assay) -> None:
    """Tool definitions, inputs and results"""
    places: list[tuple[Place, ...]] = [
        ("tool_name", "tool_description"),
        ("tool_input", "tool_schema"),
        ("tool_result",),
        ("tool_input", "tool_result", "message"),
    ]
    made = [_in(*p, stream=bool(n % 2)) for n, p in enumerate(places * assay.count(1, 2, 4))]
    made[-1] = made[-1].model_copy(update={"sampling": "nucleus"})
    # Whoever must hold an answer to a tool's schema does more with the schema than who may use the tool: streamed here, and below in one piece.
    made[1] = made[1].model_copy(update={"tool_choice": "named"})
    # A tool that failed sends back what it had: to a logger, that is an error.
    failed = [
        _in("tool_result", "tool_schema", stream=choice == "any").model_copy(update={"tool_failed": True, "tool_choice": choice})
        for choice in ("named", "any")
    ]
    # Clients send what a tool gave as blocks: the text that it printed and a picture of the screen, or what it read and found.
    blocks = [
        _in("result_text", "result_image").model_copy(update={"tool_choice": "none"}),
        _in("result_document", "result_search", stream=True),
    ]
    # What programs print has colours and goes back over its own lines, what tools read is no text at times, and holds credentials.
    printed = [
        _in("tool_result", "system", stream=True).model_copy(update={"signs": "terminal"}),
        _in("tool_result", "tool_description", "document").model_copy(update={"signs": "invisible"}),
        _in("tool_result", "tool_input").model_copy(update={"guise": "credentials"}),
    ]
    _both(assay, [*made, *failed, *blocks, *printed], "ask")
    # What tools of the provider's found goes back as it came, signed; what it did not sign some targets pass over, and others refuse.
    for stream in (False, True):
        found = _in("server_result", stream=stream, answer=False)
        if assay.can_say(found):
            assay.infer(assay.subject.member, found, step="ask with what was found", counts=False, how=How(expects=(200, 400, 422)))


@scenario()
def images_and_documents(assay: Assay) -> None:
    """Images, documents and what a search of the client's found"""
    places: list[tuple[Place, ...]] = [("image",), ("document",), ("document_title", "document_context"), ("image", "document", "message")]
    places.append(("document_text", "document_image"))  # a document that is made of blocks, as converters of documents take it apart
    made = [_in(*p, stream=bool(n % 2)) for n, p in enumerate(places * assay.count(1, 1, 4))]
    found = [_in("search_result", "search_title", "search_source")]
    _both(assay, [*made, _in("document").model_copy(update={"pdf": True}), *found], "ask")


@scenario()
def every_model(assay: Assay) -> None:
    """Every model that the target lists"""
    for model in assay.models:
        for stimulus in (
            Stimulus(model=model),
            Stimulus(model=model, stream=True),
            Stimulus(model=model, places=frozenset({"system", "message"})),
        ):
            assay.infer_both(stimulus, step=f"ask {model}")


@scenario()
def content_in_other_fields(assay: Assay) -> None:
    """Content in metadata, stop sequences, schema enums, file names, headers"""
    places: list[tuple[Place, ...]] = [("user_id",), ("stop_sequence",), ("tool_schema",), ("header",), ("document_title",)]
    # An answer that a stop sequence ends tells of that sequence to whoever logs why answers end.
    _both(assay, [*(_in(*p) for p in places * assay.count(1, 1, 4)), _in("stop_sequence").model_copy(update={"stopped": True})], "ask")
    # What no interface knows is passed over by some targets, and refused by others.
    unknown = _in("unknown_field", "message", answer=False)
    if assay.can_say(unknown):
        assay.infer(assay.subject.member, unknown, step="ask with an unknown field", counts=False, how=How(expects=(200, 400, 422)))


@scenario()
def requests_in_error(assay: Assay) -> None:
    """Requests that bring a client error"""
    kinds: list[Wrong] = [
        "unknown_model",
        "negative_max_tokens",
        "empty_messages",
        "bad_role",
        "broken_json",
        "no_version",
        "bad_credential",
    ]
    if assay.depth != "quick":
        kinds.append("too_large")
    streamed = [kind for kind in kinds if kind in ("unknown_model", "negative_max_tokens")]
    places: frozenset[Place] = frozenset({"system", "message"})
    stimuli = [Stimulus(wrong=kind, answer=False) for kind in kinds]
    stimuli += [Stimulus(wrong=kind, answer=False, stream=True, places=places) for kind in streamed]
    for stimulus in assay.within(stimuli):
        assay.infer_both(stimulus, step=f"{stimulus.wrong}, streamed" if stimulus.stream else str(stimulus.wrong))
    # What is refused by its length alone has begun to come all the same.
    announced = Stimulus(wrong="too_large", unfinished=True, padding=48_000, answer=False)
    if assay.can_say(announced):
        assay.infer(assay.subject.member, announced, step="too large, announced", counts=False)
    # Where the length is not told, the body is read by other code.
    chunked = [Stimulus(wrong=kind, answer=False, chunked=True) for kind in ("broken_json", "negative_max_tokens")]
    for stimulus in filter(assay.can_say, chunked):
        assay.infer(assay.subject.member, stimulus, step=f"{stimulus.wrong}, in chunks", counts=False)


@scenario()
def requests_over_a_limit(assay: Assay) -> None:
    """The spend limit of a user is set to nothing while requests are under way; then requests of that user, refused for it"""
    with at_will():
        assay.needs("cost.set")
        org = assay.enable(assay.fresh())
        limit = partial(assay.must, "cost.set", org.admin, step="set the limit", org=org, user=org.member.user, amount="0")
        while_it_is_asked(assay, org.member, lambda labels: limit(labels=labels))
        refused = assay.profile.operations["cost.set"].refused
        for stream in (False, True):
            assay.infer(org.member, Stimulus(stream=stream, answer=False), step="over the limit", counts=False, how=How(expects=refused))


@scenario()
def requests_with_a_revoked_key(assay: Assay) -> None:
    """A key is revoked while requests with it are under way; then requests with it, refused for that"""
    with at_will():
        assay.needs("key.create", "key.revoke")
        org = assay.enable(assay.fresh())
        holder = assay.further_key(org, org.member, step="give a key")
        while_it_is_asked(assay, holder, lambda labels: assay.revoke(org, holder, step="revoke the key", labels=labels))
        for stream in (False, True):
            assay.infer(holder, Stimulus(stream=stream, answer=False), step="with a revoked key", counts=False, how=How(expects=(401, 403)))


@scenario()
def requests_of_a_closed_organization(assay: Assay) -> None:
    """An organization is closed while requests of it are under way; then requests and blocked features of it, refused for that"""
    with at_will():
        assay.needs("organization.delete")
        org = assay.enable(assay.fresh())
        close = partial(assay.provide, "organization.delete", step="close the organization", org=org, organization=org.id)
        while_it_is_asked(assay, org.admin, lambda labels: close(labels=labels))
        for actor in (org.admin, *in_the_other_header(org.admin)):
            assay.infer(actor, Stimulus(answer=False), step="when it is closed", counts=False, how=How(expects=(401, 403, 404, 410)))
        for name in assay.profile.features:
            assay.use_feature(name, org.admin, step="use when it is closed", counts=False, only=lambda e: e.begins)


@scenario()
def requests_that_the_backend_fails(assay: Assay) -> None:
    """Requests that the backend fails with a server error"""
    for status in (500, 529):
        for party in (assay.subject, assay.control):
            for stream in (False, True):
                assay.must("fault.inject", assay.staff("operator"), step=f"inject {status}", org=party, status=status)
                assay.infer(
                    party.member,
                    Stimulus(stream=stream, answer=False),
                    step=f"ask, failing with {status}",
                    counts=party.key == "subject",
                    how=How(expects=(status,)),
                )


@scenario()
def abandoned_requests(assay: Assay) -> None:
    """Streams that the client closes midway, and requests that it does not send to their end"""
    sizes = (2500, 3500, 5000)[: assay.count(2, 3, 3)]
    _both(assay, [Stimulus(stream=True, abandon_after=size, padding=200) for size in sizes], "close the connection")
    unfinished = [Stimulus(unfinished=True, padding=padding, answer=False) for padding in (0, 48_000)]
    assay.parallel([partial(assay.infer, assay.subject.member, s, step="go away before the end", counts=False) for s in unfinished])


@scenario()
def repeated_requests(assay: Assay) -> None:
    """The same request sent again, as a client's retry does, and to another model, as one does that falls back"""
    for stream in (False, True):
        assay.infer_both(Stimulus(stream=stream), step="ask three times", how=How(repeat=3))
    first, *others = assay.models
    for stream in (False, True) if others else ():
        # One that is picked from either end at first: a target need not let every model be asked.
        chosen = tuple((others[::-1] if stream else others)[: assay.count(1, 2, len(others))])
        assay.infer_both(Stimulus(stream=stream, model=first), step="ask another model the same", how=How(models=chosen))
    try:
        for party in (assay.subject, assay.control):
            assay.must("fault.inject", assay.staff("operator"), step="inject 529", org=party, status=529)
            how = How(repeat=2, models=tuple(others[:1]), expects=(529,))
            assay.infer(party.member, Stimulus(), step="fail, then retry", counts=party.key == "subject", how=how)
    except NotOffered:
        return  # the plain repetitions above stand for themselves


@scenario()
def parallel_requests(assay: Assay) -> None:
    """Requests in parallel"""
    # At least fifty of each organization: what is kept of one request in fifty shows here, whatever else was sent.
    many = assay.count(52, 64, 128)
    jobs = [
        lambda n=n, party=party: assay.infer(party.member, Stimulus(stream=bool(n % 2)), step="ask", counts=party.key == "subject")
        for n in range(many)
        for party in ((assay.subject, assay.control) if n % 8 == 0 else (assay.subject,))
    ]
    assay.parallel(jobs, workers=16)


@scenario()
def token_counting(assay: Assay) -> None:
    """Token counting, of plain prompts and of each kind of attachment"""
    for stimulus in assay.within([_in("message", answer=False), _in("system", "message", answer=False), *attached()], COUNTING):
        assay.infer_both(stimulus, step="count", how=How(COUNTING))


def attached() -> tuple[Stimulus, ...]:
    """Requests for a count, each with attachments of other kinds: what tells how large they are opens them by other code."""
    kinds: tuple[tuple[Place, ...], ...] = (
        ("image",),
        ("document",),
        ("document_text", "document_image", "result_image", "result_document"),
    )
    pdf = _in("document", answer=False).model_copy(update={"pdf": True})
    return (*(_in(*p, answer=False) for p in kinds), pdf)


@scenario()
def reports_of_clients(assay: Assay) -> None:
    """Reports of clients, of events and of counts, that carry content: well-formed, with other names, and of odd outer shapes"""
    for party in (assay.subject, assay.control):
        for role in sorted(party.actors)[:2]:
            counts = party.key == "subject"
            actor = party.actor(role)
            assay.call("events.send", actor, step="report events", content=actor.content, counts=counts, weigh="decision")
            if assay.offers("metrics.send"):
                assay.call("metrics.send", actor, step="report counts", content=actor.content, weigh="decision")
    who = assay.subject.member
    for name in OTHER_EVENTS:  # what takes feedback or errors to where they are kept goes by the name
        assay.call("events.send", who, step="report other events", content=who.content, weigh="decision", _reshape=partial(renamed, name))
    for operation in filter(assay.offers, ("events.send", "metrics.send")):  # what is no batch is put aside where batches are counted
        body = assay.profile.operations[operation].body
        possible = [shape for shape in ODD_SHAPES if takes(shape, body)]
        for shape in possible if operation == "events.send" else possible[: assay.count(1, 2, 4)]:
            assay.call(operation, who, step=f"report in {shape}", content=who.content, weigh="decision", _reshape=partial(odd, shape))


@scenario()
def long_and_cached_prompts(assay: Assay) -> None:
    """Long prompts, and prompts with cache markers"""
    for padding, cache, stream in ((48_000, False, True), (18_000, True, False), (48_000, True, True), (0, True, False)):
        long = Stimulus(places=frozenset({"message", "system"}), padding=padding, cache=cache, stream=stream)
        # What is to live for an hour often lies elsewhere than what is to live for minutes.
        assay.infer_both(long.model_copy(update={"cache_hour": cache and stream}), step="ask")


@scenario()
def answers_asked_for_again(assay: Assay) -> None:
    """What was answered is asked for where it was asked, by the ids that the answer bears, and listed"""
    for stream in (False, True):
        for party in (assay.control, assay.subject):
            reply = assay.infer(party.member, Stimulus(stream=stream), step="ask what may be asked for again", counts=False)
            for name in ("", *dict.fromkeys(filter(None, (reply.values.get("answer"), reply.interaction.request_id)))):
                assay.ask_again(name, party.member, step="ask for it again")


@scenario(late=True, first=True)
def time_goes_by(assay: Assay) -> None:
    """Prompts with cache markers, plain and streamed requests; then more than five minutes, an hour and a day go by, each with a request after it"""
    with at_will():  # late, since it moves the clock; where that cannot be done, the readings right after the answers stand for themselves
        assay.needs("clock.advance")
        operator, asker = assay.staff("operator"), assay.subject.member
        # What caches hold, and what waits in memory for a sweeper or a flush, comes to its end with time, and most of it at the next request.
        long = Stimulus(places=frozenset({"message", "system"}), padding=18_000, cache=True)
        for stimulus in (long, long.model_copy(update={"cache_hour": True, "stream": True}), Stimulus(), Stimulus(stream=True)):
            assay.infer(asker, stimulus, step="ask before time goes by", counts=False)
        for seconds in (301, 3_601, 86_401):
            assay.must("clock.advance", operator, step="time goes by", seconds=seconds)
            assay.infer(asker, Stimulus(), step="ask when time has gone by", counts=False)


@scenario()
def a_long_session(assay: Assay) -> None:
    """A session as it grows: each request repeats all that came before, with many tools, results of tools and cache markers"""
    grows = (0, 1, 2, 3, 5, 9, 20, 60)
    lengths = {"quick": grows, "standard": tuple(sorted({*grows, *range(0, 61, 6)})), "thorough": tuple(range(61))}[assay.depth]
    places: frozenset[Place] = frozenset({"system", "tool_description", "tool_input", "tool_result", "message"})
    for party, chosen in ((assay.subject, lengths), (assay.control, (*lengths[:2], lengths[-1]))):
        grown, named = Conversation(), assay.session(f"long-{party.key}")
        for length in chosen:
            # What a client would have sent in between is said as having been said: the next request repeats it all the same.
            turns = length - grown.turns
            stimulus = Stimulus(places=places, stream=True, cache=True, tools=16, session=named, turns=turns)
            assay.infer(party.member, stimulus, step="go on", counts=party.key == "subject", how=How(conversation=grown))


@scenario()
def few_and_many(assay: Assay) -> None:
    """Requests with a few and with many of what there can be more than one of: turns, tools, blocks, images, documents, stop sequences"""
    said: tuple[Place, ...] = ("message", "system", "tool_description", "stop_sequence")
    shown: tuple[Place, ...] = ("message", "image", "document")
    made = [_in(*said, *shown).model_copy(update={"turns": 3, "tools": 3, "copies": 3}), Stimulus(turns=60)]
    made += [_in(*said, stream=True).model_copy(update={"tools": 16, "copies": 12}), _in(*shown).model_copy(update={"copies": 12})]
    known = [s for s in made if any(name in assay.offered for name, fewest in FEWEST.items() if getattr(s, name) > fewest)]
    if not known:
        raise NotThere(f"the dialect {assay.dialect.name} or the target has one of each thing at most")
    for stimulus in known:
        for party in (assay.subject, assay.control):
            # A target may well take fewer: what it refuses it has not dealt with.
            assay.infer(party.member, stimulus, step="ask with many", counts=False)


@scenario()
def requests_with_less_in_their_address(assay: Assay) -> None:
    """Requests and counts of tokens without a query parameter or header that the profile adds, as other clients send them"""
    operations = [name for name in ("messages.create", "messages.count_tokens") if assay.offers(name)]
    plainer = [(operation, name) for operation in operations for name in assay.optional(operation)]
    if not plainer:
        raise NotThere("the profile adds nothing to the address of inference that other clients may leave out")
    for operation, name in plainer:
        for stream in (False, True) if operation == "messages.create" else (False,):
            stimulus = Stimulus(stream=stream, answer=operation == "messages.create", without=(name,))
            for party in (assay.subject, assay.control):
                # Where the target needs it, it refuses.
                assay.infer(party.member, stimulus, step=f"ask without {name}", counts=False, how=How(operation))


@scenario(first=True)  # while little is kept that would have to be measured each time
def payloads_of_many_sizes(assay: Assay) -> None:
    """Incompressible payloads of many sizes, in random order"""
    sizes = [0, 4_000, 16_000, 64_000, 128_000, 192_000]
    limits = assay.profile.limits
    wait = min(limits.settle_seconds, {"quick": 0.1, "standard": 0.35, "thorough": 5.0}[assay.depth])
    # A target that writes late is waited for; how late, its own control organization shows.
    patience = None if limits.growth_wait_seconds is None else Patience(limits.growth_wait_seconds, assay.pause, assay.measure)
    blocks = [(party, size) for size in sizes for party in (assay.subject, assay.control)] * assay.count(1, 2, 5)
    assay.random.shuffle(blocks)
    if patience is not None:
        blocks.insert(0, blocks.pop(blocks.index((assay.control, sizes[-1]))))  # it teaches patience, so it comes first

    def grow(party: Party, size: int) -> GrowthMeasured:
        return assay.grow(party, Stimulus(noise=size, cache=True), requests=2, step="send a block", patience=patience, wait=wait)

    measured = [grow(*block) for block in blocks]
    sources = [e.id for e in assay.profile.evidence if e.of != "control"]
    until_clear(measured, sources, lambda: [grow(assay.subject, size) for size in assay.random.sample(sizes, len(sizes))])


@scenario()
def generated_shapes(assay: Assay) -> None:
    """Request shapes that Hypothesis composes"""
    made = shapes(assay.models, assay.count(14, 26, 120), assay.seed)
    # Where there are no sessions a shape is sent without: what else is in it need not be left out for that.
    _both(assay, [shape.model_copy(update={"session": assay.session(shape.session)}) if shape.session else shape for shape in made], "ask")
    # As others of the organization, and as clients of another age: they bring the credential in the other header, and may name another version.
    for role in assay.subject.actors:
        assay.infer(assay.subject.actor(role), Stimulus(stream=role == "admin"), step="ask as another", counts=False)
    newer = tuple((name, NEWEST) for name in assay.dialect.headers if name == "anthropic-version")
    for actor in in_the_other_header(assay.subject.member):
        assay.infer(actor, Stimulus(headers=newer), step="ask as another", counts=False)
    for framed in (
        Stimulus(chunked=True),
        Stimulus(chunked=True, stream=True, padding=48_000),
        Stimulus(unnamed=True),
        Stimulus(unnamed=True, stream=True),
    ):
        assay.infer(assay.subject.member, framed, step="ask with other framing", counts=False)


@scenario(last=True)
def the_last_requests(assay: Assay) -> None:
    """The last requests before the stores are read: what is deleted at once lasts until something else takes its place"""
    for stimulus in (Stimulus(padding=48_000), Stimulus(padding=18_000, stream=True), Stimulus(), Stimulus(stream=True)):
        step = "ask at length" if stimulus.padding else "ask streamed" if stimulus.stream else "ask"
        for party in (assay.control, assay.subject):
            assay.infer(party.member, stimulus, step=step, counts=party.key == "subject")
