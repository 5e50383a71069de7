"""A waiver file says everything or is refused, in one line, before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from zdr_audit.waiver.load import WaiverError, load_waivers
from zdr_audit.waiver.model import Waiver

CONTROLS = ("ZDR-CON-01", "ZDR-CON-02")
GOOD = """[[waiver]]
control = "ZDR-CON-01"
owner = "J. Doe"
reason = "The interface changes in January."
expires = 2027-01-31T00:00:00Z
"""


def load(tmp_path: Path, text: str) -> tuple[Waiver, ...]:
    path = tmp_path / "waivers.toml"
    path.write_text(text)
    return load_waivers(path, CONTROLS)


def test_a_whole_waiver_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD) == (
        Waiver(control="ZDR-CON-01", owner="J. Doe", reason="The interface changes in January.", expires="2027-01-31T00:00:00Z"),
    )


def test_a_finding_can_be_waived_by_its_fingerprint(tmp_path: Path) -> None:
    (found,) = load(tmp_path, GOOD.replace('control = "ZDR-CON-01"', f'finding = "{"ab" * 32}"'))
    assert (found.control, found.finding) == (None, "ab" * 32)


def test_an_empty_file_waives_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "") == ()


def test_utc_may_be_written_as_an_offset(tmp_path: Path) -> None:
    (found,) = load(tmp_path, GOOD.replace("00Z", "00+00:00"))
    assert found.expires == "2027-01-31T00:00:00Z"


@pytest.mark.parametrize("key", ["control", "owner", "reason", "expires"])
def test_no_key_can_be_left_out(tmp_path: Path, key: str) -> None:
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith(f"{key} ="))
    with pytest.raises(WaiverError, match=key):
        load(tmp_path, text)


@pytest.mark.parametrize(
    "expires",
    ["2027-01-31", "2027-01-31T00:00:00", "2027-01-31T00:00:00+02:00", "00:00:00", '"2027-01-31T00:00:00Z"', "20270131"],
    ids=["date", "no zone", "another zone", "time", "quoted", "number"],
)
def test_an_expiry_that_could_be_read_in_another_zone_is_refused(tmp_path: Path, expires: str) -> None:
    with pytest.raises(WaiverError, match="expires: must be a date-time in UTC"):
        load(tmp_path, GOOD.replace("2027-01-31T00:00:00Z", expires))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("J. Doe", "  "), "owner: must be a text"),
        (GOOD.replace('"J. Doe"', "7"), "owner: must be a text"),
        (GOOD.replace("ZDR-CON-01", "ZDR-CON-11"), "has no 'ZDR-CON-11'; did you mean ZDR-CON-01"),
        (GOOD + f'finding = "{"ab" * 32}"\n', "either 'control' or 'finding'"),
        (GOOD.replace('control = "ZDR-CON-01"', 'finding = "AB"'), "64 hex digits"),
        (GOOD + 'owners = "x"\n', "unknown key 'owners'; did you mean 'owner'"),
        (GOOD + GOOD, "waiver 2: ZDR-CON-01 is waived twice"),
        ("waiver = 3", "must be a list of tables"),
        ("waiver = [3]", "must be a table"),
        ("[waivers]", "unknown key 'waivers'"),
        ("[[waiver", "not valid TOML"),
    ],
)
def test_each_flaw_is_named_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(WaiverError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WaiverError, match=r"gone\.toml: cannot be read"):
        load_waivers(tmp_path / "gone.toml", CONTROLS)
