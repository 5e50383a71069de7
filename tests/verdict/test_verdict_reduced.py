"""What the report says of the smallest request that leaks: the request, what came back where it matters, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from engine_events import by_control

from zdr_audit.journal.events import LeakReduced
from zdr_audit.target import shape
from zdr_audit.target.call import Call
from zdr_audit.target.malformed import Malformed
from zdr_audit.target.stimulus import Stimulus
from zdr_audit.verdict.reduced import _answered, data_of, said, shape_of

STIMULUS = Stimulus(stream=True)
CALL = Call(operation="files.create", title="POST /v1/files", method="POST", path="/v1/files", content=(("body", "name"),))
MALFORMED = Malformed(label="POST /v1/files", method="POST", path="/v1/files", mistake="list", content=("an item",))
REQUESTS = [STIMULUS, CALL, MALFORMED]


def answered(request: Any, status: int | None, source: str = "db", *, sent: bool = True) -> str:
    event = LeakReduced(
        source=source,
        object="conversations",
        operation="messages.create",
        canaries=("c-00001",),
        outcome="reduced",
        smallest=True,
        tried=3,
        stimulus={},
        interaction="i-00001",
    )
    return _answered(event, request, by_control(1, status=status) if sent else None)


@pytest.mark.parametrize("request_", REQUESTS, ids=["stimulus", "call", "malformed"])
def test_a_request_is_written_without_what_it_has_by_default_and_read_back(request_):
    written = data_of(request_)
    assert shape_of(written) == request_
    assert "role" not in str(written), "nobody need be told what is so anyway"
    assert ("call" in written, "malformed" in written) == (isinstance(request_, Call), isinstance(request_, Malformed))
    if isinstance(request_, Stimulus):
        assert written == shape.data(request_)
    assert said("messages.create", request_)


@pytest.mark.parametrize("request_", [CALL, MALFORMED], ids=["call", "malformed"])
@pytest.mark.parametrize(("status", "refused"), [(200, False), (399, False), (400, True), (403, True), (499, True), (500, False)])
def test_that_it_was_refused_and_kept_all_the_same_is_said(request_, status, refused):
    words = f"; the target refused it (status {status}), and kept the content all the same"
    assert answered(request_, status) == (words if refused else "")
    assert answered(request_, status, "api") == (words if refused else "")
    assert answered(STIMULUS, status) == ""


@pytest.mark.parametrize("request_", REQUESTS, ids=["stimulus", "call", "malformed"])
def test_content_that_came_back_in_the_answer_is_said_to(request_):
    assert answered(request_, 400, "answers") == "; its content came back in the answer (status 400)"
    assert answered(request_, None, "answers") == answered(request_, 400, "answers", sent=False) == ""
