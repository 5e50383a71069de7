"""What a run was begun with is written down so that it can be repeated, and gone on with."""

from __future__ import annotations

import pytest
from paper_backend import CONTROLS, profile

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.select import select
from zdr_audit.run.audit import Audit
from zdr_audit.run.options import Options, addresses
from zdr_audit.run.progress import Reporter
from zdr_audit.run.resume import arguments

ONE, OTHER = "http://127.0.0.1:8701", "http://127.0.0.1:8702"


@pytest.mark.parametrize(
    ("urls", "meant"),
    [((), (None, ())), ((ONE,), (ONE, ())), ((ONE, OTHER), (ONE, (ONE, OTHER)))],
)
def test_one_address_is_the_target_and_several_are_its_nodes(urls, meant):
    assert addresses(urls) == meant


@pytest.mark.parametrize("urls", [(ONE,), (ONE, OTHER)])
def test_requests_go_to_all_addresses_and_the_journal_names_them(tmp_path, urls):
    base_url, nodes = addresses(urls)
    options = Options(target=str(profile(tmp_path)), base_url=base_url, nodes=nodes, report_dir=tmp_path / "report", controls=CONTROLS)
    (tmp_path / "log").mkdir()
    audit = Audit(options, load_catalogue(), select(load_catalogue(), CONTROLS), Reporter(), {})
    try:
        audit.open()
        assert audit.transport.addresses == urls
        words = arguments(audit.history().run)
    finally:
        audit.stop()
    assert [words[n + 1] for n, word in enumerate(words) if word == "--base-url"] == list(urls)


def test_a_run_whose_addresses_are_others_is_not_the_same_run(tmp_path):
    from zdr_audit.profile.load import load

    path = str(profile(tmp_path))
    digests = {load(path, {}, *addresses(urls)).digest for urls in ((), (ONE,), (OTHER,), (ONE, OTHER), (OTHER, ONE))}
    assert len(digests) == 5
