"""Hypothesis composes request shapes: any combination of places, streaming, caching, thinking, length and model, sent in the manners of many clients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from zdr_audit.target.stimulus import IN_BLOCKS, INSIDE, PLACES, REFUSABLE, RESULT, SEARCH, Place, Stimulus

LONG = 20_000
"""Bytes of padding that make a request a long one."""
PLAINLY = 10
"""So many shapes ask for nothing that a model might not take: as many as must be accepted."""
IN_TURN: tuple[frozenset[Place], ...] = (
    frozenset({"result_text", "result_image"}),
    SEARCH,
    frozenset({"document_context"}),
    RESULT - {"result_text", "result_image"},
)
"""Places that the shapes have in turn that ask for more than every model takes: younger than the interfaces that they belong to, so not every target has
them."""
_DRAWN = tuple(place for place in PLACES if place not in REFUSABLE | (IN_BLOCKS - INSIDE))
Headers = tuple[tuple[str, str], ...]
CLIENTS: tuple[Headers, ...] = (
    (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("baggage", "sampled=true")),
    (("idempotency-key", "zdr-audit-{n}"), ("x-request-id", "zdr-audit-{n}")),
    (("user-agent", "claude-cli/2.1.330 (external, cli)"), ("x-app", "cli"), ("anthropic-beta", "claude-code-20250219")),
    (("x-stainless-retry-count", "2"), ("x-stainless-lang", "python"), ("x-stainless-helper-method", "stream")),
    (("accept-language", "de-CH, de;q=0.9"), ("origin", "https://console.example"), ("referer", "https://console.example/code")),
    (("x-forwarded-for", "198.51.100.7"), ("x-correlation-id", "zdr-audit-{n}"), ("via", "1.1 gateway.example")),
    (("x-b3-sampled", "1"), ("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678;Sampled=1")),
    (("cache-control", "no-cache"), ("x-priority", "batch"), ("dnt", "0")),
)
"""Headers that clients and gateways send with a request, and that change nothing of what is asked. `{n}` is a number of the request's own."""
MANNERS: tuple[dict[str, object], ...] = (
    {"steady": True, "closing": True},
    {"brief": True, "answer": False, "scripts": True, "sampling": "warm"},
    {"turns": 6, "scripts": True, "sampling": "nucleus", "tool_choice": "any"},
    {"turns": 30, "tools": 16, "copies": 6, "tool_choice": "named"},
)
"""What else is asked for: each decides in many a backend whether an answer is cached, continued or sampled, or its tools compiled."""


@st.composite
def stimuli(draw: st.DrawFn, models: Sequence[str]) -> Stimulus:
    """One valid request shape."""
    places: frozenset[Place] = draw(st.frozensets(st.sampled_from(_DRAWN), min_size=1, max_size=len(_DRAWN)))
    return Stimulus(
        model=draw(st.sampled_from(list(models))),
        stream=draw(st.booleans()),
        places=places,
        padding=draw(st.sampled_from((0, 0, 0, 500, 5_000, 20_000, 70_000))),
        cache=draw(st.booleans()),
        thinking=draw(st.booleans()) and "prefill" not in places,
        session=draw(st.sampled_from((None, "session-a", "session-b"))),
    )


def shapes(models: Sequence[str], count: int, run_seed: int) -> list[Stimulus]:
    """`count` different shapes, among which every place, every option and every model occurs, as far as there is room; the same seed and models give the
    same ones."""
    drawn: dict[Stimulus, None] = {}

    @seed(run_seed)
    @settings(max_examples=count * 3, database=None, deadline=None, phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(stimuli(models))
    def collect(stimulus: Stimulus) -> None:
        drawn.setdefault(stimulus)

    collect()
    chosen = list(drawn)[:count]
    return _mannered([*_covering(chosen[:PLAINLY], models), *chosen[PLAINLY:]])


def _mannered(shapes: list[Stimulus]) -> list[Stimulus]:
    """The shapes as many clients would send them; those beyond the first ones ask for more than every model takes. Whatever the manner, there is content in
    the user's own words: where a manner decides that something is kept, these are what is kept most often."""
    made = []
    for n, shape in enumerate(shapes):
        headers = tuple((name, value.replace("{n}", str(n))) for name, value in CLIENTS[n % len(CLIENTS)])
        more = MANNERS[(n - PLAINLY) % len(MANNERS)] if n >= PLAINLY else {}
        further = IN_TURN[(n - PLAINLY) % len(IN_TURN)] if n >= PLAINLY else frozenset()
        thinks = shape.thinking and not (
            {"steady", "brief", "sampling", "tool_choice"} & set(more)
        )  # who thinks does so at a temperature and length of the model's own
        # Of an answer that is begun for it a model can make no call of a tool: interfaces refuse both at once.
        places = (shape.places | {"tool_schema"}) - {"prefill"} if "tool_choice" in more else shape.places
        made.append(shape.model_copy(update={"headers": headers, "places": places | {"message"} | further} | more | {"thinking": thinks}))
    return made


def _covering(drawn: list[Stimulus], models: Sequence[str]) -> list[Stimulus]:
    """The shapes with what none of them has put into one of them, each into another: whether a leak is found must not hang on the seed."""
    shapes = list(drawn)
    wanted: list[tuple[Callable[[Stimulus], bool], Callable[[Stimulus], Stimulus]]] = [
        (
            lambda s: s.thinking,
            lambda s: s.model_copy(update={"thinking": True, "places": s.places - {"prefill"} or frozenset({"message"})}),
        ),
        (lambda s: s.stream, lambda s: s.model_copy(update={"stream": True})),
        (lambda s: not s.stream, lambda s: s.model_copy(update={"stream": False})),
        (lambda s: s.cache, lambda s: s.model_copy(update={"cache": True})),
        (lambda s: s.padding >= LONG, lambda s: s.model_copy(update={"padding": LONG})),
        (lambda s: s.session is not None, lambda s: s.model_copy(update={"session": "session-a"})),
        *((lambda s, p=place: p in s.places, lambda s, p=place: s.model_copy(update=_with(s, p))) for place in _DRAWN),
        *((lambda s, m=model: s.model == m, lambda s, m=model: s.model_copy(update={"model": m})) for model in models),
    ]
    for number, (holds, put) in enumerate(wanted):
        # What is put in must not take away the only one of something else.
        for at in range(len(shapes)) if not any(map(holds, shapes)) else ():
            place = (number + at) % len(shapes)
            tried = [*shapes[:place], put(shapes[place]), *shapes[place + 1 :]]
            if len(set(tried)) == len(tried) and all(any(map(other, tried)) for other, _ in wanted if any(map(other, shapes))):
                shapes = tried
                break
    return shapes


def _with(stimulus: Stimulus, place: Place) -> dict[str, object]:
    return {"places": stimulus.places | {place}} | ({"thinking": False} if place == "prefill" else {})
