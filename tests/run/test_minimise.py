"""The search for the smallest request that leaks: what it comes to, what it costs, and that it stops."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from engine_events import interaction

from zdr_audit.evidence.model import Hit, Reading
from zdr_audit.journal.events import Interaction
from zdr_audit.profile.load import load
from zdr_audit.run.minimise import Leak, Minimiser
from zdr_audit.run.script import curl
from zdr_audit.target.dialects.registry import dialect_of
from zdr_audit.target.shape import Feature, build, data, features, within, words
from zdr_audit.target.stimulus import PLACES, Stimulus
from zdr_audit.verdict.leaks import kind_of

Rule = tuple[str, str, Callable[[Stimulus, str], bool]]


class Leaky:
    """A target on paper: each rule names a source, an object, and which content of which requests is kept there."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules
        self.sent: list[Stimulus] = []
        self.readings: list[str] = []
        self.kept: dict[str, list[Hit]] = {}

    def send(self, operation: str, stimulus: Stimulus) -> Interaction:
        number = len(self.sent) + 1
        self.sent.append(stimulus)
        places = [*(p for p in PLACES if p in stimulus.places), *(["answer"] if stimulus.answer else [])]
        canaries = tuple(f"t-{number:03d}-{place}" for place in places)
        for source, thing, kept in self.rules:
            for place, canary in zip(places, canaries, strict=True):
                if kept(stimulus, place):
                    hit = Hit(source=source, object=thing.format(number), location="bytes 0-9", forms=("plain",), canary=canary)
                    self.kept.setdefault(source, []).append(hit)
        return interaction(1000 + number, operation=operation, canaries=canaries, epoch="minimise", stimulus=data(stimulus))

    def read(self, sources: frozenset[str], canaries: frozenset[str]) -> dict[str, Reading]:
        self.readings += sorted(sources)
        hits = {s: tuple(h for h in self.kept.get(s, ()) if h.canary in canaries) for s in sources}
        return {s: Reading(source=s, kind="files", objects=1, bytes=1, hits=found) for s, found in hits.items()}


def leak(stimulus: Stimulus, place: str = "message", source: str = "log", thing: str = "app.log", number: int = 1) -> Leak:
    keep = Feature("answer", True) if place == "answer" else Feature("place", place)
    return Leak(source, kind_of(thing), "messages.create", frozenset({keep}), features(stimulus), (f"c-{number:05d}",))


BIG = Stimulus(
    places=frozenset({"message", "system", "image", "tool_result", "user_id"}),
    stream=True,
    cache=True,
    padding=48_000,
    session="s",
    model="m-2",
)


@pytest.mark.parametrize(
    ("kept", "smallest"),
    [
        (lambda s, p: True, Stimulus(answer=False)),
        (lambda s, p: s.stream, Stimulus(answer=False, stream=True)),
        (lambda s, p: s.model == "m-2", Stimulus(answer=False, model="m-2")),
        (lambda s, p: "image" in s.places, Stimulus(answer=False, places=frozenset({"message", "image"}))),
        (lambda s, p: s.stream and s.cache, Stimulus(answer=False, stream=True, cache=True)),
        (lambda s, p: s.stream and s.cache and s.session == "s", Stimulus(answer=False, stream=True, cache=True, session="s")),
    ],
    ids=["plain", "streamed", "model", "with an image", "two needed", "three needed"],
)
def test_everything_is_left_out_that_the_leak_does_not_need(kept, smallest):
    target = Leaky(("log", "app.log", kept))
    (found,) = Minimiser(target.send, target.read).run([leak(BIG)])
    assert (found.outcome, Stimulus.model_validate(found.stimulus), found.smallest) == ("reduced", smallest, True)
    assert target.sent[int(found.interaction[2:]) - 1001] == smallest, "the request that is named was sent, and leaked"


def test_a_length_is_kept_and_shortened_to_what_is_needed():
    target = Leaky(("blobs", "tmp{0:08x}", lambda s, p: s.padding > 16_384))
    (found,) = Minimiser(target.send, target.read).run([leak(BIG, source="blobs", thing="tmpa1b2c3d4")])
    shape = Stimulus.model_validate(found.stimulus)
    assert shape == Stimulus(answer=False, padding=shape.padding)
    assert 16_384 < shape.padding < 24_000


def test_an_answer_that_leaks_is_asked_for_and_nothing_else():
    target = Leaky(("db", "answers", lambda s, p: p == "answer"))
    (found,) = Minimiser(target.send, target.read).run([leak(BIG, "answer", "db", "answers")])
    assert Stimulus.model_validate(found.stimulus) == Stimulus(places=frozenset(), answer=True)


def test_content_in_another_kind_of_object_does_not_count():
    target = Leaky(("log", "debug.log", lambda s, p: True), ("log", "app.log", lambda s, p: s.stream))
    (found,) = Minimiser(target.send, target.read).run([leak(BIG)])
    assert Stimulus.model_validate(found.stimulus) == Stimulus(answer=False, stream=True)


def test_a_leak_that_needs_what_came_before_is_called_not_reproduced():
    target = Leaky()
    (found,) = Minimiser(target.send, target.read).run([leak(BIG)])
    assert (found.outcome, found.smallest, found.interaction) == ("not_reproduced", False, None)
    assert Stimulus.model_validate(found.stimulus) == BIG


def test_one_small_request_explains_every_larger_one_in_the_same_place():
    target = Leaky(("log", "app.log", lambda s, p: s.stream))
    wholes = [Stimulus(stream=True), Stimulus(stream=True, thinking=True), Stimulus(stream=True, padding=900), BIG]
    found = Minimiser(target.send, target.read).run([leak(whole, number=n) for n, whole in enumerate(wholes)])
    assert {str(f.stimulus) for f in found} == {str(data(Stimulus(answer=False, stream=True)))}
    assert all(f.smallest for f in found)
    assert len(target.sent) <= 4


def test_a_round_reads_each_source_once_however_many_leaks_there_are():
    target = Leaky(("log", "app.log", lambda s, p: True), ("db", "t", lambda s, p: s.stream))
    leaks = [
        leak(BIG, place, source, thing) for place in ("message", "system", "image") for source, thing in (("log", "app.log"), ("db", "t"))
    ]
    Minimiser(target.send, target.read).run(leaks)
    assert len(target.readings) <= 8


@pytest.mark.parametrize("requests", [0, 1, 3, 7])
def test_the_number_of_requests_is_bounded_and_the_best_so_far_is_told(requests):
    target = Leaky(("log", "app.log", lambda s, p: s.stream and s.cache))
    leaks = [leak(BIG, place) for place in ("message", "system", "image")]
    found = Minimiser(target.send, target.read, requests=requests).run(leaks)
    assert len(target.sent) <= requests
    assert {f.outcome for f in found} <= {"reduced", "not_tried"}
    assert not any(f.smallest for f in found)


def test_no_round_begins_when_the_time_is_over():
    target = Leaky(("log", "app.log", lambda s, p: True))
    (found,) = Minimiser(target.send, target.read, seconds=-1).run([leak(BIG)])
    assert (found.outcome, target.sent, target.readings) == ("not_tried", [], [])


def test_nothing_is_sent_where_nothing_leaked():
    target = Leaky(("log", "app.log", lambda s, p: True))
    assert Minimiser(target.send, target.read).run([]) == []
    assert (target.sent, target.readings) == ([], [])


def test_shapes_survive_their_data_and_their_features():
    for shape in (
        Stimulus(),
        BIG,
        Stimulus(places=frozenset(), answer=False),
        Stimulus(wrong="broken_json", answer=False, headers=(("a", "b"),)),
    ):
        assert Stimulus.model_validate(data(shape)) == shape
        assert build(features(shape)) == shape
        assert within(features(shape), features(shape))
    assert within(features(Stimulus(padding=10)), features(Stimulus(padding=20)))
    assert not within(features(Stimulus(padding=20)), features(Stimulus(padding=10)))
    assert not within(features(BIG), features(Stimulus()))


def test_words_say_what_is_left():
    assert words("messages.create", Stimulus(answer=False)) == "one plain request with content in the user's message"
    assert words("messages.create", Stimulus(answer=False, stream=True, padding=18_000)) == (
        "one streamed request with content in the user's message, and with 18,000 bytes of filler"
    )
    wishes = Stimulus(steady=True, brief=True, turns=6, scripts=True, closing=True, headers=(("traceparent", "00-1"),), answer=False)
    assert words("messages.create", wishes) == (
        "one request with content in the user's message, and with a bound that cuts the answer off, its last words as the place of the content, the header "
        "traceparent, a sentence in several writing systems, the temperature at zero and 6 earlier turns"
    )
    assert build(features(wishes)) == wishes
    manners = Stimulus(store=True, chunked=True, unnamed=True, answer=False)
    assert words("messages.create", manners) == (
        "one request with content in the user's message, and with its body in chunks of untold length, the wish to be stored and no User-Agent"
    )
    assert build(features(manners)) == manners
    assert words("messages.count_tokens", Stimulus(wrong="unknown_model", answer=False)) == (
        "one request to count tokens that names an unknown model with content in the user's message"
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("otlp-2026-11-25.jsonl", "otlp-2026-11-26.jsonl", True),
        ("tmpa1b2c3d4", "tmp00ffee11", True),
        ("archive/req_011CSHoEeqs5C35K2UUqR7Fy", "archive/req_022DTIpFfrt6D46L3VVrS8Gz", True),
        ("app.log", "debug.log", False),
        ("conversations", "request_archive", False),
    ],
)
def test_objects_are_of_one_kind_but_for_what_differs_by_request(one, other, same):
    assert (kind_of(one) == kind_of(other)) is same


ODD = [
    Stimulus(unfinished=True, padding=5_000, answer=False),
    Stimulus(sampling="nucleus", bare=True, pdf=True, places=frozenset({"document"})),
    Stimulus(store=True, tool_failed=True, chunked=True, unnamed=True, answer=False),
    Stimulus(steady=True, brief=True, turns=6, scripts=True, closing=True, headers=(("traceparent", "00-1"),), answer=False),
    Stimulus(answer=False),
    Stimulus(stream=True, padding=20_000, noise=5_000),
    Stimulus(places=frozenset(PLACES), cache=True, session="it's"),
    Stimulus(wrong="broken_json", answer=False),
    Stimulus(wrong="bad_credential", answer=False),
    Stimulus(stream=True, abandon_after=2_500, padding=200),
]


@pytest.mark.parametrize("shape", ODD)
def test_the_script_is_valid_bash_and_holds_neither_credential_nor_canary(shape, tmp_path):
    profile = load("simulator", {"ZDR_SIM_DATA": str(tmp_path)}, None).profile
    member = profile.actors["subject"]["member"]
    text = curl(profile, dialect_of(profile), "messages.create", shape, "model-a", "log, $(touch owned) `x` \n app.log")
    script = tmp_path / "script.sh"
    script.write_text(text)
    assert subprocess.run(["bash", "-n", str(script)], check=False, capture_output=True).returncode == 0
    assert "CANARY" in text
    assert member.sample not in text
    assert (f"${{{member.env}:?}}" in text) is (shape.wrong != "bad_credential")


def test_a_credential_that_a_command_prints_is_asked_of_the_command_and_gets_its_prefix(tmp_path):
    profile = load("simulator", {"ZDR_SIM_DATA": str(tmp_path)}, None).profile
    member = profile.actors["subject"]["member"].model_copy(
        update={"env": None, "sample": None, "command": ("token", "of us"), "header": "authorization", "prefix": "Token"}
    )
    actors = {**profile.actors, "subject": {**profile.actors["subject"], "member": member}}
    text = curl(profile.model_copy(update={"actors": actors}), dialect_of(profile), "messages.create", Stimulus(), "Model-A", "log")
    assert """-H "authorization: Token $(token 'of us')\"""" in text


def test_a_script_names_a_session_in_the_profiles_header_where_there_is_one(tmp_path):
    profile = load("simulator", {"ZDR_SIM_DATA": str(tmp_path)}, None).profile
    spec = profile.operations["messages.create"].model_copy(update={"headers": {"x-thread": "t-{session}"}})
    told = profile.model_copy(update={"operations": profile.operations | {"messages.create": spec}})
    texts = [curl(told, dialect_of(told), "messages.create", Stimulus(session=name), "model-a", "log") for name in ("one", None)]
    assert ["x-thread: t-one" in text for text in texts] == [True, False]
    assert "x-thread" not in texts[1]


def test_the_script_sends_the_request_that_it_describes(tmp_path):
    profile = load("simulator", {"ZDR_SIM_DATA": str(tmp_path)}, None).profile
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "curl").write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@" > arguments\ncat > body\n')
    (tools / "curl").chmod(0o755)
    shape = Stimulus(answer=False, stream=True, padding=20_000, chunked=True, unnamed=True)
    (tmp_path / "script.sh").write_text(curl(profile, dialect_of(profile), "messages.create", shape, "model-a", "log"))
    environment = {"PATH": f"{tools}:/usr/bin:/bin", profile.actors["subject"]["member"].env: "secret-of-the-test"}
    subprocess.run(["bash", "script.sh"], cwd=tmp_path, env=environment, check=True)
    body, arguments = (tmp_path / "body").read_text(), (tmp_path / "arguments").read_text().splitlines()
    assert "x-api-key: secret-of-the-test" in arguments
    assert f"{profile.target.base_url}/v1/messages?beta=true" in arguments
    assert {"transfer-encoding: chunked", "user-agent:"} <= set(arguments)
    assert 20_000 < len(body) < 21_000
    assert '"stream": true' in body
    assert body.count("CANARY") == 1
