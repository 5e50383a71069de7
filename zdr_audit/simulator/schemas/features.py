"""Shapes of the storing features."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from zdr_audit.simulator.schemas.base import Answer, Page, Request


class AnyObject(Request):
    """Any JSON object; sessions and titles carry a `prompt`."""


class FeedbackRequest(Request):
    """`content` is JSON as a string, the way the client sends it."""

    content: str


class BatchItem(Request):
    custom_id: str
    params: dict[str, Any]


class BatchRequest(Request):
    requests: Annotated[list[BatchItem], Field(min_length=1)]


class StoredObject(Answer):
    """A stored object; `content` and `events` are given when one is read."""

    id: str
    type: str
    created_at: str
    expires_at: str
    content: Any = None
    events: list[Any] | None = None


class StoredList(Page):
    data: list[StoredObject]


class Accepted(Answer):
    """An append to an object."""

    id: str
    object_id: str


class FileObject(Answer):
    id: str
    type: Literal["file"] = "file"
    filename: str
    mime_type: str
    size_bytes: int
    created_at: str
    downloadable: bool = True


class FileList(Page):
    data: list[FileObject]


class Deleted(Answer):
    id: str
    type: str


class BatchCounts(Answer):
    processing: int
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class BatchObject(Answer):
    id: str
    type: Literal["message_batch"] = "message_batch"
    processing_status: Literal["in_progress"] = "in_progress"
    request_counts: BatchCounts
    created_at: str
    expires_at: str
    ended_at: str | None = None
    archived_at: str | None = None
    cancel_initiated_at: str | None = None
    results_url: str | None = None


class BatchList(Page):
    data: list[BatchObject]


class FeedbackAnswer(Answer):
    feedback_id: str


class TitleAnswer(Answer):
    title: str
    branch: str


class Provider(Answer):
    id: str
    kind: str


class ProviderList(Answer):
    data: list[Provider]
