"""What the readers of servers share: where a server is, how its problems are told, and how many small values are searched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from zdr_audit.canary.seeker import Sighting

from .collector import Collector, byte_range
from .files import read_files
from .model import Reading
from .units import MIB

LZF_FORM = "rdb-lzf"
TIMES = (15, 60)  # seconds that an object store may take: to connect, and between two pieces of an answer
_BATCH = MIB
_LONG = 80
_MIN_SECRET = 4
_PASSWORD_WORD = re.compile(r"(?i)password\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s&']+))")  # of a libpq DSN, or of a URL's query


@dataclass(frozen=True)
class ServerPlace:
    """Where a server's evidence is. `url` may hold a password, so it is never shown; `data_dir` is the server's folder on this machine.

    `bucket`, `prefix`, `endpoint` and `credentials` are for object stores: of S3 key, secret and token, of Google a file and a token; None: those of this
    process's environment.
    """

    url: str = ""
    data_dir: Path | None = None
    bucket: str = ""
    prefix: str = ""
    endpoint: str | None = None
    credentials: tuple[str, ...] | None = field(default=None, repr=False)


class MissingExtraError(Exception):
    """A client library is not installed; the message says how to install it."""

    def __init__(self, extra: str) -> None:
        super().__init__(f"needs pip install 'zdr-audit[{extra}]'")


def one_line(problem: BaseException, *secrets: str) -> str:
    """The first line of a problem's message, with the secrets blotted out."""
    text = next((line.strip() for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[credential]")
    return text


def secrets_in(url: str) -> tuple[str, ...]:
    """What must not be shown of a server's URL: itself when it has a password, and the password, quoted or not.

    Passwords of fewer than 4 characters are left out: blotting them out would mangle every message.
    """
    words = [next(filter(None, match), "") for match in _PASSWORD_WORD.findall(url)]
    try:
        words.append(urlsplit(url).password or "")
    except ValueError:
        words.append(url)
    words = [word for word in words if word]
    if not words:
        return ()
    return tuple(dict.fromkeys((url, *(word for found in words for word in (found, unquote(found)) if len(word) >= _MIN_SECRET))))


def named(raw: bytes | str) -> str:
    """A key or name as text for a report, cut where it is long."""
    text = raw if isinstance(raw, str) else raw.decode("utf-8", "backslashreplace")
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _LONG else f"{text[:_LONG]}... ({len(text)} characters)"


class Values:
    """Searches many small values at a time: most batches hold nothing that a search would have to look at closely.

    `seen` gathers the ids of the canaries found; `fragment` tells whether a literal without a whole canary was found.
    """

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.seen: set[str] = set()
        self.fragment = False
        self._batch: list[tuple[str, str, bytes]] = []
        self._size = 0

    def add(self, name: str, place: str, value: bytes) -> None:
        """Search `place` of the object `name`, now or with the batch it is in."""
        self._batch.append((name, place, value))
        self._size += len(value)
        self.collector.bytes += len(value)
        if self._size >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Search what is still waiting."""
        batch, self._batch, self._size = self._batch, [], 0
        seeker = self.collector.seeker
        if not seeker.may_see_in([value for _, _, value in batch]):
            return
        for name, place, value in batch:
            if seeker.may_see(value):
                self.search(name, place, value)

    def search(self, name: str, place: str, value: bytes | Iterable[bytes]) -> None:
        """Search one value at once, of any size when given in pieces. The bytes of these are not counted here."""

        def locate(sighting: Sighting) -> str:
            self.note(sighting)
            return f"{place}, {byte_range(sighting)}"

        self.collector.search(name, value, locate)

    def note(self, sighting: Sighting) -> None:
        """Remember what was seen live."""
        if sighting.canary is None:
            self.fragment = True
        else:
            self.seen.add(sighting.canary)

    def live(self, canary: str | None) -> bool:
        """Whether live data explain a hit elsewhere."""
        return self.fragment if canary is None else canary in self.seen


def with_files(reading: Reading, folder: Path, values: Values, progress: Callable[[int], None] | None) -> Reading:
    """The reading, and what the files in a server's folder hold: as residue where the server's live data do not show the canary."""
    files = read_files(reading.source, folder, values.collector.seeker, progress)
    opened = {hit.object for hit in files.hits if hit.forms[0] == LZF_FORM and hit.canary is not None}
    hits = tuple(
        hit.model_copy(update={"residue": not values.live(hit.canary)})
        for hit in files.hits
        # Compressed data show parts of the canaries that are read from them in full.
        if hit.canary is not None or hit.object not in opened
    )
    return reading.model_copy(
        update={
            "objects": reading.objects + files.objects,
            "bytes": reading.bytes + files.bytes,
            "hits": reading.hits + hits,
            "not_examined": reading.not_examined + files.not_examined,
            "error": reading.error or (f"data_dir: {files.error}" if files.error else None),
        }
    )
