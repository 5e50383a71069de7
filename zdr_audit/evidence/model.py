"""What reading an evidence source yields: one `Reading` a source and pass, with its hits and what could not be examined."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from zdr_audit.canary.sighting import is_digest


class Frozen(BaseModel):
    """Base of every record: immutable, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Hit(Frozen):
    """One place in a source where a canary was seen.

    `object` names the stored thing (a file below the source's root, `table` of a database, a URL path), `location` the place in it (`row 17,
    column body`, `bytes 120-156`, `page 9, bytes 36900-36936`), `forms` the decodings from the stored bytes inwards, outermost first
    (`("gzip", "base64", "plain")`); of a digest the last two are its algorithm and what was digested (`("hex", "sha256", "request-text")`).
    `canary` is the canary's id, None when the run's literal was seen but no whole canary could be read.
    `residue` is true where the bytes lie outside live data: free pages, write-ahead logs, deleted rows. `excerpt` quotes at most 16 bytes.
    """

    source: str
    object: str
    location: str
    forms: tuple[str, ...]
    canary: str | None
    residue: bool = False
    excerpt: str = ""

    @property
    def of_digest(self) -> bool:
        """Whether it is a digest of content that was seen, not the content itself."""
        return is_digest(self.forms)


class NotExamined(Frozen):
    """An object that could not be read or decoded, and why: never silently skipped. Of a whole object that nobody could look into, `written` is when it was
    last written (UTC, ISO 8601), and where that cannot be told `mark` is what becomes another with every writing (empty: there is its name alone)."""

    object: str
    reason: str
    written: str | None = None
    mark: str | None = None


class Reading(Frozen):
    """The outcome of reading one source once. `objects` and `bytes` count what was read; `error` is set where the source could not be read at all.

    `searched` names the forms in which canaries were looked for.
    """

    source: str
    kind: str
    objects: int
    bytes: int
    hits: tuple[Hit, ...] = ()
    not_examined: tuple[NotExamined, ...] = ()
    error: str | None = None
    searched: tuple[str, ...] = ()
