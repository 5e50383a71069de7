"""What one step hands to the next is not changed by the next: records are immutable, but for those that gather."""

from __future__ import annotations

from records import mutable

import zdr_audit.verdict as room


def test_records_are_immutable():
    assert mutable(room) <= set()
