"""The bypass corpus: whole, each form of its own, shaped as it says, and weighed by what the organization without ZDR got."""

from __future__ import annotations

import gzip
import json
import tomllib
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import jsonschema_rs
import pytest
from engine_events import by_control, interaction, started

from zdr_audit.profile.load import load
from zdr_audit.suite.bypass.drive import send_at_once, send_forms, spots
from zdr_audit.suite.bypass.judge import no_form_opens, weigh
from zdr_audit.suite.bypass.load import SCHEMA, SHIPPED, CorpusError, load_forms, schema, shipped
from zdr_audit.suite.bypass.model import Form, Group, Reshape
from zdr_audit.suite.bypass.shape import lines_of, path_of, reshape, stranger, words
from zdr_audit.suite.expect import Expect
from zdr_audit.suite.history import History
from zdr_audit.suite.outcomes import Inconclusive, Violated

FORMS = load_forms()
by_id = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.id)
PATH = "/v1/code/sessions"
WORDS = words(PATH, "POST", "http://127.0.0.1:1", "org_subject", "org_control")
BODY = b'{"title": "a", "prompt": "Work on it"}'
JSON = {"content-type": "application/json", "anthropic-version": "2023-06-01"}


def named(form_id: str) -> Form:
    return next(form for form in FORMS if form.id == form_id)


# -- the data -----------------------------------------------------------------------------------------------------------------------


def test_every_group_and_every_reshaping_is_used() -> None:
    assert {form.group for form in FORMS} == set(get_args(Group))
    assert {form.body for form in FORMS} == set(get_args(Reshape))
    assert len(FORMS) > 100


def test_the_committed_schema_is_the_one_of_the_model() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema(), "run: python -m zdr_audit.suite.bypass.load"
    validator = jsonschema_rs.validator_for(json.loads(schema()))
    data = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    assert validator.is_valid(data)
    assert not validator.is_valid({"form": [data["form"][0] | {"pfad": "/x"}]})


@by_id
def test_a_form_belongs_to_the_group_that_its_id_names(form: Form) -> None:
    assert form.id.split("-")[0] == form.group
    assert form in shipped(form.group)


@by_id
def test_a_form_names_only_words_that_there_are(form: Form) -> None:
    assert path_of(form, WORDS)
    assert all(value for _, value in lines_of(form, WORDS))


def test_no_two_forms_send_the_same() -> None:
    sent = [repr(form.model_dump(exclude={"id", "group", "title"})) for form in FORMS]
    assert len(set(sent)) == len(sent)


@by_id
def test_a_form_changes_something(form: Form) -> None:
    unchanged = Form(id="path-none", group="path", title="none")
    assert form.model_dump(exclude={"id", "group", "title"}) != unchanged.model_dump(exclude={"id", "group", "title"})


def test_no_form_carries_a_credential_in_its_lines() -> None:
    assert not {name.lower() for form in FORMS for name, _ in form.lines} & {"authorization", "x-api-key"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[form]]\nid = 'path-a'\ngroup = 'path'\ntitle = 'a'\n" * 2, "form path-a is there twice"),
        ("[[form]]\nid = 'path-a'\ngroup = 'paths'\ntitle = 'a'\n", "form.0.group"),
        ("form = []", "form: "),
        ("[[form", "forms.toml: "),
    ],
)
def test_a_corpus_that_cannot_be_used_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "forms.toml").write_text(text)
    with pytest.raises(CorpusError, match=said):
        load_forms(tmp_path / "forms.toml")


# -- shaping ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form_id", "path"),
    [
        ("path-trailing-slash", "/v1/code/sessions/"),
        ("path-doubled-slash", "//v1/code/sessions"),
        ("path-doubled-inside", "/v1/code//sessions"),
        ("path-backslash", "/v1/code\\sessions"),
        ("path-upper-case", "/V1/CODE/SESSIONS"),
        ("path-capital", "/v1/code/Sessions"),
        ("path-mixed-case", "/v1/code/sEsSiOnS"),
        ("path-encoded-letter", "/v1/code/%73essions"),
        ("path-encoded-all", "/v1/code/%73%65%73%73%69%6F%6E%73"),
        ("path-encoded-twice", "/v1/code/%2573essions"),
        ("path-encoded-slash", "/v1/code%2Fsessions"),
        ("path-dots", "/v1/code/x/../sessions"),
        ("path-absolute", "http://127.0.0.1:1/v1/code/sessions"),
        ("path-next-version", "/v2/code/sessions"),
        ("path-no-version", "/code/sessions"),
        ("indirect-proxy-query", "/v1/proxy?path=/v1/code/sessions&method=POST"),
    ],
)
def test_paths_are_written_as_the_form_says(form_id: str, path: str) -> None:
    assert path_of(named(form_id), WORDS) == path


def test_lines_hold_the_organizations_and_the_path() -> None:
    assert ("x-organization-id", "org_control") in lines_of(named("claim-organization"), WORDS)
    assert lines_of(named("indirect-original-url"), WORDS)[0] == ("x-original-url", PATH)


def reshaped(form_id: str, body: bytes = BODY) -> tuple[bytes, dict[str, str]]:
    changed, headers = reshape(named(form_id), body, dict(JSON))
    assert changed is not None
    return changed, headers


def test_encodings_can_be_undone() -> None:
    body, headers = reshaped("body-gzip")
    assert (gzip.decompress(body), headers["content-encoding"]) == (BODY, "gzip")
    assert zlib.decompress(reshaped("body-deflate")[0]) == BODY
    body, headers = reshaped("body-utf16")
    assert (body.decode("utf-16"), headers["content-type"]) == (BODY.decode(), "application/json; charset=utf-16")
    assert reshaped("body-bom")[0].decode("utf-8-sig") == BODY.decode()


@pytest.mark.parametrize("form_id", ["body-escaped", "body-padded", "body-large", "body-doubled-keys"])
def test_json_stays_the_same_for_who_reads_it_leniently(form_id: str) -> None:
    assert json.loads(reshaped(form_id)[0]) == json.loads(BODY)


def test_other_shapes_of_json() -> None:
    assert json.loads(reshaped("body-listed")[0]) == [json.loads(BODY)]
    assert [json.loads(line) for line in reshaped("body-lines")[0].splitlines()] == [json.loads(BODY)] * 2
    assert json.loads(json.loads(reshaped("body-quoted")[0])) == json.loads(BODY)
    assert set(json.loads(reshaped("body-upper-keys")[0])) == {"TITLE", "PROMPT"}
    assert reshaped("body-form")[0] == b"title=a&prompt=Work+on+it"
    assert reshaped("body-empty")[0] == b""


@pytest.mark.parametrize("form", [f for f in FORMS if f.group == "body"], ids=lambda form: form.id)
def test_a_body_that_is_no_json_is_left_whole_or_encoded(form: Form) -> None:
    upload = b"--b\r\nnot json\r\n--b--\r\n"
    changed, _ = reshape(form, upload, {"content-type": "multipart/form-data; boundary=b"})
    assert changed is not None
    assert form.body in ("gzip", "deflate", "utf-16", "bom", "empty") or changed == upload


def test_content_types_are_changed_and_taken_away() -> None:
    assert "content-type" not in reshaped("body-untyped")[1]
    assert reshaped("body-text")[1]["content-type"] == "text/plain"
    assert "anthropic-version" not in reshape(named("claim-old-version"), None, dict(JSON))[1]


@pytest.mark.parametrize(
    "identifier", ["sess_0123456789abcdef01234567", "file_ab12", "123456789012", "11111111-2222-3333-4444-555555555555"]
)
def test_a_stranger_looks_like_it_and_is_another(identifier: str) -> None:
    other = stranger(identifier)
    assert other != identifier
    assert len(other) == len(identifier)
    assert other.rpartition("_")[0] == identifier.rpartition("_")[0]


@pytest.mark.parametrize("identifier", ["7", "42", "1002", "ws_31", "20000000"])
def test_the_stranger_of_a_number_that_is_counted_up_is_far_from_all_that_were_given(identifier: str) -> None:
    head, _, number = stranger(identifier).rpartition("_")
    assert head == identifier.rpartition("_")[0]
    assert 2_000_000_000 <= int(number) < 2**31


def test_what_reads_is_tried_where_nothing_made_before_is_needed() -> None:
    asked = SimpleNamespace(profile=load("simulator", {}).profile)
    reading, beginning = spots(asked, reads=True), spots(asked)  # type: ignore[arg-type]
    assert {endpoint.method for _, endpoint in reading} == {"GET"} and len(reading) > 3
    assert not [endpoint for _, endpoint in reading if "{" in endpoint.path or endpoint.carries]
    assert all(endpoint.carries for _, endpoint in beginning)
    assert any(form.reads for form in FORMS if form.method == "HEAD")


@pytest.mark.parametrize(("works_at", "tried"), [(1, 1), (2, 2), (4, 3), (0, 3)])
def test_a_form_that_is_of_no_use_at_one_endpoint_is_tried_at_some_others(
    monkeypatch: pytest.MonkeyPatch, works_at: int, tried: int
) -> None:
    sent: list[tuple[str, object]] = []

    def send(_assay: Any, _form: Form, name: str, endpoint: Any, party: object) -> bool:
        sent.append((f"{name}.{endpoint.name}", party))
        return party == "control" and len(sent) == 2 * works_at - 1

    monkeypatch.setattr("zdr_audit.suite.bypass.drive.send_form", send)
    subject = SimpleNamespace(actors={"member": None})
    asked: Any = SimpleNamespace(profile=load("simulator", {}).profile, seed=1, subject=subject, control="control")
    send_forms(asked, (named("body-form"),), 1, further=2)
    assert [party for _, party in sent] == ["control", subject] * tried
    assert len({place for place, _ in sent}) == tried


def test_forms_are_sent_once_more_at_the_same_moment_where_they_were_sent_before(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, str, object]] = []

    def send(_assay: Any, form: Form, name: str, endpoint: Any, party: object) -> bool:
        sent.append((form.id, f"{name}.{endpoint.name}", party))
        return True

    monkeypatch.setattr("zdr_audit.suite.bypass.drive.send_form", send)
    moments: list[int] = []
    subject = SimpleNamespace(actors={"member": None})

    def together(jobs: list[Any]) -> None:
        moments.append(len(jobs))
        for job in jobs:
            job()

    asked: Any = SimpleNamespace(profile=load("simulator", {}).profile, seed=4, subject=subject, control="control", together=together)
    forms = tuple(form for form in FORMS if form.group == "claim")
    send_forms(asked, forms, 1)
    before = {(form, place) for form, place, party in sent if party is subject}
    sent.clear()
    send_at_once(asked, forms, 5)
    assert moments == [5] and all(party is subject for *_, party in sent)
    assert {(form, place) for form, place, _ in sent} <= before  # only so is there a counterpart that shows what it is worth
    send_at_once(asked, (), 5)
    assert moments == [5]


# -- weighing -----------------------------------------------------------------------------------------------------------------------


def tried(number: int, subject: dict[str, Any], control: dict[str, Any]) -> list[Any]:
    more = {
        "pair": f"p{number}",
        "labels": {"form": f"path-{number}", "feature": "files", "group": "path"},
        "scenario": "blocked.detours_to_features",
    }
    return [by_control(2 * number, **(more | control)), interaction(2 * number + 1, **(more | subject))]


def recorded(*items: Any) -> History:
    return History([started(), *items])


SERVED: dict[str, Any] = {"status": 200, "outcome": "accepted"}
POLICY: dict[str, Any] = {"status": 403, "outcome": "refused_by_policy"}
MISSING: dict[str, Any] = {"status": 404, "outcome": "not_found"}
SILENT: dict[str, Any] = {"status": None, "outcome": "no_answer"}
PAGE: dict[str, Any] = {"status": 200, "outcome": "malformed"}
HEAD: dict[str, Any] = {"method": "HEAD"}


@pytest.mark.parametrize(
    ("subject", "control", "kind"),
    [
        (POLICY, SERVED, "refused"),
        (MISSING, SERVED, "refused"),
        (SERVED, SERVED, "opened"),
        (PAGE, SERVED, "opened"),
        (SERVED, MISSING, "opened"),
        (MISSING, MISSING, "idle"),
        (PAGE, PAGE, "idle"),
        (SILENT, SERVED, "silent"),
        (PAGE | HEAD, PAGE | HEAD, "opened"),
        (POLICY | HEAD, PAGE | HEAD, "refused"),
        (MISSING | HEAD, MISSING | HEAD, "idle"),
    ],
)
def test_an_attempt_is_weighed_by_what_the_other_organization_got(subject: dict[str, Any], control: dict[str, Any], kind: str) -> None:
    history = recorded(*tried(1, subject, control))
    weighed = weigh(history, [i for i in history.interactions.values() if i.organization == "subject"])
    assert {name: len(getattr(weighed, name)) for name in ("opened", "refused", "idle", "silent")} == {
        name: int(name == kind) for name in ("opened", "refused", "idle", "silent")
    }


def expect(*events: Any) -> Expect:
    history = recorded(*events)
    return Expect(history, load("simulator", {}).profile, "ZDR-BLK-08", ("blocked.detours_to_features",), ("main",))


def test_a_form_that_opens_is_named_with_its_request() -> None:
    with pytest.raises(Violated, match=r"must not, but: path-1 \(files\): i-00003") as caught:
        no_form_opens(expect(*tried(1, SERVED, SERVED), *tried(2, POLICY, SERVED)), "must not")
    assert [finding.interaction for finding in caught.value.findings] == ["i-00003"]


def test_forms_that_work_nowhere_prove_nothing() -> None:
    with pytest.raises(Inconclusive, match="no form works for the organization without ZDR either"):
        no_form_opens(expect(*tried(1, MISSING, MISSING)), "must not")


def test_no_decision_is_no_refusal() -> None:
    with pytest.raises(Inconclusive, match="no decision from the target"):
        no_form_opens(expect(*tried(1, SILENT, SERVED), *tried(2, POLICY, SERVED)), "must not")


def test_refused_forms_hold() -> None:
    no_form_opens(expect(*tried(1, POLICY, SERVED), *tried(2, MISSING, MISSING)), "must not")
