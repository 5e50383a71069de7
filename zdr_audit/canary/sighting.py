"""What a search finds."""

from __future__ import annotations

from dataclasses import dataclass

# The names of `digests.ALGORITHMS`, which a reader of findings needs without what computes them.
DIGESTS = frozenset({
    "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha512_256", "sha3_224", "sha3_256", "sha3_384", "sha3_512",
    "blake2b", "blake2b-64", "blake2b-128", "blake2b-160", "blake2b-256", "blake2s", "blake3",
    "uuid5-url", "uuid5-dns", "uuid5-oid", "uuid3-url", "uuid3-dns",
})  # fmt: skip


def is_digest(forms: tuple[str, ...]) -> bool:
    """Whether what has these forms is a digest of content, from which the content itself cannot be read."""
    return len(forms) > 1 and forms[-2] in DIGESTS


@dataclass(frozen=True)
class Sighting:
    """A canary, or its literal alone (`canary` None), in bytes `start` to `end` of the top object.

    Inside compressed data the range is that of the whole encoded region. `forms` are the decodings, outermost first, the last being the
    letter case (`plain`, `upper-case`, `mixed-case`). `excerpt` quotes at most 16 decoded bytes.
    """

    start: int
    end: int
    forms: tuple[str, ...]
    canary: str | None
    excerpt: str
