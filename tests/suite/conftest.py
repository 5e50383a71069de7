"""The assertion helpers, bound to hand-made records."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from engine_events import FEEDBACK, SCENARIO, STORES, Record

from zdr_audit.journal.events import Epoch
from zdr_audit.profile.load import load
from zdr_audit.profile.model import Profile
from zdr_audit.suite.expect import Expect


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load("simulator", {}).profile


@pytest.fixture
def bind(profile: Profile) -> Callable[..., Expect]:
    """The helpers bound to a record."""

    def make(record: Record, after: tuple[str, ...] = (SCENARIO, FEEDBACK), epochs: tuple[Epoch, ...] = ("main",)) -> Expect:
        return Expect(record.history(), profile, STORES, after, epochs)

    return make
