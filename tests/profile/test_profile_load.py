"""Which file a name means, what variables become, whose credential is used where."""

from __future__ import annotations

import hashlib

import pytest
from engine_profiles import SMALL, small, write

from zdr_audit.profile.credentials import credential, is_loopback, required
from zdr_audit.profile.load import ProfileError, load, locate, shipped
from zdr_audit.profile.model import ActorSection

SHIPPED = ", ".join(shipped())
VARIABLE = 'path = "/var/log/paper"'


def test_the_simulator_profile_is_shipped_and_loads_without_any_variable():
    assert "simulator" in shipped()
    loaded = load("simulator", {})
    assert (loaded.profile.name, loaded.profile.target.launch) == ("simulator", "simulator")
    assert loaded.origin == shipped()["simulator"]


SHIPPED = ", ".join(shipped())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("simulatr", f"--target simulatr: neither a shipped profile ({SHIPPED}) nor a file; did you mean 'simulator'?"),
        ("Simulator", f"--target Simulator: neither a shipped profile ({SHIPPED}) nor a file; did you mean 'simulator'?"),
        ("gateway", f"--target gateway: neither a shipped profile ({SHIPPED}) nor a file; did you mean 'mlflow-gateway'?"),
        ("mine.toml", "mine.toml: no such profile file"),
        ("./mine", "./mine: no such profile file"),
    ],
)
def test_an_unknown_target_is_named_with_what_comes_close(name, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileError) as caught:
        locate(name)
    assert str(caught.value) == words


def test_a_folder_is_no_profile(tmp_path):
    with pytest.raises(ProfileError, match="no such profile file"):
        locate(str(tmp_path))


def test_the_digest_is_that_of_the_file_and_the_address_given(tmp_path):
    path = str(write(tmp_path))
    assert load(path, {}).digest == hashlib.sha256(SMALL.encode()).hexdigest()
    assert len({load(path, {}, url).digest for url in (None, "http://127.0.0.1:1", "http://127.0.0.1:2")}) == 3


def test_a_base_url_given_replaces_that_of_the_file(tmp_path):
    assert small(tmp_path, base_url="https://staging.example/").profile.target.base_url == "https://staging.example"


@pytest.mark.parametrize(
    ("template", "environment", "expected"),
    [
        ("${LOGS}", {"LOGS": "/srv/logs"}, "/srv/logs"),
        ("${LOGS}/${DAY}/x", {"LOGS": "/srv", "DAY": "1"}, "/srv/1/x"),
        ("${LOGS:-/default}", {}, "/default"),
        ("${LOGS:-/default}", {"LOGS": "/srv"}, "/srv"),
        ("${LOGS:-}/x", {}, "/x"),
        ("${LOGS}", {"LOGS": ""}, ""),
        ("$LOGS ${logs} $", {"LOGS": "no"}, "$LOGS ${logs} $"),
        ("${A}", {"A": "${B}", "B": "no"}, "${B}"),
    ],
)
def test_variables_are_filled_in_once(tmp_path, template, environment, expected):
    if expected == "":
        with pytest.raises(ProfileError, match="needs 'path'"):
            small(tmp_path, VARIABLE, f'path = "{template}"', environment)
        return
    (evidence,) = small(tmp_path, VARIABLE, f'path = "{template}"', environment).profile.evidence
    assert evidence.path == expected


def test_a_variable_without_value_is_named_with_file_and_key(tmp_path):
    with pytest.raises(ProfileError) as caught:
        small(tmp_path, VARIABLE, 'path = "${PAPER_LOGS}"')
    assert str(caught.value) == f"{tmp_path / 'paper.toml'}: evidence.0.path: the environment variable PAPER_LOGS is not set"


def test_an_address_may_have_a_path_below_which_everything_stands(tmp_path):
    there = small(tmp_path, base_url="https://gateway.example:8443/v1/team-7/anthropic/").profile
    assert there.target.addresses == ("https://gateway.example:8443/v1/team-7/anthropic",)


def test_the_base_url_may_be_a_variable(tmp_path):
    assert (
        small(tmp_path, "http://127.0.0.1:8700", "${WHERE}", {"WHERE": "http://127.0.0.1:1/"}).profile.target.base_url
        == "http://127.0.0.1:1"
    )


def test_variables_are_filled_in_nowhere_else_so_that_no_secret_gets_in(tmp_path):
    loaded = small(
        tmp_path, 'path = "/feedback"', 'path = "/feedback"\nheaders = { x-note = "${PAPER_SUBJECT}" }', {"PAPER_SUBJECT": "sk-secret"}
    )
    (endpoint,) = loaded.profile.features["feedback"].endpoints
    assert endpoint.headers == {"x-note": "${PAPER_SUBJECT}"}


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "http://127.8.9.1:80", "https://[::1]:443", "http://localhost:8700", "http://LOCALHOST"]
)
def test_is_a_loopback_address(url):
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1",
        "https://gateway.example",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://0.0.0.0",
        "http://[2001:db8::1]",
        "",
    ],
)
def test_is_no_loopback_address(url):
    assert not is_loopback(url)


def member(profile):
    return profile.actors["subject"]["member"]


def test_a_sample_credential_is_used_on_a_loopback_address_alone(tmp_path):
    here = small(tmp_path).profile
    there = small(tmp_path, base_url="https://staging.example").profile
    assert credential(here, member(here), {}) == "sample-key-subject"
    assert credential(there, member(there), {}) is None


def test_the_environment_outranks_the_sample(tmp_path):
    profile = small(tmp_path).profile
    assert credential(profile, member(profile), {"PAPER_SUBJECT": "key-of-my-own"}) == "key-of-my-own"
    assert credential(profile, member(profile), {"PAPER_SUBJECT": ""}) == "sample-key-subject"


@pytest.mark.parametrize(
    "value", ["sk-secret-12345678\n", " sk-secret-12345678", "sk-secret 12345678", "schlüssel-12345678", "sk-\x1b[31m-12345678", "short"]
)
def test_a_credential_that_no_header_can_carry_is_refused_without_being_repeated(tmp_path, value):
    profile = small(tmp_path).profile
    with pytest.raises(ProfileError) as caught:
        credential(profile, member(profile), {"PAPER_SUBJECT": value})
    assert str(caught.value) == (
        "the environment variable PAPER_SUBJECT holds no usable credential: 8 or more printable ASCII characters, no spaces"
    )


def test_both_members_credentials_are_required(tmp_path):
    there = small(tmp_path, base_url="https://staging.example").profile
    keys = {"PAPER_SUBJECT": "key-subject", "PAPER_CONTROL": "key-control"}
    required(there, keys)
    for group, name in (("subject", "PAPER_SUBJECT"), ("control", "PAPER_CONTROL")):
        with pytest.raises(ProfileError) as caught:
            required(there, {k: v for k, v in keys.items() if k != name})
        assert str(caught.value) == f"actors.{group}.member.env: the environment variable {name} is not set"


def test_an_actor_without_means_is_no_error(tmp_path):
    profile = small(tmp_path).profile
    assert credential(profile, ActorSection(env="PAPER_OPERATOR"), {}) is None


def test_production_with_consent_in_words_loads(tmp_path):
    words = "I accept that this audit sends test traffic to production"
    loaded = small(tmp_path, 'platform = "gateway"', f'production = true\nproduction_consent = "{words}"')
    assert loaded.profile.target.production


def test_a_profile_may_be_given_by_its_file(tmp_path):
    assert load(str(write(tmp_path)), {}).origin == tmp_path / "paper.toml"


# -- a profile that extends another -------------------------------------------------------------------------------------------------


def extending(folder, text: str):
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load(str(path), {})


MINE = """
schema = 1
name = "mine"
extends = "simulator"
[target]
base_url = "http://127.0.0.1:9000"
[limits]
settle_seconds = 7
[[evidence]]
id = "log"
kind = "files"
what = "log"
path = "/var/log/mine"
"""


def test_a_profile_says_only_what_differs_from_the_one_it_extends(tmp_path):
    mine, simulator = extending(tmp_path, MINE).profile, load("simulator", {}).profile
    assert (mine.name, mine.target.base_url, mine.limits.settle_seconds) == ("mine", "http://127.0.0.1:9000", 7)
    assert mine.limits.clock_tolerance_seconds == simulator.limits.clock_tolerance_seconds
    assert (mine.operations, mine.features, mine.actors) == (simulator.operations, simulator.features, simulator.actors)
    assert [item.id for item in mine.evidence] == ["log"], "a list takes the place of the other's"


def test_the_digest_covers_the_profile_that_is_extended(tmp_path):
    loaded = extending(tmp_path, MINE)
    whole = shipped()["simulator"].read_bytes() + loaded.origin.read_bytes()
    assert loaded.digest == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("base", ["simulatr", "simulator-servers", "./simulator.toml"])
def test_only_a_whole_shipped_profile_can_be_extended(tmp_path, base):
    with pytest.raises(ProfileError, match=r"^\S+mine\.toml: extends: "):
        extending(tmp_path, MINE.replace('"simulator"', f'"{base}"'))


def test_the_samples_are_used_only_where_every_node_is_on_a_loopback_address(tmp_path):
    def told(nodes: str):
        profile = extending(tmp_path, MINE.replace("[limits]", f"nodes = {nodes}\n[limits]")).profile
        return credential(profile, profile.actors["subject"]["member"], {})

    assert told('["http://127.0.0.1:9001"]') == "sample-key-subject-member"
    assert told('["http://127.0.0.1:9001", "http://example.org"]') is None


def test_the_simulator_on_servers_is_the_simulator_with_other_stores():
    servers, simulator = load("simulator-servers", {}).profile, load("simulator", {}).profile
    assert [(item.id, item.kind) for item in servers.evidence] == [
        ("database", "postgres"),
        ("cache", "redis"),
        ("blobs", "s3"),
        ("log", "files"),
        ("traces", "files"),
        ("sessions-api", "http"),
    ]
    same = {"name", "target", "limits", "evidence", "extends"}
    assert servers.model_dump(exclude=same) == simulator.model_dump(exclude=same)
