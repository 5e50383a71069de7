"""Extended attributes of files and folders are searched as their contents are."""

from __future__ import annotations

import errno
import os

import pytest

from zdr_audit.evidence import attributes
from zdr_audit.evidence.files import read_files

pytestmark = pytest.mark.skipif(not hasattr(os, "setxattr"), reason="the system has no extended attributes")


def where(reading):
    return {(hit.object, hit.location, hit.canary) for hit in reading.hits}


def test_content_and_name_of_an_attribute_are_found_in_files_and_folders(lab, tmp_path):
    (tmp_path / "objects").mkdir()
    file = tmp_path / "objects" / "7f.data"
    file.write_bytes(b"encrypted")
    name = lab.canary("name")
    os.setxattr(file, "user.swift.metadata", b"\x80\x02}q\x01U\x04" + lab.canary("content").encode())
    os.setxattr(file, f"user.{name}", b"")
    os.setxattr(tmp_path / "objects", "user.note", lab.canary("folder").encode())
    assert where(read_files("blobs", tmp_path, lab.seeker)) == {
        ("objects/7f.data", "extended attribute user.swift.metadata", "content"),
        ("objects/7f.data", f"extended attribute user.{name}", "name"),
        ("objects", "extended attribute user.note", "folder"),
    }
    assert where(read_files("blob", file, lab.seeker)) == {
        ("7f.data", "extended attribute user.swift.metadata", "content"),
        ("7f.data", f"extended attribute user.{name}", "name"),
    }


def test_a_link_is_not_followed_to_the_attributes_of_what_it_leads_to(lab, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    os.setxattr(outside, "user.note", lab.canary("outside").encode())
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "link").symlink_to(outside)
    assert read_files("blobs", tmp_path / "source", lab.seeker).hits == ()


def refuse(number: int):
    def refused(*_: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    return refused


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENODATA, errno.EACCES])
@pytest.mark.parametrize(
    ("function", "said"), [("listxattr", "attributes cannot be listed"), ("getxattr", "attribute user.note cannot be read")]
)
def test_what_could_not_be_read_is_said_and_what_is_not_there_is_not(lab, tmp_path, monkeypatch, function, said, number):
    file = tmp_path / "a.data"
    file.write_bytes(b"a")
    os.setxattr(file, "user.note", b"b")
    monkeypatch.setattr(attributes.os, function, refuse(number))
    notes = {(item.object, item.reason) for item in read_files("blobs", tmp_path, lab.seeker).not_examined}
    assert notes == ({("a.data", f"its extended {said}: Permission denied")} if number == errno.EACCES else set())


def test_a_system_without_attributes_is_read_all_the_same(lab, tmp_path, monkeypatch):
    (tmp_path / "a.data").write_text(lab.canary("one"))
    monkeypatch.delattr(attributes.os, "listxattr")
    assert {hit.canary for hit in read_files("blobs", tmp_path, lab.seeker).hits} == {"one"}
