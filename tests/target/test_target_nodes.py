"""Several addresses of one target: requests are spread over all of them, or go to the one that is named."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest
import requests_mock
from engine_profiles import SMALL, write

from zdr_audit.profile.load import ProfileError, load
from zdr_audit.target.transport import Outgoing, Transport

NODES = ("http://127.0.0.1:81", "http://127.0.0.1:82", "http://127.0.0.1:83")


def with_nodes(nodes: str) -> str:
    return SMALL.replace("[limits]", f"nodes = {nodes}\n\n[limits]")


@contextlib.contextmanager
def transport(*nodes: str):
    with requests_mock.Mocker() as mocker:
        for url in (*NODES, "http://127.0.0.1:80"):
            mocker.get(f"{url}/", text=url)
        yield Transport("http://127.0.0.1:80", 5, 1000, nodes)


def test_without_nodes_every_request_goes_to_the_base_url():
    with transport() as one:
        assert {one.send(Outgoing("GET", "/", node=number)).body for number in (None, 0, 1, 5)} == {b"http://127.0.0.1:80"}


def test_each_node_is_served_once_a_cycle():
    with transport(*NODES) as three:
        answers = [three.send(Outgoing("GET", "/")) for _ in range(30)]
    for start in range(0, 30, 3):
        assert Counter(a.body.decode() for a in answers[start : start + 3]) == Counter(NODES)
    assert all(NODES[a.node] == a.body.decode() for a in answers)


@pytest.mark.parametrize("actors", [2, 3, 6])
def test_no_habit_of_a_scenario_keeps_an_actor_away_from_a_node(actors: int):
    """Actors who take turns, as the subject and the control organization do, each reach every node."""
    with transport(*NODES) as three:
        reached = [three.send(Outgoing("GET", "/")).node for _ in range(20 * actors)]
    for actor in range(actors):
        assert set(reached[actor::actors]) == {0, 1, 2}


def test_a_request_goes_to_the_node_that_it_names():
    with transport(*NODES) as three:
        assert [three.send(Outgoing("GET", "/", node=number)).body.decode() for number in (2, 0, 1, 3)] == [NODES[n] for n in (2, 0, 1, 0)]


def test_what_is_not_sent_says_where_it_would_have_gone():
    with transport(*NODES) as three:
        assert three.send(Outgoing("GET", "@elsewhere/", node=1)).node == 1


def test_a_profile_names_its_nodes_by_variables_too(tmp_path):
    text = with_nodes('["${FIRST}", "http://127.0.0.1:82/"]')
    target = load(str(write(tmp_path, text)), {"FIRST": "http://127.0.0.1:81/"}).profile.target
    assert target.nodes == target.addresses == ("http://127.0.0.1:81", "http://127.0.0.1:82")


def test_another_base_url_takes_the_place_of_the_nodes(tmp_path):
    path = str(write(tmp_path, with_nodes('["http://127.0.0.1:81"]')))
    assert load(path, {}, "http://127.0.0.1:90").profile.target.addresses == ("http://127.0.0.1:90",)
    assert load(path, {}, "http://127.0.0.1:90", NODES).profile.target.addresses == NODES


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ('["http://h:1", "http://h:1"]', "target.nodes: the node http://h:1 is there twice"),
        ('["ftp://h"]', "target.nodes.0: should be http:// or https://, a host, perhaps a port and a path"),
        ('["http://user:pass@h"]', "target.nodes.0: should be http:// or https://"),
    ],
)
def test_nodes_that_cannot_be_used_are_said_so(tmp_path, nodes: str, said: str):
    path = write(tmp_path, with_nodes(nodes))
    with pytest.raises(ProfileError) as raised:
        load(str(path), {})
    assert said in str(raised.value)
    assert "pass" not in str(raised.value)
