"""The time of a matrix is that of all the commands that made it."""

from __future__ import annotations

import pytest

from zdr_audit.matrix.spent import FILE, Spent


def of(folder, resume, *times):
    """A count whose clock shows these times, one each time it is looked at."""
    return Spent(folder, resume, iter(times).__next__)


def test_a_command_that_goes_on_adds_to_what_was_kept(tmp_path):
    folder = tmp_path / "kept"
    of(folder, False, 100.0, 107.5).keep()
    second = of(folder, True, 500.0, 520.0, 530.0)
    second.keep()
    assert second.seconds == 37.5
    assert of(folder, True, 900.0, 901.0).seconds == 28.5


def test_a_command_that_begins_anew_counts_its_own_time_alone(tmp_path):
    of(tmp_path, False, 0.0, 40.0).keep()
    assert of(tmp_path, False, 7.0, 9.0).seconds == 2.0


@pytest.mark.parametrize("kept", [None, "", "soon", "-9"])
def test_what_is_not_a_count_counts_nothing(tmp_path, kept):
    if kept is not None:
        (tmp_path / FILE).write_text(kept, encoding="utf-8")
    assert of(tmp_path, True, 3.0, 4.0).seconds == 1.0


def test_the_time_of_audits_that_are_checked_again_counts_too(tmp_path):
    of(tmp_path / "records", False, 0.0, 40.0).keep()
    again = Spent(tmp_path / "again", False, iter((1.0, 3.0)).__next__, before=tmp_path / "records")
    assert again.seconds == 42.0
