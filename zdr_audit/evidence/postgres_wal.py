"""Which table a place in PostgreSQL's write-ahead log is about: each record names, before its data, the file of the relation that it changes."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right

from .postgres_catalog import Catalog

# In a record: the tablespace (that of the system, where no other was asked for), the database and the file, each of 4 bytes.
_TABLESPACE = 1663
_REFERENCE = re.compile(re.escape(_TABLESPACE.to_bytes(4, "little")) + b"(.{4})(.{4})", re.DOTALL)
_TAIL = 11  # bytes in which a reference may have begun
_MOST = 500_000
_FIRST_FILE = 1000  # no relation has a lower number


class Mentions:
    """Learns the log's bytes in order (without page headers), and then knows the relation that a place is about, as far as the catalog knows it.

    Only the last half a million mentions are kept: places are asked for soon after their bytes were learned.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._database = catalog.database
        own = re.compile(rf"base/{catalog.database}/(\d+)")  # in another tablespace the same number is another relation's
        self._titles = {int(found[1]): relation.title for name, relation in catalog.files.items() if (found := own.fullmatch(name))}
        self._places, self._files = array("q"), array("q")
        self._tail, self._seen = b"", 0

    def learn(self, chunk: bytes) -> None:
        data = self._tail + chunk
        base = self._seen - len(self._tail)
        for match in _REFERENCE.finditer(data):
            database, file = (int.from_bytes(part, "little") for part in match.groups())
            own = database == self._database
            if file < _FIRST_FILE or not database or (own and file not in self._titles):
                continue  # a coincidence, or a relation that is gone
            self._places.append(base + match.start())
            self._files.append(own and file)
        self._seen += len(chunk)
        self._tail = data[-_TAIL:]
        if len(self._places) > 2 * _MOST:
            del self._places[:-_MOST], self._files[:-_MOST]

    def title(self, at: int) -> str:
        """The relation of the last mention before `at`; empty where it is one of another database, or not known."""
        number = bisect_right(self._places, at) - 1
        return self._titles.get(self._files[number], "") if number >= 0 else ""
