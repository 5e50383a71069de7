"""What loading yields: order, wording, caching, and a digest that follows content alone."""

from __future__ import annotations

import shutil

import pytest

from zdr_audit.catalogue import load_catalogue
from zdr_audit.catalogue.load import SHIPPED


def test_the_shipped_catalogue_is_read_once():
    assert load_catalogue() is load_catalogue()


def test_a_catalogue_elsewhere_is_read_anew_each_time(draft):
    before = load_catalogue(draft.root)
    draft.change(draft.control, "Do not write it.", "Delete it.")
    assert (before.controls[0].remediation, load_catalogue(draft.root).controls[0].remediation) == ("Do not write it.", "Delete it.")


def test_controls_stand_in_report_order_and_not_in_name_order(draft):
    text = draft.control.read_text(encoding="utf-8")
    for family, number in (("ADM", "01"), ("RET", "10"), ("RET", "02"), ("EXC", "01")):
        draft.add(f"controls/{family}/ZDR-{family}-{number}.toml", text.replace("ZDR-RET-01", f"ZDR-{family}-{number}"))
    ids = [control.id for control in load_catalogue(draft.root).controls]
    assert ids == ["ZDR-RET-01", "ZDR-RET-02", "ZDR-RET-10", "ZDR-EXC-01", "ZDR-ADM-01"]


def test_wrapped_lines_become_one_line(draft):
    draft.change(draft.control, '"No source holds a prompt."', '"""\\\n  No source \\\n  holds a prompt."""')
    assert load_catalogue(draft.root).controls[0].statement == "No source holds a prompt."


def test_a_control_knows_the_clauses_that_it_supports(draft):
    assert load_catalogue(draft.root).clauses_of("ZDR-RET-01") == {"soc2": ("C1.1",)}


def test_the_digest_does_not_depend_on_where_the_catalogue_is(draft, tmp_path):
    copy = tmp_path / "elsewhere"
    for part in ("controls", "frameworks"):
        shutil.copytree(SHIPPED / part, copy / part)
    shutil.copy(SHIPPED / "policy.toml", copy)
    assert load_catalogue(copy).digest == load_catalogue().digest


def test_the_digest_ignores_layout_comments_and_written_defaults(draft):
    before = load_catalogue(draft.root).digest
    draft.change(draft.control, "minimum_accepted = 5", "# why five\nminimum_accepted   =   0x5")
    draft.change(draft.policy, 'paraphrase = "Nothing is kept."', 'paraphrase = "Nothing is kept."\ncheckable = true')
    assert load_catalogue(draft.root).digest == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("policy", 'edition = "1"', 'edition = "2"'),
        ("policy", 'source = "A policy"', 'source = "Another"'),
        ("policy", "Ask for it.", "Ask."),
        ("control", "= 5", "= 4"),
        ("control", "Do not write it.", "Delete it."),
        ("framework", "It looks for what was kept.", "So there."),
    ],
)
def test_the_digest_follows_every_file(draft, file, old, new):
    before = load_catalogue(draft.root).digest
    draft.change(getattr(draft, file), old, new)
    assert load_catalogue(draft.root).digest != before


def test_the_digest_is_a_sha256_in_hex():
    digest = load_catalogue().digest
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")
