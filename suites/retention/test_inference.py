"""Prompts and answers of inference requests are kept nowhere."""

from __future__ import annotations

from zdr_audit.suite.expect import Expect
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import Inconclusive

from . import scenarios as after
from . import unusual


@control("ZDR-RET-01", after=(after.plain_requests, after.the_last_requests, unusual.unusual_requests))
def test_prompts_of_plain_requests_are_kept_nowhere(expect: Expect) -> None:
    # The last of them too, which were sent right before the stores were read: not even for a while.
    plain = expect.some(step="ask", content="zdr")
    expect.kept_nowhere(plain, kinds=("prompt",), promise="the prompt of a plain request must not be kept")


@control("ZDR-RET-02", after=after.plain_requests)
def test_answers_of_plain_requests_are_kept_nowhere(expect: Expect) -> None:
    expect.sees_answers_of_the_control_organization()
    expect.kept_nowhere(kinds=("response",), answers=3, promise="the answer to a plain request must not be kept")


@control("ZDR-RET-03", after=(after.streamed_requests, after.the_last_requests, unusual.unusual_requests))
def test_streamed_requests_leave_neither_prompt_nor_answer(expect: Expect) -> None:
    streamed = [*expect.some(scenario=after.streamed_requests.name, content="zdr"), *expect.some(step="ask streamed", content="zdr")]
    expect.kept_nowhere(streamed, answers=2, promise="nothing of a streamed request must be kept")


@control("ZDR-RET-04", after=after.system_prompts_and_earlier_turns)
def test_system_prompts_and_earlier_turns_are_kept_nowhere(expect: Expect) -> None:
    expect.kept_nowhere(promise="system prompts, earlier turns and prefilled answers must not be kept")


@control("ZDR-RET-05", after=after.tool_use)
def test_tool_definitions_inputs_and_results_are_kept_nowhere(expect: Expect) -> None:
    expect.kept_nowhere(promise="tool definitions, inputs and results must not be kept")


@control("ZDR-RET-06", after=after.images_and_documents)
def test_images_and_documents_are_kept_nowhere(expect: Expect) -> None:
    expect.kept_nowhere(promise="images, documents and their names must not be kept")


@control("ZDR-RET-07", after=after.every_model)
def test_the_promise_holds_for_every_model_listed(expect: Expect) -> None:
    refused = {i.model for i in expect.where(organization="subject", outcome="refused_by_policy")}  # which keeps the promise, too
    steps = {i.step for i in expect.where(organization="subject") if i.model in refused}
    expect.kept_nowhere(answers=1, refusable=steps, promise="content must not be kept, whichever model is asked")
    asked = {i.model for i in expect.where(organization="subject")}
    answered = {i.model for i in expect.where(organization="subject", accepted=True)}
    if asked - answered - refused:
        raise Inconclusive(f"these models answered no request: {', '.join(sorted(m or '' for m in asked - answered - refused))}")


@control("ZDR-RET-08", after=after.content_in_other_fields)
def test_content_in_other_fields_is_kept_nowhere(expect: Expect) -> None:
    expect.kept_nowhere(promise="content in metadata, stop sequences, schema enums, file names and headers must not be kept")


@control("ZDR-RET-14", after=after.token_counting)
def test_token_counting_keeps_nothing(expect: Expect) -> None:
    expect.kept_nowhere(promise="nothing of a prompt whose tokens are counted must be kept")


@control("ZDR-RET-21", after=after.reports_of_clients)
def test_reports_of_clients_leave_nothing(expect: Expect) -> None:
    expect.dealt_with(expect.some(step="report events"))
    expect.kept_nowhere(promise="content in a client's report of events or counts must not be kept")


@control("ZDR-RET-15", after=after.long_and_cached_prompts)
def test_long_and_cached_prompts_are_not_persisted(expect: Expect) -> None:
    expect.kept_nowhere(promise="long prompts and prompts with cache markers must not be persisted")


@control("ZDR-RET-15", after=(after.long_and_cached_prompts, after.a_long_session))
def test_what_a_session_says_again_and_again_is_not_persisted(expect: Expect) -> None:
    again = expect.some(scenario=after.a_long_session.name, content="zdr")
    expect.kept_nowhere(again, promise="a beginning with cache markers must not be persisted, however often it is used")


@control("ZDR-RET-15", after=(after.long_and_cached_prompts, after.time_goes_by), reads_late=True)
def test_what_is_held_in_memory_for_a_while_is_not_written_when_its_time_is_over(expect: Expect) -> None:
    expect.about(after.time_goes_by)
    expect.presupposes(
        expect.some(step="ask when time has gone by"), "what is over is often dealt with at the next request, so there must be one"
    )
    before = expect.some(step="ask before time goes by")
    expect.kept_nowhere(before, epochs=("late",), promise="what is held in memory for a while must not be written when its time is over")


@control("ZDR-RET-18", after=after.generated_shapes)
def test_no_combination_of_fields_is_kept(expect: Expect) -> None:
    expect.kept_nowhere(promise="nothing of a request must be kept, whatever its shape")


@control("ZDR-RET-18", after=(after.generated_shapes, after.a_long_session))
def test_nothing_of_a_session_is_kept_however_long_it_grows(expect: Expect) -> None:
    session = expect.some(scenario=after.a_long_session.name, content="zdr")
    expect.kept_nowhere(session, promise="nothing of a session must be kept, however long it grows")


@control("ZDR-RET-18", after=(after.generated_shapes, after.few_and_many))
def test_nothing_is_kept_of_requests_with_many_of_a_thing(expect: Expect) -> None:
    expect.about(after.few_and_many)
    many = expect.some(scenario=after.few_and_many.name, content="zdr")
    expect.kept_nowhere(many, promise="nothing of a request must be kept, however many turns, tools or blocks it has")


@control("ZDR-RET-18", after=(after.generated_shapes, after.requests_with_less_in_their_address))
def test_nothing_is_kept_of_requests_with_less_in_their_address(expect: Expect) -> None:
    expect.about(after.requests_with_less_in_their_address)
    plainer = expect.some(scenario=after.requests_with_less_in_their_address.name, content="zdr")
    expect.kept_nowhere(plainer, promise="nothing of a request must be kept, whatever its query and headers leave out")
