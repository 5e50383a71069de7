"""What is wrong with a profile is said in one line: the file, the key or the line, and what is allowed."""

from __future__ import annotations

from typing import get_args

import pytest
from engine_profiles import SMALL, small, write
from pydantic import BaseModel

from zdr_audit.profile.evidence import Evidence
from zdr_audit.profile.load import ProfileError, load
from zdr_audit.profile.model import Limits, Profile
from zdr_audit.profile.operation import Operation

CONSENT = 'production = true needs production_consent = "I accept that this audit sends test traffic to production"'
URL = "target.base_url: should be http:// or https://, a host, perhaps a port and a path, without user or query, found"


def keys(model: type[BaseModel]) -> str:
    return ", ".join(info.alias or name for name, info in model.model_fields.items())


TOP, LIMITS, OPERATION = keys(Profile), keys(Limits), keys(Operation)
NAME = r"String should match pattern '^[a-z0-9][a-z0-9_.-]*$'"

# Kinds of evidence come and go with their readers.
_NAMES = [f"'{kind}'" for kind in get_args(Evidence.model_fields["kind"].annotation)]
KINDS = f"{', '.join(_NAMES[:-1])} or {_NAMES[-1]}"

APPROVE = '[operations."zdr.approve"]\nmethod = "POST"\npath = "/approve"\n'
AUDIT = '[audit_types]\nrequested = "asked"\napproved = "yes"\nrejected = "no_"\nenabled = "on"\ndisabled = "off"\n'

CASES = {
    "no schema": ("schema = 1\n", "", "schema: is missing"),
    "another schema": ("schema = 1", "schema = 2", "schema: should be 1, found 2"),
    "name": ('name = "paper"', 'name = "My Target"', f"name: {NAME}, found 'My Target'"),
    "misspelt table": (
        "[limits]",
        "[limit]",
        f"limit: unknown key; did you mean 'limits'? (allowed: {TOP})",
    ),
    "misspelt key": (
        "timeout_seconds",
        "timeout_second",
        f"limits.timeout_second: unknown key; did you mean 'timeout_seconds'? (allowed: {LIMITS})",
    ),
    "key like none": ("timeout_seconds", "zz", f"limits.zz: unknown key (allowed: {LIMITS})"),
    "key of an operation": (
        'method = "POST"\npath = "/v1/messages"',
        'method = "POST"\npath = "/v1/messages"\nchange = true',
        f"operations.messages.create.change: unknown key; did you mean 'changes'? (allowed: {OPERATION})",
    ),
    "key of an endpoint": (
        'name = "submit"',
        'name = "submit"\ncarry = true',
        f"features.feedback.endpoints.0.carry: unknown key; did you mean 'carries'? (allowed: {OPERATION}, name, helper, carries, continues)",
    ),
    "key of an actor": (
        "[actors.staff]\noperator = { env",
        "[actors.staff]\noperator = { envv",
        "actors.staff.operator.envv: unknown key; did you mean 'env'? (allowed: env, command, refresh_seconds, timeout_seconds, sample, header, prefix, email)",
    ),
    "number too small": ("timeout_seconds = 5", "timeout_seconds = 0", "limits.timeout_seconds: should be greater than 0, found 0"),
    "number as words": (
        "timeout_seconds = 5",
        'timeout_seconds = "five"',
        "limits.timeout_seconds: should be a valid number, unable to parse string as a number, found 'five'",
    ),
    "a JSONPath that is none": (
        'path = "/v1/messages"',
        'path = "/v1/messages"\naccepted_when = { pointer = "$..[", values = [true] }',
        "operations.messages.create.accepted_when.pointer: is no JSONPath: unexpected end of query, found '$..['",
    ),
    "retention beyond two years": (
        "timeout_seconds = 5",
        "exception_retention_days = 800",
        "limits.exception_retention_days: should be less than or equal to 731, found 800",
    ),
    "word of a choice": (
        '"gateway"',
        '"gatway"',
        "target.platform: should be 'anthropic', 'gateway', 'bedrock', 'vertex', 'foundry' or 'other', found 'gatway'",
    ),
    "kind of evidence": ('"files"', '"folder"', f"evidence.0.kind: should be {KINDS}, found 'folder'"),
    "evidence without place": ('path = "/var/log/paper"\n', "", "evidence.0: evidence of kind 'files' needs 'path'"),
    "evidence without operation": ('kind = "files"', 'kind = "http"', "evidence.0: evidence of kind 'http' needs 'operation'"),
    "evidence by an unknown operation": (
        'kind = "files"\nwhat = "log"\npath = "/var/log/paper"',
        'kind = "http"\nwhat = "log"\noperation = "export.list"',
        "profile: evidence 'log' names the operation 'export.list', which operations does not define",
    ),
    "path without slash": (
        'path = "/v1/messages"',
        'path = "v1/messages"',
        "operations.messages.create.path: String should match pattern '^/', found 'v1/messages'",
    ),
    "no inference": ('"messages.create"', '"messages.send"', "profile: operations needs 'messages.create'"),
    "no control organization": ("control = { id", "controls = { id", "profile: organizations needs 'control'"),
    "one organization twice": (
        '"org_control"',
        '"org_subject"',
        "profile: organizations.subject and organizations.control are the same organization: the control must be one without ZDR",
    ),
    "actors of nobody": (
        "[actors.control]",
        "[actors.contrl]",
        "profile: actors.contrl: no such organization; allowed: staff, control, subject",
    ),
    "no member": ('member = { env = "PAPER_CONTROL"', 'admin = { env = "PAPER_CONTROL"', "profile: actors.control needs 'member'"),
    "production without words": ('platform = "gateway"', "production = true", f"target: {CONSENT}"),
    "production with other words": ('platform = "gateway"', 'production = true\nproduction_consent = "yes"', f"target: {CONSENT}"),
    "an operation that does a step of no other": (
        'path = "/v1/messages"',
        'path = "/v1/messages"\nalso = ["zdr.enable"]',
        "profile: operations.messages.create: 'also' names 'zdr.enable'; this operation can also do nothing; zdr.approve and zdr.request can",
    ),
    "an approval that does another step than enabling": (
        "[features.feedback]",
        f'{APPROVE}also = ["zdr.disable"]\n[features.feedback]',
        "profile: operations.zdr.approve: 'also' names 'zdr.disable'; this operation can also do 'zdr.enable' alone",
    ),
    "a step that has an operation of its own": (
        "[features.feedback]",
        f'{APPROVE}also = ["zdr.enable"]\n{APPROVE.replace("approve", "enable")}[features.feedback]',
        "profile: operations.zdr.approve does 'zdr.enable' also, which has an operation of its own",
    ),
    "a step that is done and absent": (
        "[features.feedback]",
        f'{APPROVE}also = ["zdr.enable"]\n[absent]\n"zdr.enable" = "the approval does it"\n[features.feedback]',
        "profile: operations.zdr.approve does 'zdr.enable' also, and absent says that the target does not have it",
    ),
    "enabling without a type in the log": (
        "[features.feedback]",
        APPROVE.replace("approve", "enable") + AUDIT.replace('enabled = "on"\n', "") + "[features.feedback]",
        'profile: audit_types.enabled is missing; it may be where the approval enables (also = ["zdr.enable"])',
    ),
    "refused attempts logged and not logged": (
        "[features.feedback]",
        f'{AUDIT}denied = "no"\n[absent]\n"audit.refused" = "they are not"\n[features.feedback]',
        "profile: audit_types.denied says how refused attempts are logged, and absent.'audit.refused' that they are not",
    ),
    "a common type that is an action's": (
        "[features.feedback]",
        f'{AUDIT}denied = "on"\n[features.feedback]',
        "audit_types: 'denied' is the common type for what was refused, and 'on' is that of 'enabled'",
    ),
    "content that goes in nowhere": (
        'body = { text = "{canary}" }',
        'body = { text = "hello" }',
        "profile: features.feedback.endpoints.0: content goes in nowhere: put '{canary}' where it does, or say carries = false",
    ),
    "a name that nothing gives a feature": (
        'body = { text = "{canary}" }',
        'body = { text = "{canry}" }',
        "profile: features.feedback.endpoints.0: nothing gives '{canry}'; did you mean '{canary}'? "
        "(there are: account, canary, marker, model, org, run)",
    ),
    "a name that nothing gives inference": (
        'method = "POST"\npath = "/v1/messages"',
        'method = "POST"\npath = "/v1/messages"\nheaders = { x-tenant = "{tenant}" }',
        "profile: operations.messages.create: nothing gives '{tenant}' (there are: account, model, org, run, session)",
    ),
    "a word for what is not read": (
        'method = "POST"\npath = "/v1/messages"',
        'method = "POST"\npath = "/v1/messages"\nmeans = { status = { enabled = [true] } }',
        "operations.messages.create: 'means' speaks of 'status', which is neither in 'extract' nor in 'fields'",
    ),
    "base URL of another kind": ("http://127.0.0.1:8700", "ftp://127.0.0.1", f"{URL} 'ftp://127.0.0.1'"),
    "base URL with a path that leads out": ("http://127.0.0.1:8700", "http://127.0.0.1/base/..", f"{URL} 'http://127.0.0.1/base/..'"),
    "base URL with an empty step": ("http://127.0.0.1:8700", "http://127.0.0.1//base", f"{URL} 'http://127.0.0.1//base'"),
    "base URL with a query": ("http://127.0.0.1:8700", "http://127.0.0.1?x=1", f"{URL} 'http://127.0.0.1?x=1'"),
    "base URL with a port that is none": ("http://127.0.0.1:8700", "http://127.0.0.1:99999", f"{URL} 'http://127.0.0.1:99999'"),
    "base URL with an address that is none": ("http://127.0.0.1:8700", "http://[::1", f"{URL} 'http://[::1'"),
    "base URL without host": ("http://127.0.0.1:8700", "http://:80", f"{URL} 'http://:80'"),
    "base URL with two hosts": ("http://127.0.0.1:8700", "http://elsewhere\\\\127.0.0.1", rf"{URL} 'http://elsewhere\\127.0.0.1'"),
}


@pytest.mark.parametrize(("old", "new", "words"), CASES.values(), ids=CASES)
def test_the_line_says_what_is_wrong_with(tmp_path, old, new, words):
    with pytest.raises(ProfileError) as caught:
        small(tmp_path, old, new)
    assert str(caught.value) == f"{tmp_path / 'paper.toml'}: {words}"


def test_the_small_profile_itself_is_right(tmp_path):
    assert small(tmp_path).profile.name == "paper"


def test_broken_toml_is_named_by_line_and_column(tmp_path):
    with pytest.raises(ProfileError) as caught:
        small(tmp_path, "timeout_seconds = 5", "timeout_seconds =")
    assert str(caught.value) == f"{tmp_path / 'paper.toml'}: not valid TOML: Invalid value (at line 9, column 18)"


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "paper.toml"
    path.write_bytes(SMALL.replace("Feedback", "Rückmeldung").encode("latin-1"))
    with pytest.raises(ProfileError, match=r"paper\.toml: cannot be read: 'utf-8' codec can't decode byte 0xfc"):
        load(str(path), {})


def test_more_than_three_errors_are_counted(tmp_path):
    text = SMALL.replace("[limits]", "[limits]\na = 1\nb = 2\nc = 3\nd = 4\ne = 5")
    with pytest.raises(ProfileError) as caught:
        load(str(write(tmp_path, text)), {})
    assert str(caught.value).endswith("; and 2 more")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ['"nowhere"', "5", "[]"])
def test_a_target_that_is_no_table_is_an_error_even_with_a_base_url_given(tmp_path, value):
    text = SMALL.replace('[target]\nbase_url = "http://127.0.0.1:8700"\nplatform = "gateway"\n', "").replace(
        "schema = 1", f"schema = 1\ntarget = {value}"
    )
    with pytest.raises(ProfileError, match=r"paper\.toml: target: should be a valid dictionary"):
        load(str(write(tmp_path, text)), {}, "http://127.0.0.1:1")


def test_a_wrong_base_url_from_the_command_line_is_not_blamed_on_the_file(tmp_path):
    with pytest.raises(ProfileError) as caught:
        small(tmp_path, base_url="nowhere")
    assert str(caught.value) == f"--base-url:{URL.removeprefix('target.base_url:')} 'nowhere'"


@pytest.mark.parametrize("url", ["http://user:hunter22@127.0.0.1", "https://hunter22@gateway.example"])
def test_a_base_url_with_a_credential_is_refused_and_not_repeated(tmp_path, url):
    with pytest.raises(ProfileError, match=r"without user or query$") as caught:
        small(tmp_path, "http://127.0.0.1:8700", url)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("key", ["env", "sample"])
def test_a_credential_written_in_the_wrong_place_is_not_repeated(tmp_path, key):
    value = '"sk-secret key"' if key == "env" else "12345678"
    new = f"operator = {{ env = {value} }}" if key == "env" else f'operator = {{ env = "X", sample = {value} }}'
    with pytest.raises(ProfileError) as caught:
        small(tmp_path, 'operator = { env = "PAPER_OPERATOR" }', new)
    assert f"actors.staff.operator.{key}: " in str(caught.value)
    assert value.strip('"') not in str(caught.value)
