"""The interface does what its document says, and no more."""

from __future__ import annotations

from zdr_audit.suite.contract.labels import ENTITLED, NOT_ENTITLED, denied, served
from zdr_audit.suite.contract.reached import interface_was_reached, roles_were_decided
from zdr_audit.suite.contract.tenants import FOREIGN, NAMES, UNKNOWN
from zdr_audit.suite.contract.walk import AFTER_REMOVAL, OWN_LIST
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.ledger import names_nothing_of_other_customers
from zdr_audit.suite.marks import control
from zdr_audit.suite.outcomes import DoesNotApply

from ..enablement.scenarios import migration
from ..retention.scenarios import (
    abandoned_requests,
    content_in_other_fields,
    every_model,
    generated_shapes,
    parallel_requests,
    plain_requests,
    repeated_requests,
    requests_in_error,
    streamed_requests,
    system_prompts_and_earlier_turns,
    tool_use,
)
from . import scenarios as after

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


EXPLORED = (after.interface_document, after.fuzzing, after.documented_interface)


@control("ZDR-CON-01", after=EXPLORED)
def test_answers_conform_to_the_interface_document(expect: Expect) -> None:
    for item in expect.some(operation="fuzz"):
        problem = (item.data or {}).get("nonconforming", "")
        expect.that(not problem, f"the answer must conform to the interface document: {problem}", item)
    interface_was_reached(expect)


@control("ZDR-CON-02", after=EXPLORED)
def test_no_generated_request_brings_a_server_error(expect: Expect) -> None:
    expect.every(expect.some(operation="fuzz"), lambda i: i.status is None or i.status < 500, "no request may bring a server error")
    interface_was_reached(expect)


@control("ZDR-CON-03", after=(requests_in_error, after.malformed_everywhere))
def test_errors_do_not_echo_content(expect: Expect) -> None:
    errors = [i for i in expect.some() if i.status is None or i.status >= 400]
    expect.echoes_nothing(errors, "an error must not echo content of the request")


@control("ZDR-CON-04", after=after.without_credential)
def test_nothing_is_served_without_a_valid_credential(expect: Expect) -> None:
    expect.answered_with((401, 403, 404, 405), expect.some(), "without a valid credential nothing may be served")


@control("ZDR-CON-04", after=after.a_revoked_key)
def test_a_revoked_key_opens_nothing(expect: Expect) -> None:
    expect.about(after.a_revoked_key)
    expect.presupposes(expect.some(step="the key works"), "the key must work before it is revoked, so that a refusal means something")
    expect.answered_with((401, 403), expect.some(step="revoked key"), "a revoked key must open nothing")
    expect.served(expect.some(step="the user's other key"), "the other key of the same user must go on working")


@control("ZDR-CON-04", after=migration)
def test_a_revoked_key_opens_nothing_after_a_migration_either(expect: Expect) -> None:
    expect.about(migration)
    revoked = expect.where(step="a key revoked before")
    if not revoked:
        raise DoesNotApply("the profile offers no key that could be revoked")
    expect.presupposes(expect.some(step="the key works"), "the key must work before it is revoked, so that a refusal means something")
    expect.answered_with((401, 403), revoked, "a key that was revoked before a migration must open nothing after it")


@control("ZDR-CON-05", after=after.members_reach_for_more)
def test_a_member_cannot_do_what_is_reserved(expect: Expect) -> None:
    expect.presupposes(expect.some(step="the member's key works"), "the member's own key must work, so that a refusal means something")
    expect.not_served(expect.some(step="member calls"), "a member must not perform what is reserved to admins and provider staff")


@control("ZDR-CON-06", after=(after.tenants_reach_across, after.documented_interface))
def test_identifiers_of_another_organization_give_nothing(expect: Expect) -> None:
    expect.presupposes(
        [i for i in expect.some(step="own") if i.method == "GET"], "the organization itself must be able to read what is its own"
    )
    across = expect.some(step="across")
    expect.not_served(across, "identifiers of another organization must give nothing")
    if "openapi.read" not in expect.profile.operations:
        return
    foreign = expect.some(step=FOREIGN)
    tenant = foreign + expect.where(step=UNKNOWN) + expect.where(step=OWN_LIST)
    expect.every(tenant, lambda i: not i.labels.get(NAMES), "no answer may name what belongs to another organization")
    unknown = expect.by_pair(step=UNKNOWN)
    expect.every(
        [i for i in foreign if i.pair in unknown],
        lambda i: not served(i) or served(unknown[i.pair or ""]),
        "an identifier of another organization must give nothing where one that nobody was given gives nothing",
    )


@control("ZDR-CON-06", after=after.tenants_reach_across)
def test_no_answer_names_what_is_another_customers(expect: Expect) -> None:
    names_nothing_of_other_customers(expect, "no answer may name who or what is another customer's")


@control("ZDR-CON-07", after=(plain_requests, streamed_requests, requests_in_error))
def test_every_answer_names_its_request_and_organization(expect: Expect) -> None:
    answered = [i for i in expect.some() if i.status is not None]
    expect.every(answered, lambda i: bool(i.request_id), "every answer must name its request (request-id)")
    ids = [i.request_id for i in answered]
    expect.every(answered, lambda i: ids.count(i.request_id) == 1, "every answer must have a request id of its own")
    served = [i for i in answered if i.status == 200]
    expect.every(
        served, lambda i: i.labels.get("served_organization") == i.organization_id, "every answer must name the organization that it served"
    )


@control("ZDR-CON-08", after=requests_in_error)
def test_errors_come_in_the_documented_envelope(expect: Expect) -> None:
    def documented(item: object) -> bool:
        data = getattr(item, "data", None)
        error = data.get("error") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(error, dict) or data.get("type") != "error" or not data.get("request_id"):
            return False
        return error.get("type") == ERROR_TYPES.get(getattr(item, "status", 0)) and bool(error.get("message"))

    errors = [i for i in expect.some() if i.status is not None and i.status >= 400]
    expect.dealt_with([i for i in errors if i.status != 401])
    expect.every(errors, documented, "an error must come in the documented envelope with the type that belongs to its status")


@control("ZDR-CON-09", after=after.documented_interface)
def test_each_role_gets_what_the_document_gives_it_and_no_more(expect: Expect) -> None:
    entitled = expect.some(step=ENTITLED, said="true")
    expect.every(entitled, lambda i: not denied(i), "a role must get what the interface document gives it")
    expect.not_served(expect.some(step=NOT_ENTITLED), "a role must not get what the interface document does not give it")
    roles_were_decided(expect)


@control("ZDR-CON-10", after=after.documented_interface)
def test_foreign_identifiers_are_answered_like_unknown_ones(expect: Expect) -> None:
    unknown = expect.by_pair(step=UNKNOWN)
    tried = [i for i in expect.some(step=FOREIGN) if i.pair in unknown]
    expect.dealt_with(tried)
    expect.every(
        tried,
        lambda i: i.labels.get("kind") == unknown[i.pair or ""].labels.get("kind"),
        "the answer to an identifier of another organization must not differ from that to one that nobody was given",
    )


@control("ZDR-CON-11", after=after.documented_interface)
def test_what_was_removed_is_served_no_more(expect: Expect) -> None:
    asked = expect.some(step=AFTER_REMOVAL)
    expect.dealt_with(asked)
    expect.every(asked, lambda i: i.labels.get("gone") != "served", "what was removed must not be served any more")


@control("ZDR-CON-12", after=after.malformed_everywhere)
def test_malformed_requests_leave_nothing(expect: Expect) -> None:
    wrong = [i for i in expect.some(step="malformed") if i.status is not None and 400 <= i.status < 500]
    expect.kept_nowhere(wrong, promise="nothing of a request that is refused as malformed must be kept")


ASKED = (plain_requests, streamed_requests, parallel_requests, repeated_requests, abandoned_requests, requests_in_error)

# Of these, no answer to anybody may carry what another said either, nor may any header.
ASKED_OTHERWISE = (system_prompts_and_earlier_turns, tool_use, every_model, content_in_other_fields, generated_shapes)


@control("ZDR-CON-13", after=ASKED, watching=ASKED_OTHERWISE)
def test_no_answer_carries_what_another_request_said(expect: Expect) -> None:
    expect.carries_nothing_of_others(expect.some(), "an answer must carry nothing of another request")
    expect.no_header_carries_anything_of_others("no header of any answer must carry anything of another request")
    expect.no_inference_is_answered_with_anything_of_others("no answer to a prompt must carry anything of another request")
