"""Token ids are found for the tokenizer that a profile names, and for no other."""

from __future__ import annotations

import json
import struct

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from varints import varint

from zdr_audit.canary.mint import Mint, new_literal
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import Seeker
from zdr_audit.canary.tokens import literal_runs, load

VOCABULARIES = ("tiktoken:cl100k_base", "tiktoken:o200k_base")


def trained(folder, letters: str = "abcdefghijklmnopqrstuvwxyz0123456789 ") -> str:
    """A small byte-level tokenizer, which makes short tokens of unknown text."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    made.train_from_iterator(["the quick survey of the northern harbour lists forty ships", "answer with the result 123 456"] * 20, trainer)
    made.save(str(folder / "tokenizer.json"))
    return f"tokenizers:{folder / 'tokenizer.json'}"


@pytest.fixture(scope="module", params=[*VOCABULARIES, "trained"])
def tokenizer(request, tmp_path_factory):
    return load(trained(tmp_path_factory.mktemp("tokenizer")) if request.param == "trained" else request.param)


WRITINGS = {
    "list": lambda ids: json.dumps({"prompt_tokens": ids}).encode(),
    "compact list": lambda ids: json.dumps({"tokens": ids}, separators=(",", ":")).encode(),
    "indented list": lambda ids: ("tokens: " + " ".join(map(str, ids)) + "\n").encode(),
    "int32": lambda ids: b"\x93NUMPY\x01" + struct.pack(f"<{len(ids)}i", *ids),
    "int64": lambda ids: b"head" + struct.pack(f"<{len(ids)}q", *ids) + b"tail",
    "int32, big-endian": lambda ids: b"head" + struct.pack(f">{len(ids)}i", *ids),
    "varints": lambda ids: b"\x0a\x09" + b"".join(varint(token) for token in ids) + b"\x10\x01",
}


@pytest.mark.parametrize("before", ["Please note ", "case-", '"', "x = "])
@pytest.mark.parametrize("writing", WRITINGS)
def test_token_ids_are_found_with_their_canary(tokenizer, writing, before):
    literal = new_literal()
    mint, registry = Mint(literal), Registry(literal, b"key")
    seeker = Seeker(literal, registry.identify, tokenizer=tokenizer)
    for number in range(12):
        canary = mint.new()
        registry.add(f"c{number}", canary)
        ids = [token for token, _, _ in tokenizer.pieces(f"{before}{canary}. The survey lists forty ships.")]
        seen = list(seeker.search(WRITINGS[writing](ids)))
        assert {(sighting.forms, sighting.canary) for sighting in seen} == {(("token-ids", "plain"), f"c{number}")}


def test_ids_that_fit_into_two_bytes_are_found_as_such(tmp_path):
    tokenizer = load(trained(tmp_path))
    literal = new_literal()
    registry, canary = Registry(literal, b"key"), Mint(literal).new()
    registry.add("c", canary)
    ids = [token for token, _, _ in tokenizer.pieces(f"Please note {canary}.")]
    seen = list(Seeker(literal, registry.identify, tokenizer=tokenizer).search(struct.pack(f"<{len(ids)}H", *ids)))
    assert {(sighting.forms, sighting.canary) for sighting in seen} == {(("token-ids", "plain"), "c")}


def test_without_a_tokenizer_none_are_found_and_none_are_said_to_be_searched(tokenizer):
    literal = new_literal()
    canary = Mint(literal).new()
    ids = [token for token, _, _ in tokenizer.pieces(f"Please note {canary}.")]
    without, with_one = Seeker(literal, lambda _: None), Seeker(literal, lambda _: None, tokenizer=tokenizer)
    assert list(without.search(json.dumps(ids).encode())) == []
    assert "token-ids" in with_one.searched
    assert "token-ids" not in without.searched


def test_a_few_patterns_stand_for_all_canaries(tokenizer):
    assert all(0 < len(literal_runs(new_literal(), tokenizer)) <= 12 for _ in range(20))


def test_every_pattern_is_text_of_the_literal_alone(tokenizer):
    for literal in (new_literal() for _ in range(20)):
        for run in literal_runs(literal, tokenizer):
            assert b"".join(tokenizer.text(token) for token in run) in literal.encode()


def test_ordinary_numbers_are_no_token_ids(tokenizer):
    seeker = Seeker(new_literal(), lambda _: None, tokenizer=tokenizer)
    ids = [token for token, _, _ in tokenizer.pieces("The quick survey of the northern harbour lists forty ships. " * 200)]
    assert list(seeker.search(json.dumps(ids).encode() + struct.pack(f"<{len(ids)}i", *ids))) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tiktoken:no_such_base", "no encoding 'no_such_base'"),
        ("tokenizers:no/such/file.json", "no tokenizer file"),
        ("sentencepiece:x", "is named tiktoken:ENCODING or tokenizers:FILE"),
        ("tiktoken:", "is named tiktoken:ENCODING"),
    ],
)
def test_a_name_that_leads_to_no_tokenizer_is_refused(name, said):
    with pytest.raises(ValueError, match=said):
        load(name)


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match="not a tokenizer file"):
        load(f"tokenizers:{tmp_path / 'x.json'}")


def test_a_missing_package_is_said_with_what_to_install(monkeypatch):
    def missing(_name: str):
        raise ModuleNotFoundError

    monkeypatch.setattr("zdr_audit.canary.tokens.importlib.import_module", missing)
    with pytest.raises(ValueError, match=r"pip install 'zdr-audit\[tokens\]'"):
        load("tiktoken:cl100k_base")
