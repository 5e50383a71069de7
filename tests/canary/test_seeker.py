from __future__ import annotations

import base64
import copy
import gzip
import itertools
import os
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fixtures.corpus import LEAKS, encrypted, noise
from zdr_audit.canary.digests import ALGORITHMS, DigestBook
from zdr_audit.canary.mint import Mint, new_literal, parts
from zdr_audit.canary.registry import Registry
from zdr_audit.canary.seeker import CHUNK, Seeker, _chunks, searched_forms


def test_a_sighting_gives_place_form_canary_and_at_most_16_characters(lab):
    canary = lab.canary("one")
    (sighting,) = lab.search(f"hello {canary} world".encode())
    assert (sighting.start, sighting.end, sighting.forms, sighting.canary) == (6, 38, ("plain",), "one")
    assert sighting.excerpt == canary[:16]


def test_two_canaries_side_by_side_are_two_sightings(lab):
    data = (lab.canary("one") + lab.canary("two")).encode()
    assert [(seen.start, seen.end, seen.canary) for seen in lab.search(data)] == [(0, 32, "one"), (32, 64, "two")]


def test_a_literal_alone_is_seen_and_attributed_to_nobody(lab):
    (sighting,) = lab.search(f"... {lab.literal} ...".encode())
    assert (sighting.start, sighting.end, sighting.canary) == (4, 14, None)


def test_a_canary_of_the_run_that_was_never_registered_is_one_sighting_of_nobody(lab):
    (sighting,) = lab.search(lab.mint.new().encode())
    assert (sighting.start, sighting.end, sighting.canary) == (0, 32, None)


@pytest.mark.parametrize(
    "keep", [slice(0, 22), slice(10, 32), slice(0, 29), slice(3, 32), slice(0, 16), slice(0, 19), slice(16, 32), slice(11, 32)]
)
def test_a_canary_with_one_literal_cut_is_identified(lab, keep):
    canary = lab.canary("cut")
    assert [seen.canary for seen in lab.search(b"<" + canary[keep].encode() + b">")] == ["cut"]


def test_a_damaged_canary_is_one_sighting_of_its_whole_range(lab):
    canary = lab.canary("damaged")
    data = f"<{canary[:18]}??{canary[20:]}>".encode()
    assert [(seen.start, seen.end, seen.canary) for seen in lab.search(data)] == [(1, 33, "damaged")]


def test_the_range_of_encoded_text_is_exact(lab):
    canary = lab.canary("one")
    encoded = base64.b64encode(b"abc" + canary.encode() + b"def")
    (sighting,) = lab.search(b"....." + encoded + b".....")
    assert (sighting.start, sighting.end) == (9, 52)
    assert canary.encode() in base64.b64decode(encoded[4:] + b"=" * 4)


def test_the_range_of_compressed_content_is_the_compressed_region(lab):
    member = gzip.compress(f"text {lab.canary('one')}".encode())
    (sighting,) = lab.search(noise(1000, b"a") + member + noise(1000, b"b"))
    assert (sighting.start, sighting.end, sighting.forms) == (1000, 1000 + len(member), ("gzip", "plain"))


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_every_form_is_found_with_its_canary_and_its_chain(lab, leak):
    canary = lab.canary("planted")
    seen = lab.search(leak.make(canary[leak.keep] if leak.keep else canary))
    assert {(sighting.forms, sighting.canary) for sighting in seen} == {(leak.forms, "planted")}


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_every_form_is_found_the_same_in_chunks_of_any_size(lab, leak):
    canary = lab.canary("planted")
    before, after = (b"", b"") if leak.whole else (noise(3000, b"before"), noise(3000, b"after"))
    data = before + leak.make(canary[leak.keep] if leak.keep else canary) + after
    whole = set(lab.search(data))
    assert whole
    for size in (1, 7, 511, 4096):
        assert set(lab.search(data[at : at + size] for at in range(0, len(data), size))) == whole, size


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_a_chunk_border_inside_a_form_hides_nothing(lab, leak):
    canary = lab.canary("planted")
    before = b"" if leak.whole else noise(3000, b"before")
    content = leak.make(canary[leak.keep] if leak.keep else canary)
    whole = set(lab.search(before + content))
    for cut in range(0, min(len(content), 600), 13):
        assert set(lab.search([before + content[:cut], content[cut:]])) == whole, cut


def test_wrapped_encoded_text_is_read_to_its_end_wherever_a_border_cuts_its_line_ends(lab):
    (leak,) = [leak for leak in LEAKS if leak.name == "base64-of-gzip-wrapped-in-json"]
    content = leak.make(lab.canary("planted"))
    after = len(re.search(rb'(=+\\n)?"}$', content)[0])  # padding, where there is some, ends the text
    for lead in range(80):  # a line and its end take 78 bytes
        data = noise(1500 + lead, b"before") + content
        (seen,) = lab.search(data[at : at + 512] for at in range(0, len(data), 512))
        assert (seen.canary, len(data) - seen.end) == ("planted", after), lead
    assert lab.notes == []


def test_many_canaries_in_one_encoded_text_are_seen_once_each(lab):
    names = [f"c{number}" for number in range(60)]
    text = ",".join(lab.canary(name) for name in names).encode()
    for encoded in (base64.b64encode(text), text.hex().encode(), text.decode().encode("utf-16le"), text[::-1]):
        assert sorted(str(seen.canary) for seen in lab.search(encoded)) == sorted(names)


def test_a_canary_beside_compressed_data_in_one_encoded_text_is_seen_once(lab):
    text = gzip.compress(lab.canary("inside").encode()) + b" " + lab.canary("beside").encode()
    assert [(seen.canary, seen.forms) for seen in lab.search(base64.b64encode(text))] == [
        ("beside", ("base64", "plain")),
        ("inside", ("base64", "gzip", "plain")),
    ]


def test_encoded_text_cut_within_the_literal_is_seen_and_attributed_to_nobody(lab):
    encoded = base64.b64encode(lab.canary("cut").encode())[:13]  # ten characters of the literal less two bits
    assert [(seen.start, seen.end, seen.forms, seen.canary) for seen in lab.search(b"<" + encoded + b">")] == [
        (1, 14, ("base64", "plain"), None)
    ]


def test_encoded_text_cut_within_the_second_literal_is_one_sighting(lab):
    encoded = base64.b64encode(b"ab" + lab.canary("cut").encode())[:45]  # 34 bytes less two bits
    assert [(seen.end, seen.canary) for seen in lab.search(encoded)] == [(32, "cut")]


def test_pieces_are_told_once_where_data_may_also_be_compressed(lab):
    """The first bytes could begin an LZ4 block, which is known only at the end not to be one."""
    canary = lab.canary("split")
    pieces = (f"please join {canary} now"[at : at + 2] for at in range(0, 60, 2))
    events = "".join(f'event: delta\ndata: {{"index": 0, "text": "{piece}"}}\n\n' for piece in pieces)
    assert [(seen.canary, seen.forms) for seen in lab.search(b"\xf0.\n" + events.encode())] == [("split", ("split", "plain"))]


def orderless(forms: tuple[str, ...]) -> tuple[str, ...]:
    """Without byte orders, which arbitrary surroundings can make undecidable: a stray byte before UTF-16 turns one into the other."""
    return tuple(form.removesuffix("le").removesuffix("be") if form.startswith("utf") else form for form in forms)


@pytest.mark.parametrize("after", [b"+", b"/", b"+a"])
def test_the_alphabet_of_base64_is_told_by_what_stands_nearest(labs, after):
    lab = labs("zqx482j913")
    written = base64.urlsafe_b64encode(f"\u00fb\u00ff{lab.canary('planted')}".encode() + b"\xfb\xff\xfe")
    (seen,) = lab.search(b"t=" + written + b"\n" + after)
    assert (seen.forms, seen.canary) == (("base64url", "plain"), "planted")


@settings(max_examples=60, deadline=None)
@given(before=st.binary(max_size=3000), after=st.binary(max_size=3000), cuts=st.lists(st.integers(0, 9000), max_size=5), data=st.data())
def test_surroundings_and_chunk_borders_hide_nothing(labs, before, after, cuts, data):
    lab = labs("zqx482j913")
    assume(lab.literal.encode() not in before + after)
    canary = lab.canary("planted")
    leak = data.draw(st.sampled_from([leak for leak in LEAKS if leak.keep is None and not leak.whole]), label="leak")
    content = before + b"\n" + leak.make(canary) + b"\n" + after
    borders = [0, *sorted(cut for cut in cuts if cut < len(content)), len(content)]
    seen = lab.search(content[a:b] for a, b in itertools.pairwise(borders))
    assert orderless(leak.forms) in {orderless(sighting.forms) for sighting in seen}
    assert {sighting.canary for sighting in seen} == {"planted"}


@settings(max_examples=60, deadline=None)
@given(before=st.binary(max_size=2000), text=st.text(max_size=500), level=st.integers(1, 9), after=st.binary(max_size=50))
def test_a_gzip_member_is_opened_at_any_offset(labs, before, text, level, after):
    lab = labs("zqx482j913")
    member = gzip.compress(f"{text}{lab.canary('planted')}{text}".encode(), level)
    seen = lab.search(before + member + after)
    assert ("planted", len(before), len(before) + len(member)) in {
        (hit.canary, hit.start, hit.end) for hit in seen if hit.forms[0] == "gzip"
    }


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=20_000))
def test_data_without_a_canary_hold_none(labs, data):
    assert labs("zqx482j913").search(data) == []


def test_random_and_encrypted_data_hold_none(lab):
    text = "\n".join(lab.canary(f"c{number}") for number in range(2000)).encode()
    assert lab.search(os.urandom(2_000_000)) == []
    assert lab.search(encrypted(text, b"secret key")) == []
    assert lab.search(base64.b64encode(encrypted(text, b"secret key"))) == []
    assert lab.notes == []


def test_the_canaries_of_another_run_are_not_found(lab, labs):
    other = labs()
    assert lab.search(b"".join(leak.make(other.mint.new()) for leak in LEAKS)) == []


def test_a_literal_of_ten_letters_is_found_in_any_case(labs):
    lab = labs("zqxjkvbwfy")
    canary = lab.canary("letters")
    mixed = "".join(letter.upper() if at % 3 else letter for at, letter in enumerate(canary))
    assert [(seen.canary, seen.forms) for seen in lab.search(mixed.encode())] == [("letters", ("mixed-case",))]


def test_the_number_of_canaries_changes_no_pattern(labs):
    one, many = labs("zqx482j913"), labs("zqx482j913")
    one.canary("only")
    for number in range(1000):
        many.canary(f"c{number}")
    assert one.seeker.needles == many.seeker.needles


def test_may_see_is_true_of_whatever_a_search_finds(lab):
    for leak in LEAKS:
        assert lab.seeker.may_see(leak.make(lab.mint.new())), leak.name
    assert not lab.seeker.may_see(b'{"level": "info", "message": "started"}')


def test_a_search_takes_bytes_views_and_chunks_alike(lab):
    data = f"text {lab.canary('one')} text".encode()
    assert lab.search(data) == lab.search(memoryview(data)) == lab.search(bytearray(data)) == lab.search(iter([data[:9], b"", data[9:]]))
    assert lab.search(b"") == lab.search([]) == []


@pytest.mark.parametrize("size", [1, CHUNK, 2 * CHUNK, 2 * CHUNK + 1, 5 * CHUNK + 3])
def test_however_large_the_pieces_are_that_come_no_more_than_two_chunks_are_looked_at_at_once(size):
    piece = bytes(size)
    made = list(_chunks(iter([piece])))
    assert b"".join(made) == piece and max(map(len, made)) <= 2 * CHUNK
    assert made == [piece] or size > 2 * CHUNK
    assert max(map(len, _chunks(piece))) <= CHUNK


@pytest.mark.parametrize("write", ['{{"delta": {{"text": "{}"}}}}\n', "2026-11-26T10:00:00Z INFO delta={}\n"], ids=["json", "log"])
@pytest.mark.parametrize(("size", "before"), [(11, ""), (12, "ab"), (11, "join this "), (14, " it "), (16, "th it ")])
def test_pieces_that_each_hold_a_whole_literal_are_put_together(lab, write, size, before):
    text = f"{before}{lab.canary('told')} and then more text"
    data = "".join(write.format(text[at : at + size]) for at in range(0, len(text), size)).encode()
    assert {seen.canary for seen in lab.search(data)} - {None} == {"told"}


def test_a_literal_alone_is_not_told_by_a_canary_in_the_next_line(labs):
    lab = labs()
    lines = [f"2026-11-26 INFO delta={text}\n" for text in (lab.literal, lab.canary("other"), lab.literal)]
    assert sorted((seen.start, seen.canary) for seen in lab.search("".join(lines).encode())) == [(22, None), (55, "other"), (110, None)]


def test_our_instruction_to_join_parts_is_no_canary_however_often_a_log_holds_it():
    literal = new_literal()
    mint, registry = Mint(literal), Registry(literal, b"key")
    log, expected = "", []
    for number in range(4):
        asked, answered = mint.new(), mint.new()
        registry.add(f"asked-{number}", asked)
        registry.add(f"answered-{number}", answered)
        quoted = " then ".join(f'\\"{part}\\"' for part in parts(answered))
        log += f'{{"text": "Please note {asked}.\\nJoin these parts: {quoted}"}}\n{answered}\n'
        expected += [f"asked-{number}", f"answered-{number}"]
    assert [seen.canary for seen in Seeker(literal, registry.identify).search(log.encode())] == expected


@pytest.mark.parametrize(("form", "encode"), [("ascii85", base64.a85encode), ("base85", base64.b85encode)])
def test_five_digits_of_base_85_are_no_canary_though_they_would_stand_in_one(labs, form, encode):
    lab = labs("zqx482j913")
    alone = encode(lab.literal[3:7].encode())
    assert len(alone) == 5
    assert lab.search(b"kept " + alone + b" beside others, " + alone) == []
    canary = lab.canary("whole")
    for lead in range(4):
        assert {
            (seen.canary, seen.forms[0]) for seen in lab.search(b"<~" + encode(b"abcd"[:lead] + canary.encode() + b" more") + b"~>")
        } >= {("whole", form)}


def test_what_a_seeker_covers_is_what_it_was_given(lab):
    forms = set(searched_forms())
    assert set(lab.seeker.searched) == forms
    with_more = copy.copy(lab.seeker)
    with_more._digests = DigestBook(b"key")
    assert set(with_more.searched) == forms | set(ALGORITHMS)
    with_more._tokenized = True
    assert set(with_more.searched) == forms | set(ALGORITHMS) | {"token-ids"}
    with_more._digests = None
    assert set(with_more.searched) == forms | {"token-ids"}
