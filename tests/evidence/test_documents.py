from __future__ import annotations

import gzip

from zdr_audit.evidence.documents import read_documents


def test_bodies_and_names_are_searched_and_errors_listed(lab):
    documents = [
        ("GET /conversations", b'{"data": ["' + lab.canary("body").encode() + b'"]}'),
        (f"GET /files/{lab.canary('name')}", b"{}"),
        ("GET /exports/1", gzip.compress(lab.canary("zipped").encode())),
        ("GET /broken", "status 500"),
    ]
    reading = read_documents("api", "http", iter(documents), lab.seeker)
    assert [(hit.object, hit.location, hit.forms, hit.canary) for hit in reading.hits] == [
        ("GET /conversations", "bytes 11-43", ("plain",), "body"),
        (documents[1][0], "name", ("plain",), "name"),
        ("GET /exports/1", f"bytes 0-{len(documents[2][1])}", ("gzip", "plain"), "zipped"),
    ]
    assert [(item.object, item.reason) for item in reading.not_examined] == [("GET /broken", "status 500")]
    assert (reading.source, reading.kind, reading.objects) == ("api", "http", 3)
    assert reading.bytes == sum(len(body) for _, body in documents[:3])


def test_no_documents_are_a_reading_of_nothing(lab):
    reading = read_documents("api", "http", [], lab.seeker)
    assert (reading.objects, reading.bytes, reading.hits, reading.error) == (0, 0, (), None)
