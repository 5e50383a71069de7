"""Where the findings of a control are, told so that it is the same in each run: what tells two violations apart that one control finds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from zdr_audit.matrix.model import Attempt, MatrixError, Places
from zdr_audit.suite.outcomes import OF_DIGEST

FILE = "places.json"
ANSWERS, BETWEEN = "answers", " | "
_OF_DIGEST = OF_DIGEST[:20]
"""So much of it is left where a promise is cut off."""
_CHANGING = re.compile(r"[\w.-]*\d[\w.-]*")
_NODE = re.compile(r" \(node \S+ was asked\)$")
_LONGEST = 200  # before words are looked at, which takes the square of it at worst
_KNOWN = TypeAdapter(dict[str, Places])


def place(finding: Mapping[str, Any]) -> str:
    """What was promised, and where it was broken: source, object, location and encoding of what is kept; of an answer what the message goes on to say, else
    its endpoint and status; whichever node was asked. Every word that holds a digit is blotted out: names of objects, numbers of rows."""
    promise, _, rest = _NODE.sub("", str(finding["message"]).partition("\n")[0]).partition(": ")
    if finding["source"] == ANSWERS and rest:
        parts = (ANSWERS, rest)
    else:
        said = str(finding["object"]).partition("?")[0]
        parts = (finding["source"], said, finding["location"], *finding.get("forms", ()))
    return BETWEEN.join(_CHANGING.sub("#", str(part)[:_LONGEST]) for part in (promise, *parts))


def promise(place: str) -> str:
    """What was promised there, which is the same of a digest."""
    return place.partition(BETWEEN)[0].partition(_OF_DIGEST)[0]


def places(controls: Mapping[str, Mapping[str, Any]]) -> Places:
    """By failed control of a report: the places of its findings."""
    failed = ((name, control) for name, control in controls.items() if control["verdict"] == "fail")
    return {name: tuple(sorted({place(finding) for finding in control["findings"]})) for name, control in failed}


def to_json(rows: Iterable[Attempt]) -> str:
    """By violation and control: the places."""
    return json.dumps({row.id: dict(row.places) for row in rows if row.places}, indent=1, ensure_ascii=False) + "\n"


def read_places(folder: Path) -> Mapping[str, Places]:
    """What lies in `folder`; nothing where nothing does. Raises MatrixError."""
    file = folder / FILE
    if not file.is_file():
        return {}
    try:
        return _KNOWN.validate_json(file.read_bytes())
    except (OSError, ValidationError) as exc:
        raise MatrixError(f"{file}: cannot be read as places of findings: {' '.join(str(exc).split())[:200]}") from None
