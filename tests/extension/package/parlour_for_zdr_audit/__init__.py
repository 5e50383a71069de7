"""An example of a package that extends zdr-audit: a dialect, a reader of evidence with its size, a form. Its entry points are in the dist-info beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from zdr_audit.canary.form import Decoded, Form
from zdr_audit.canary.seeker import Seeker
from zdr_audit.evidence.documents import read_documents
from zdr_audit.evidence.model import Reading
from zdr_audit.profile.model import Profile
from zdr_audit.target.dialects.base import Parsed, Rendered
from zdr_audit.target.dialects.content import noise, prompt
from zdr_audit.target.stimulus import Place, Stimulus


class Parlour:
    """What the parlour's guests say, in envelopes."""

    name = "parlour"
    features = frozenset({"message", "header", "answer", "wrong:broken_json", "wrong:bad_credential"})
    headers: Mapping[str, str] = {}
    request_id_header = "x-visit"

    def render(self, stimulus: Stimulus, model: str, texts: Mapping[Place, str], parts: tuple[str, ...], size_limit: int) -> Rendered:
        headers = {"content-type": "application/json"} | ({"x-client-note": texts["header"]} if "header" in texts else {})
        said = prompt(stimulus, texts, parts)
        utterance = f"{noise(stimulus.noise)}\n{said}" if stimulus.noise else said
        raw = json.dumps({"envelope": {"utterance": utterance}}).encode()
        return Rendered(headers, raw[:-2] if stimulus.wrong == "broken_json" else raw)

    def parse(self, status: int | None, content_type: str, body: bytes, *, streamed: bool) -> Parsed:
        try:
            return Parsed(True, "".join(json.loads(body)["reply"]["verses"]), "")
        except (ValueError, KeyError, TypeError):
            return Parsed(False, "", "the parlour said nothing")

    def counting(self, body: bytes) -> bytes:
        return body


def dialect(profile: Profile) -> Parlour:
    return Parlour()


def read_diary(source_id: str, options: Mapping[str, str], seeker: Seeker, progress: Callable[[int], None] | None = None) -> Reading:
    """Each page of the diary, a document."""
    pages = ((path.name, path.read_bytes()) for path in sorted(Path(options["folder"]).glob("*.txt")))
    return read_documents(source_id, "extension", pages, seeker)


def diary_size(options: Mapping[str, str]) -> int:
    """What the pages take: the growth bound rests on it."""
    return sum(path.stat().st_size for path in Path(options["folder"]).glob("*.txt"))


def _shift(data: bytes, by: int) -> bytes:
    return bytes((code + by) % 256 for code in data)


SHIFTED = Form(
    "shifted",
    lambda payload: [(_shift(payload, 3), 0)],
    lambda window, start, phase: Decoded("shifted", _shift(window, -3), range(len(window)), range(1, len(window) + 1)),
)
