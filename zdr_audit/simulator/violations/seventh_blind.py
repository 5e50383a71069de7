"""Violations of a seventh blind list: what an ordinary team adds to a service that works, and what nobody told the job beside it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sqlalchemy import select, text, update

from zdr_audit.simulator.context import CUSTOMER_ROLES, Caller, RequestContext
from zdr_audit.simulator.endpoints.admin import CONTRACT, SYSTEM
from zdr_audit.simulator.errors import NotFoundError
from zdr_audit.simulator.features import Feature, FeatureEndpoint
from zdr_audit.simulator.model import Completion
from zdr_audit.simulator.operations import Handler, Operation, Reply
from zdr_audit.simulator.schemas.admin import CreatedOrganization, CreateOrganization
from zdr_audit.simulator.schemas.messages import MessageAnswer, MessagesRequest
from zdr_audit.simulator.tables import AuditEntry, FeatureObject, Hold, OutsideMessage
from zdr_audit.simulator.texts import attachments, texts
from zdr_audit.simulator.violations import alter, wrap
from zdr_audit.simulator.violations.keeping import also, applies

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts

Check = Callable[[RequestContext, Feature, FeatureEndpoint], None]
Span = Callable[[RequestContext, bool], dict[str, Any]]


def _inferred(ctx: RequestContext) -> MessagesRequest | None:
    """The request of an inference that was answered; None for all else."""
    return ctx.parsed if applies(ctx, {"status_below": 400}) and isinstance(ctx.parsed, MessagesRequest) else None


# Retention


def messages_are_searchable(parts: Parts) -> None:
    """What users say goes to a full-text index without the texts themselves: each word once, in order, and in which messages it is."""

    def index(ctx: RequestContext) -> None:
        request = _inferred(ctx)
        if request is None or parts.stores.shared:  # the index is one of SQLite
            return
        said = "\n".join(said for role, said in texts(request) if role == "user")
        with parts.stores.write() as session:
            session.execute(text("CREATE VIRTUAL TABLE IF NOT EXISTS message_index USING fts5(said, content='')"))
            session.execute(text("INSERT INTO message_index (said) VALUES (:said)"), {"said": said})

    also(parts, index)


def answers_can_be_fetched_again(parts: Parts, minutes: int) -> None:
    """Plain answers are held in memory, so that a client whose connection broke can fetch what it paid for."""
    held: dict[str, tuple[str, str, MessageAnswer]] = {}

    def make(handler: Handler) -> Handler:
        def answer_and_hold(those: Parts, ctx: RequestContext) -> Reply:
            reply = handler(those, ctx)
            if isinstance(reply.body, MessageAnswer):
                held[reply.body.id] = (ctx.organization, parts.clock.stamp(seconds=60 * minutes), reply.body)
            return reply

        return answer_and_hold

    def fetch(_parts: Parts, ctx: RequestContext) -> Reply:
        organization, until, answer = held.get(ctx.path["id"], ("", "", None))
        if answer is None or organization != ctx.organization or until <= parts.clock.stamp():
            raise NotFoundError
        return Reply(answer)

    alter(parts, "messages.create", handler=make)
    parts.operations.append(
        Operation(
            "messages.read",
            "GET",
            "/v1/messages/{id}",
            "Fetch an answer of the last minutes again",
            fetch,
            CUSTOMER_ROLES,
            answer=MessageAnswer,
            carries_content=True,
            versioned=True,
        )
    )


def _notes(image: bytes) -> Iterator[bytes]:
    """The texts beside the picture: text chunks of a PNG, comments and EXIF of a JPEG."""
    at = 8
    while image.startswith(b"\x89PNG") and at + 8 <= len(image):
        size, kind = int.from_bytes(image[at : at + 4]), image[at + 4 : at + 8]
        if kind in {b"tEXt", b"iTXt"}:
            yield image[at + 8 : at + 8 + size]
        at += 12 + size
    at = 2
    while image.startswith(b"\xff\xd8") and at + 4 <= len(image) and image[at] == 0xFF:
        size = int.from_bytes(image[at + 2 : at + 4])
        if image[at + 1] in {0xE1, 0xFE}:
            yield image[at + 4 : at + 2 + size]
        at += 2 + size


def image_metadata_is_catalogued(parts: Parts) -> None:
    """A catalogue of images tells how large they are and what their files say of them; the pictures are not in it."""

    def catalogue(ctx: RequestContext) -> None:
        request = _inferred(ctx)
        for number, image in enumerate(attachments(request) if request is not None else ()):
            notes = b"; ".join(b" ".join(re.findall(rb"[ -~\x80-\xff]{4,}", note)) for note in _notes(image))
            if notes:
                row = {"id": f"{ctx.request_id}.{number}", "size": len(image), "about": notes.decode("utf-8", "replace")}
                with parts.stores.write() as session:
                    session.execute(text("CREATE TABLE IF NOT EXISTS image_catalogue (id TEXT PRIMARY KEY, size INTEGER, about TEXT)"))
                    session.execute(text("INSERT INTO image_catalogue VALUES (:id, :size, :about)"), row)

    also(parts, catalogue)


def baggage_is_copied_to_spans(parts: Parts) -> None:
    """The tracing library copies the members of the `baggage` header, which clients fill, to the attributes of each span."""

    def make(span: Span) -> Span:
        def span_with_baggage(ctx: RequestContext, keep: bool) -> dict[str, Any]:
            line = span(ctx, keep)
            attributes = line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
            for member in ctx.headers.get("baggage", "").split(","):
                name, found, value = member.partition(";")[0].partition("=")
                if found:
                    attributes.append({"key": name.strip(), "value": {"stringValue": unquote(value.strip())}})
            return line

        return span_with_baggage

    wrap(parts.retention, "span", make)


def stop_sequences_that_hit_are_logged(parts: Parts) -> None:
    """The log tells why an answer ended: where that was a stop sequence, which one."""
    hits: dict[str, str] = {}

    def make_complete(complete: Callable[[MessagesRequest, RequestContext], Completion]) -> Callable[..., Completion]:
        def complete_and_note(request: MessagesRequest, ctx: RequestContext) -> Completion:
            completion = complete(request, ctx)
            if completion.stop_sequence is not None:
                hits[ctx.request_id] = completion.stop_sequence
            return completion

        return complete_and_note

    def make_line(log_line: Span) -> Span:
        def log_line_with_end(ctx: RequestContext, keep: bool) -> dict[str, Any]:
            hit = hits.pop(ctx.request_id, None)
            return log_line(ctx, keep) | ({} if hit is None else {"stopped_by": hit})

        return log_line_with_end

    wrap(parts.model, "complete", make_complete)
    wrap(parts.retention, "log_line", make_line)


# Exceptions


def reading_leaves_a_copy(parts: Parts) -> None:
    """Whoever reads kept content gets it as a file of their case, which the purge of the table does not know of."""

    def make(read: Callable[[Caller, str], dict[str, Any]]) -> Callable[[Caller, str], dict[str, Any]]:
        def read_and_file(caller: Caller, exception_id: str) -> dict[str, Any]:
            found = read(caller, exception_id)
            parts.stores.blobs.put("cases", exception_id, json.dumps(found, ensure_ascii=False).encode())
            return found

        return read_and_file

    wrap(parts.exceptions, "read", make)


def one_release_ends_all_holds(parts: Parts) -> None:
    """The release goes by the session that the hold names, and two cases may hold the same one."""

    def make(release: Callable[[Caller, str], None]) -> Callable[[Caller, str], None]:
        def release_session(caller: Caller, hold_id: str) -> None:
            with parts.stores.write() as session:
                row = session.get(Hold, hold_id)
                if row is not None and row.released_at is None:
                    others = (Hold.organization_id == row.organization_id, Hold.session_id == row.session_id, Hold.id != hold_id)
                    session.execute(update(Hold).where(*others, Hold.released_at.is_(None)).values(released_at=parts.clock.stamp()))
            release(caller, hold_id)

        return release_session

    wrap(parts.exceptions, "release_hold", make)


# Scope


def chat_purge_leaves_the_answers(parts: Parts) -> None:
    """At its end a chat message is made anonymous: what the user wrote goes, what the model wrote stays for statistics."""

    def make(run: Callable[[], dict[str, int]]) -> Callable[[], dict[str, int]]:
        def blank_and_run() -> dict[str, int]:
            due = (OutsideMessage.service == "chat", OutsideMessage.expires_at <= parts.clock.stamp())
            with parts.stores.write() as session:
                session.execute(update(OutsideMessage).where(*due).values(text="", user_id="", expires_at="9999"))
            return run()

        return blank_and_run

    wrap(parts.purge, "run", make)


# Blocked features


def limits_are_dated_by_settings(parts: Parts) -> None:
    """Policy limits carry the date of the organization's last settings, and who has an answer of that date is told that nothing changed."""

    def date(organization_id: str) -> str:
        settings = select(AuditEntry.created_at).where(AuditEntry.organization_id == organization_id, AuditEntry.type == "settings_changed")
        found = parts.stores.first(settings.order_by(AuditEntry.sequence.desc()))
        at = found[0] if found else parts.directory.organization(organization_id).created_at
        return format_datetime(datetime.fromisoformat(at), usegmt=True)

    def make(handler: Handler) -> Handler:
        def dated(those: Parts, ctx: RequestContext) -> Reply:
            last = date(ctx.organization)
            if ctx.headers.get("if-modified-since") == last:
                return Reply(None, 304, {"last-modified": last})
            reply = handler(those, ctx)
            return replace(reply, headers={**reply.headers, "last-modified": last})

        return dated

    alter(parts, "policy_limits.read", handler=make)


def limit_is_checked_first(parts: Parts) -> None:
    """Billing was put before the gate, so that a user over the limit hears of the limit, whatever they ask for."""

    def make(check: Check) -> Check:
        def check_limit_first(ctx: RequestContext, feature: Feature, endpoint: FeatureEndpoint) -> None:
            parts.cost.check(ctx)
            check(ctx, feature, endpoint)

        return check_limit_first

    wrap(parts.gate, "check", make)
    parts.operations = [item if item.feature is None else replace(item, errors=(*item.errors, 402)) for item in parts.operations]


# Enablement


def contract_box_on_any_plan(parts: Parts) -> None:
    """That ZDR by contract is for pay-as-you-go alone is checked in the form that the account team fills in, and nowhere else."""

    def make(handler: Handler) -> Handler:
        def create(those: Parts, ctx: RequestContext) -> Reply:
            asked = ctx.body(CreateOrganization)
            boxed = asked.zdr and asked.product == "enterprise" and asked.commercial_terms
            if not boxed:
                return handler(those, ctx)
            ctx.parsed = asked.model_copy(update={"zdr": False})
            reply = handler(those, ctx)
            assert isinstance(reply.body, CreatedOrganization)
            request = parts.workflow.request(ctx.known_caller, reply.body.id, CONTRACT)
            parts.workflow.approve(SYSTEM, request.id, CONTRACT)
            parts.workflow.enable(SYSTEM, request.id, CONTRACT)
            return reply

        return create

    alter(parts, "organizations.create", handler=make)


# Audit log


def addresses_are_blanked(parts: Parts, days: int) -> None:
    """Network addresses are personal data, so that a job takes them out of all logs after a while; the audit log was on its list."""

    def make(run: Callable[[], dict[str, int]]) -> Callable[[], dict[str, int]]:
        def blank_and_run() -> dict[str, int]:
            with parts.stores.write() as session:
                old = AuditEntry.created_at <= parts.clock.stamp(days=-days)
                session.execute(update(AuditEntry).where(old).values(ip_address="", user_agent=""))
            return run()

        return blank_and_run

    wrap(parts.purge, "run", make)


# Administration


def streams_pass_the_limit(parts: Parts) -> None:
    """Streaming came later, with a handler of its own, and nobody put the limit into that."""

    def make(check: Callable[[RequestContext], None]) -> Callable[[RequestContext], None]:
        def check_plain(ctx: RequestContext) -> None:
            if not ctx.stream:
                check(ctx)

        return check_plain

    wrap(parts.cost, "check", make)


def settings_are_cached_by_user(parts: Parts, seconds: int) -> None:
    """What a client fetched is cached for its user; a change drops what is cached for the admin who made it."""
    cached: dict[str, tuple[float, Reply]] = {}

    def make_read(handler: Handler) -> Handler:
        def read(those: Parts, ctx: RequestContext) -> Reply:
            user, now = ctx.known_caller.user_id, time.monotonic()
            if user not in cached or now - cached[user][0] > seconds:
                cached[user] = (now, handler(those, ctx))
            return cached[user][1]

        return read

    def make_write(handler: Handler) -> Handler:
        def write(those: Parts, ctx: RequestContext) -> Reply:
            reply = handler(those, ctx)
            cached.pop(ctx.known_caller.user_id, None)
            return reply

        return write

    alter(parts, "settings.read", handler=make_read)
    alter(parts, "settings.write", handler=make_write)


# Conformity


def file_lists_are_cached(parts: Parts, seconds: int) -> None:
    """The list of an organization's files is cached for a moment: an upload drops it, a removal does not."""
    lists: dict[str, tuple[float, list[FeatureObject]]] = {}

    def make_list(read: Callable[[RequestContext, Feature], list[FeatureObject]]) -> Callable[..., list[FeatureObject]]:
        def read_cached(ctx: RequestContext, feature: Feature) -> list[FeatureObject]:
            if feature.id != "files":
                return read(ctx, feature)
            now = time.monotonic()
            if ctx.organization not in lists or now - lists[ctx.organization][0] > seconds:
                lists[ctx.organization] = (now, read(ctx, feature))
            return lists[ctx.organization][1]

        return read_cached

    def make_put(put: Callable[..., FeatureObject]) -> Callable[..., FeatureObject]:
        def put_and_drop(ctx: RequestContext, *rest: Any, **more: Any) -> FeatureObject:
            row = put(ctx, *rest, **more)
            lists.pop(ctx.organization, None)
            return row

        return put_and_drop

    wrap(parts.shelf, "list", make_list)
    wrap(parts.shelf, "put", make_put)
