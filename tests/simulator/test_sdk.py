"""The official Python SDK works against the simulator unchanged. Runs with the newest major version and with 0.125 alike."""

from __future__ import annotations

import io

import anthropic
import pytest

from .backend import MODEL, Backend, canary, halves


@pytest.fixture
def control(backend: Backend) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="sample-key-control-member", base_url=backend.base_url)


@pytest.fixture
def subject(backend: Backend) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="sample-key-subject-member", base_url=backend.base_url)


def asked(answer: str) -> list[anthropic.types.MessageParam]:
    first, second = halves(answer)
    return [{"role": "user", "content": f'Join these parts and answer with the result only: "{first}" "{second}"'}]


def test_create_answers_with_what_was_asked_for(subject: anthropic.Anthropic) -> None:
    wanted = canary()
    message = subject.messages.create(model=MODEL, max_tokens=100, messages=asked(wanted))
    assert message.content[0].type == "text"
    assert message.content[0].text == wanted
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0
    assert message._request_id


def test_the_raw_answer_names_request_and_organization(subject: anthropic.Anthropic) -> None:
    raw = subject.messages.with_raw_response.create(model=MODEL, max_tokens=100, messages=asked(canary()))
    assert raw.headers["request-id"].startswith("req_")
    assert raw.headers["anthropic-organization-id"] == "org_subject"


def test_a_stream_yields_the_text_in_pieces_and_a_final_message(subject: anthropic.Anthropic) -> None:
    wanted = canary()
    with subject.messages.stream(model=MODEL, max_tokens=100, messages=asked(wanted)) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == wanted
    assert final.content[0].type == "text"
    assert final.content[0].text == wanted
    assert final.usage.output_tokens > 0


def test_a_forced_tool_gets_its_input_streamed_or_not(subject: anthropic.Anthropic) -> None:
    wanted = canary()
    tool: anthropic.types.ToolParam = {"name": "give", "input_schema": {"type": "object"}}
    message = subject.messages.create(
        model=MODEL, max_tokens=100, messages=asked(wanted), tools=[tool], tool_choice={"type": "tool", "name": "give"}
    )
    assert message.content[0].type == "tool_use"
    assert message.content[0].input == {"result": wanted}
    with subject.messages.stream(model=MODEL, max_tokens=100, messages=asked(wanted), tools=[tool], tool_choice={"type": "any"}) as stream:
        final = stream.get_final_message()
    assert final.content[0].type == "tool_use"
    assert final.content[0].input == {"result": wanted}
    assert final.stop_reason == "tool_use"


def test_thinking_comes_as_a_signed_block(subject: anthropic.Anthropic) -> None:
    with subject.messages.stream(
        model=MODEL, max_tokens=3000, messages=asked(canary()), thinking={"type": "enabled", "budget_tokens": 1024}
    ) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.content[0].type == "thinking"
    assert final.content[0].thinking
    assert final.content[0].signature


def test_tokens_are_counted(subject: anthropic.Anthropic) -> None:
    short = subject.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "a"}])
    longer = subject.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "a" * 400}])
    assert longer.input_tokens - short.input_tokens == 99


def test_models_are_listed_and_read(subject: anthropic.Anthropic) -> None:
    assert [model.id for model in subject.models.list()] == ["claude-opus-sim-1", "claude-sonnet-sim-1", "claude-haiku-sim-1"]
    assert subject.models.retrieve(MODEL).id == MODEL


def test_an_unknown_model_is_not_found(subject: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        subject.messages.create(model="claude-none", max_tokens=100, messages=asked(canary()))


def test_a_wrong_key_is_not_authenticated(backend: Backend) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(api_key="nobody", base_url=backend.base_url).models.list()


def test_files_are_refused_under_zdr_and_work_without(subject: anthropic.Anthropic, control: anthropic.Anthropic) -> None:
    # files left beta in the newest version
    of_subject, of_control = (getattr(client, "files", None) or client.beta.files for client in (subject, control))
    with pytest.raises(anthropic.PermissionDeniedError) as refused:
        of_subject.upload(file=("a.txt", io.BytesIO(b"text"), "text/plain"))
    assert "policy" in str(refused.value)
    assert refused.value.request_id
    file = of_control.upload(file=("a.txt", io.BytesIO(b"text"), "text/plain"))
    assert file.filename == "a.txt"
    assert file.id in [one.id for one in of_control.list()]
    of_control.delete(file.id)


def test_batches_are_refused_under_zdr_and_work_without(subject: anthropic.Anthropic, control: anthropic.Anthropic) -> None:
    request = {"custom_id": "one", "params": {"model": MODEL, "max_tokens": 10, "messages": asked(canary())}}
    with pytest.raises(anthropic.PermissionDeniedError):
        subject.messages.batches.create(requests=[request])  # type: ignore[list-item]
    batch = control.messages.batches.create(requests=[request])  # type: ignore[list-item]
    assert batch.processing_status == "in_progress"
    assert control.messages.batches.retrieve(batch.id).request_counts.processing == 1


def test_an_injected_failure_is_retried_by_the_sdk(backend: Backend, subject: anthropic.Anthropic) -> None:
    fault = {"organization_id": "org_subject", "status": 529, "count": 1}
    assert backend.post("/operator/faults", "operator", json=fault).status_code == 200
    assert subject.messages.create(model=MODEL, max_tokens=100, messages=asked(canary())).stop_reason == "end_turn"
