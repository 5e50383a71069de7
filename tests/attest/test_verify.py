"""A good pack is found good; whatever was changed, taken out, added or forged is found and named."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from zdr_audit.attest import envelope, keys, manifest, statement
from zdr_audit.attest.verify import Verification, verify
from zdr_audit.journal.store import Journal

from .packs import CATALOGUE, REFUSED, SERVED, checked, events, write_journal, write_pack


class Holder:
    """Somebody with a key pair."""

    def __init__(self, folder: Path) -> None:
        private, public = keys.make_pair(folder)
        self.signer, self.key = keys.load_private(private), keys.load_public(public)


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory) -> Holder:
    return Holder(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def attested(tmp_path: Path, holder: Holder) -> Path:
    return write_pack(tmp_path / "pack", signer=holder.signer)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


def problems(folder: Path, holder: Holder | None = None) -> list[str]:
    return verify(folder, CATALOGUE, holder.key if holder else None).problems


def test_a_good_attested_pack_is_good(attested: Path, holder: Holder) -> None:
    found = verify(attested, CATALOGUE, holder.key)
    assert found.problems == []
    assert [line.split(" ")[0] for line in found.confirmed] == ["2", "the", "the", "2"]
    assert "result PASSED" in found.confirmed[1]


def test_a_good_pack_without_attestation_is_good_and_says_what_that_leaves_open(plain: Path) -> None:
    found = verify(plain, CATALOGUE)
    assert found.problems == []
    assert found.notes == ["no attestation: this shows that the pack is whole and fits its journal, not who made it"]


def test_verifying_leaves_the_pack_as_it_was(attested: Path, holder: Holder) -> None:
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in attested.iterdir()}
    verify(attested, CATALOGUE, holder.key)
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in attested.iterdir()} == before


def test_an_attestation_that_was_taken_out_is_missed(attested: Path, holder: Holder) -> None:
    (attested / manifest.ATTESTATION).unlink()
    assert problems(attested, holder) == ["attestation.dsse.json: missing; a key was given, so the pack should have one"]


def test_an_attestation_is_never_taken_on_trust(attested: Path) -> None:
    assert problems(attested) == ["attestation.dsse.json: not checked, no public key was given"]


def test_somebody_elses_key_does_not_fit(attested: Path, tmp_path: Path) -> None:
    found = problems(attested, Holder(tmp_path / "other"))
    assert len(found) == 1
    assert "not by the given key" in found[0]


@pytest.mark.parametrize("name", ["journal.sqlite", "report.json", "manifest.json"])
def test_a_missing_file_is_named_once(attested: Path, holder: Holder, name: str) -> None:
    (attested / name).unlink()
    found = [line for line in problems(attested, holder) if name in line and "missing" in line]
    assert len(found) == (2 if name == "manifest.json" else 1)  # the manifest is a subject too


@pytest.mark.parametrize("name", ["notes.txt", "journal.sqlite-wal"])
def test_an_extra_file_is_named(attested: Path, holder: Holder, name: str) -> None:
    (attested / name).write_text("more")
    assert problems(attested, holder) == [f"{name}: not part of the pack"]


def test_a_folder_or_a_link_is_not_part_of_a_pack(attested: Path, holder: Holder) -> None:
    (attested / "more").mkdir()
    content = (attested / "report.json").read_bytes()
    (attested.parent / "elsewhere").write_bytes(content)
    (attested / "report.json").unlink()
    (attested / "report.json").symlink_to(attested.parent / "elsewhere")
    found = problems(attested, holder)
    assert "more: not a plain file, and not part of the pack" in found
    assert "report.json: not a plain file, and not part of the pack" in found


def _reseal(folder: Path) -> None:
    """What a forger without the key can do: bring the manifest into line."""
    names = [p.name for p in folder.iterdir() if p.name not in (manifest.MANIFEST, manifest.ATTESTATION)]
    (folder / manifest.MANIFEST).write_bytes(manifest.render({n: manifest.sha256((folder / n).read_bytes()) for n in names}))


def _better(folder: Path) -> None:
    path = folder / "report.json"
    path.write_text(path.read_text().replace('"verdict": "inconclusive"', '"verdict": "pass"'))


def test_a_report_made_better_does_not_fit_its_journal_even_under_a_new_manifest(tmp_path: Path) -> None:
    folder = write_pack(tmp_path, checked(SERVED), checked(REFUSED, "inconclusive"))
    _better(folder)
    assert problems(folder) == ["report.json: changed (its SHA-256 is not the recorded one)"]
    _reseal(folder)
    assert problems(folder) == ["report.json: not what the journal gives"]


def test_a_forger_without_the_key_cannot_bring_the_attestation_into_line(tmp_path: Path, holder: Holder) -> None:
    folder = write_pack(tmp_path, checked(SERVED), checked(REFUSED, "inconclusive"), signer=holder.signer)
    _better(folder)
    _reseal(folder)
    assert problems(folder, holder) == [
        "attestation.dsse.json: subject manifest.json: changed (its SHA-256 is not the recorded one)",
        "attestation.dsse.json: subject report.json: changed (its SHA-256 is not the recorded one)",
        "report.json: not what the journal gives",
    ]


def test_an_event_that_was_rewritten_breaks_the_chain(plain: Path) -> None:
    db = sqlite3.connect(plain / "journal.sqlite")
    db.execute("DROP TRIGGER no_update")
    db.execute("UPDATE events SET body = replace(body, '\"ok\":true', '\"ok\":false') WHERE sequence = 2")
    db.commit()
    db.close()
    _reseal(plain)
    assert problems(plain) == ["journal.sqlite: event 2 (sanity) does not fit the chain"]


def test_a_whole_journal_put_in_place_of_another_is_found_by_its_attestation(attested: Path, holder: Holder, tmp_path: Path) -> None:
    other = write_pack(tmp_path / "other", id="run-2")
    for name in ("journal.sqlite", "report.json", "manifest.json"):
        (attested / name).write_bytes((other / name).read_bytes())
    found = problems(attested, holder)
    assert [line.split(": ")[1] for line in found[:3]] == ["subject journal.sqlite", "subject manifest.json", "subject report.json"]
    assert found[3:] == ["attestation.dsse.json: its result or configuration is not what the journal gives"]


def _resign(folder: Path, holder: Holder, **changes: Any) -> None:
    body = json.loads(envelope.opened((folder / manifest.ATTESTATION).read_bytes(), holder.key))
    (folder / manifest.ATTESTATION).write_bytes(envelope.sign(statement.render(body | changes), holder.signer))


def test_a_signed_result_that_the_journal_does_not_give_is_found(tmp_path: Path, holder: Holder) -> None:
    folder = write_pack(tmp_path, checked(SERVED), checked(REFUSED, "inconclusive"), signer=holder.signer)
    body = json.loads(envelope.opened((folder / manifest.ATTESTATION).read_bytes(), holder.key))
    _resign(folder, holder, predicate=body["predicate"] | {"result": "PASSED", "failedTests": [], "passedTests": [SERVED, REFUSED]})
    assert problems(folder, holder) == ["attestation.dsse.json: its result or configuration is not what the journal gives"]


def test_a_signed_predicate_that_is_malformed_is_found(attested: Path, holder: Holder) -> None:
    _resign(attested, holder, predicate={"result": "GREAT"})
    found = problems(attested, holder)
    assert "attestation.dsse.json: the predicate's result is GREAT, allowed are PASSED, WARNED, FAILED" in found


def test_a_subject_left_out_is_found(attested: Path, holder: Holder) -> None:
    body = json.loads(envelope.opened((attested / manifest.ATTESTATION).read_bytes(), holder.key))
    _resign(attested, holder, subject=[s for s in body["subject"] if s["name"] != "report.json"])
    assert problems(attested, holder) == ["attestation.dsse.json: subject report.json: not part of the pack"]


def test_a_second_signature_is_not_let_through(attested: Path, holder: Holder) -> None:
    path = attested / manifest.ATTESTATION
    body = json.loads(path.read_bytes())
    body["signatures"].append({"keyid": "00" * 32, "sig": base64.b64encode(bytes(64)).decode()})
    path.write_bytes((json.dumps(body, indent=2, sort_keys=True) + "\n").encode())
    assert problems(attested, holder) == ["attestation.dsse.json: the attestation has 2 signatures, expected one"]


def test_another_catalogue_than_the_installed_one_is_said(plain: Path) -> None:
    found = verify(plain, CATALOGUE.model_copy(update={"digest": "99" * 32})).problems
    assert len(found) == 1
    assert "install that version" in found[0]


def test_a_journal_without_a_run_is_said(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite"):
        pass
    (tmp_path / "report.json").write_text("{}")
    _reseal(tmp_path)
    assert problems(tmp_path) == ["journal.sqlite: not a journal that can be judged: ValueError: the journal holds no run"]


def test_a_chain_of_hostile_events_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    write_journal(tmp_path, events(organizations={}))
    (tmp_path / "report.json").write_text("{}")
    _reseal(tmp_path)
    assert problems(tmp_path) == ["journal.sqlite: not a journal that can be judged: KeyError: 'subject'"]


def test_a_manifest_that_leaves_out_the_journal_makes_no_pack(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("fine")
    _reseal(tmp_path)
    assert problems(tmp_path) == [
        f"{name}: not in the manifest, and no pack is whole without it" for name in ("journal.sqlite", "report.json")
    ]


def _flips(content: bytes) -> list[tuple[int, int]]:
    """Place and mask: one bit of each byte; in the small files letters in the other case too, which hex digits and base64 might forgive."""
    letters = [i for i, byte in enumerate(content) if chr(byte).isalpha()] if len(content) < 3_000 else []
    return [(i, 1) for i in range(len(content))] + [(i, 0x20) for i in letters]


def _undetected(folder: Path, name: str, check: Any) -> list[tuple[int, int]]:
    good = (folder / name).read_bytes()
    missed = []
    with (folder / name).open("r+b", buffering=0) as file:
        for place, mask in _flips(good):
            os.pwrite(file.fileno(), bytes([good[place] ^ mask]), place)
            found: Verification = check()
            if not found.problems:
                missed.append((place, mask))
            os.pwrite(file.fileno(), good[place : place + 1], place)
    assert not check().problems
    return missed


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["manifest.json", "attestation.dsse.json", "journal.sqlite", "report.json"])
def test_one_flipped_bit_is_found_at_every_byte_of_an_attested_pack(attested: Path, holder: Holder, name: str) -> None:
    assert _undetected(attested, name, lambda: verify(attested, CATALOGUE, holder.key)) == []


def test_one_flipped_bit_is_found_at_every_byte_of_a_manifest_without_attestation(plain: Path) -> None:
    assert _undetected(plain, "manifest.json", lambda: verify(plain, CATALOGUE)) == []
