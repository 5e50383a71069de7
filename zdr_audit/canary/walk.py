"""Walking a container file as it streams by: a parser that says how many bytes it wants next, behind the interface of a stream decoder."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

# A parser yields how many bytes it needs (positive) or wants passed over (negative), and is sent the bytes it needed.
Parser = Generator[int, bytes, None]
Emit = Callable[[bytes], None]

BLOCK = 256 * 1024
"""Decoded bytes handed on at a time."""
MOST_PACKED = 32 * 1024 * 1024
MOST_DECODED = 64 * 1024 * 1024
"""Bytes of one block beyond which it is passed over."""


class Failures:
    """Counts the blocks of a container that could not be decoded, and says so once."""

    def __init__(self, what: str) -> None:
        self._what, self._count, self._first = what, 0, ""

    def add(self, reason: str) -> None:
        self._count += 1
        self._first = self._first or reason

    def raise_any(self) -> None:
        """Raises ValueError where there were any."""
        if self._count:
            raise ValueError(f"{self._count} {self._what}{'' if self._count == 1 else 's'} could not be decoded (first: {self._first})")


class Walk:
    """Decodes with a parser made by `start`, which hands decoded blocks to the function it is given. A ValueError of the parser ends the
    decoding with an error; its return ends it naturally. Where the data end before, it is thrown an EOFError, and may return."""

    cut_off = "the file is cut off"
    """What is said where the data end too soon."""

    def __init__(self, start: Callable[[Emit], Parser]) -> None:
        self.ended, self.consumed = False, 0
        self.error: str | None = None
        self._buffer = bytearray()
        self._found: list[bytes] = []
        self._parser = start(self._found.append)
        self._need = 0
        self._advance(None)

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        at = 0
        while not self.ended:
            if self._need < 0:
                passed = min(-self._need, len(self._buffer) - at)
                self._need += passed
                at += passed
                if self._need < 0:
                    break
                self._advance(b"")
            elif len(self._buffer) - at >= self._need:
                piece = bytes(self._buffer[at : at + self._need])
                at += self._need
                self._advance(piece)
            else:
                break
            yield from self._hand_on()
        self.consumed += at
        del self._buffer[:at]

    def close(self) -> Iterator[bytes]:
        if not self.ended:
            self.ended, self.error = True, self.cut_off
            try:
                self._parser.throw(EOFError())
            except StopIteration:
                self.error = None
            except ValueError as problem:
                self.error = str(problem)
            except EOFError:
                pass
        yield from self._hand_on()

    def _hand_on(self) -> Iterator[bytes]:
        for block in self._found:
            for start in range(0, len(block), BLOCK):
                yield block[start : start + BLOCK]
        self._found.clear()

    def _advance(self, data: bytes | None) -> None:
        try:
            self._need = next(self._parser) if data is None else self._parser.send(data)
        except StopIteration:
            self.ended = True
        except ValueError as problem:
            self.error, self.ended = str(problem), True


_TELLS = 4096


class Gather:
    """Decodes a block that must be had whole, once the data end. `decode` raises ValueError where it cannot. Of more than a few kilobytes
    `fits` tells from the beginning whether they may be one."""

    def __init__(self, decode: Callable[[bytes], bytes], fits: Callable[[bytes], bool]) -> None:
        self.ended, self.consumed = False, 0
        self.error: str | None = None
        self._decode, self._fits, self._buffer = decode, fits, bytearray()
        self._asked = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._asked and len(self._buffer) + len(data) >= _TELLS:
            self._asked = True
            if not self._fits(bytes(self._buffer) + data[: _TELLS - len(self._buffer)]):
                self._buffer.clear()
                self.error, self.ended = "it is none of its kind", True
                return iter(())
        self._buffer += data
        self.consumed += len(data)
        if len(self._buffer) > MOST_PACKED:
            self._buffer.clear()
            self.error, self.ended = f"it takes more than {MOST_PACKED} bytes", True
        return iter(())

    def close(self) -> Iterator[bytes]:
        if self.ended:
            return
        self.ended = True
        try:
            decoded = self._decode(bytes(self._buffer))
        except ValueError as problem:
            self.error = str(problem)
            return
        for start in range(0, len(decoded), BLOCK):
            yield decoded[start : start + BLOCK]
