"""A form and a path, header lines and a body: what is to go out. Pure functions."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from zdr_audit.suite.bypass.model import Form, Reshape

LARGE = 1_200_000
Headers = dict[str, str]
_WORD = re.compile(r"\{([a-z_]+)\}")
_VERSION = re.compile(r"^/(?:v\d+(?:beta)?|api)(?=/)")
_BOUNDARY = "zdr-audit-other-boundary"
_NEXT = {c: "0123456789abcdef"[(at + 1) % 16] for at, c in enumerate("0123456789abcdef")}


def words(path: str, method: str, host: str, own: str, other: str) -> dict[str, str]:
    """What the templates of a form may name, for one endpoint's path."""
    parent, _, last = path.rpartition("/")
    return {
        "path": path,
        "method": method,
        "parent": parent,
        "last": last,
        "upper": path.upper(),
        "capital": last[:1].upper() + last[1:],
        "swapped": "".join(c.upper() if at % 2 else c for at, c in enumerate(last)),
        "encoded": f"%{ord(last[0]):02X}{last[1:]}" if last else "",
        "encoded_all": "".join(f"%{ord(c):02X}" for c in last),
        "encoded_lower": f"%{ord(last[0]):02x}{last[1:]}" if last else "",
        "twice": f"%25{ord(last[0]):02X}{last[1:]}" if last else "",
        "bare": _VERSION.sub("", path),
        "host": host,
        "own": own,
        "other": other,
        "long": "z" * 6_000,
    }


def filled(template: str, known: Mapping[str, str]) -> str:
    """The template with its words. Raises KeyError for a word that there is not."""
    return _WORD.sub(lambda found: known[found[1]], template)


def path_of(form: Form, known: Mapping[str, str]) -> str:
    return filled(form.path or "{path}", known)


def lines_of(form: Form, known: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, filled(value, known)) for name, value in form.lines)


def reshape(form: Form, body: bytes | None, headers: Headers) -> tuple[bytes | None, Headers]:
    """Body and headers of an ordinary request as the form has them."""
    if body is not None:
        changed, more = _RESHAPES[form.body](body)
        headers = {k: v for k, v in headers.items() if k.lower() not in {name.lower() for name in more}} | more
        body = changed
    headers = {k: v for k, v in headers.items() if k.lower() not in {name.lower() for name in form.drop}}
    if form.media_type is not None:
        headers = {k: v for k, v in headers.items() if k.lower() != "content-type"}
        if form.media_type:
            headers["content-type"] = form.media_type
    return body, headers


_COUNTED = 9


def stranger(identifier: str) -> str:
    """An identifier of the same shape that nobody was given: its letters and digits behind the prefix are turned round, and shifted."""
    head, mark, tail = identifier.rpartition("_")
    turned = "".join(_NEXT.get(c, c) for c in reversed(tail))
    if tail.isdigit() and len(tail) < _COUNTED:  # counted up from one: near numbers are somebody's, and far ones still have 32 bits
        turned = f"20{turned:0>8}"
    return f"{head}{mark}{turned}"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _on_json(change: Callable[[Any], bytes]) -> Callable[[bytes], tuple[bytes, Headers]]:
    """A reshaping that needs JSON; any other body stays as it is."""

    def reshaped(body: bytes) -> tuple[bytes, Headers]:
        data = _json(body)
        return (change(data) if isinstance(data, dict) else body), {}

    return reshaped


def _dump(data: Any) -> bytes:
    return json.dumps(data).encode()


def _escaped(data: Any) -> bytes:
    """Every letter of the outer names as a JSON escape."""
    names = ("".join(f"\\u{ord(c):04x}" for c in name) for name in data)
    return ("{" + ", ".join(f'"{name}": {json.dumps(value)}' for name, value in zip(names, data.values(), strict=True)) + "}").encode()


def _doubled(data: Any) -> bytes:
    harmless = ", ".join(f'{json.dumps(name)}: ""' for name in data)
    return ("{" + harmless + ", " + _dump(data)[1:].decode()).encode()


def _form(data: Any) -> bytes:
    from urllib.parse import urlencode

    return urlencode({name: value if isinstance(value, str) else json.dumps(value) for name, value in data.items()}).encode()


def _parts(body: bytes) -> tuple[bytes, Headers]:
    data = _json(body)
    if not isinstance(data, dict):
        return body, {}
    pieces = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value if isinstance(value, str) else json.dumps(value)}\r\n'
        for name, value in data.items()
    )
    return f"{pieces}--{_BOUNDARY}--\r\n".encode(), {"content-type": f"multipart/form-data; boundary={_BOUNDARY}"}


def _text_only(change: Callable[[str], bytes], more: Headers) -> Callable[[bytes], tuple[bytes, Headers]]:
    return lambda body: (change(body.decode("utf-8", "replace")), more)


_RESHAPES: dict[Reshape, Callable[[bytes], tuple[bytes, Headers]]] = {
    "same": lambda body: (body, {}),
    "gzip": lambda body: (gzip.compress(body, mtime=0), {"content-encoding": "gzip"}),
    "deflate": lambda body: (zlib.compress(body), {"content-encoding": "deflate"}),
    "utf-16": _text_only(lambda text: text.encode("utf-16"), {"content-type": "application/json; charset=utf-16"}),
    "bom": lambda body: (b"\xef\xbb\xbf" + body, {}),
    "escaped": _on_json(_escaped),
    "padded": lambda body: (b" \r\n\t" + body + b"\n \n" if _json(body) is not None else body, {}),
    "listed": _on_json(lambda data: _dump([data])),
    "lines": _on_json(lambda data: _dump(data) + b"\n" + _dump(data) + b"\n"),
    "quoted": _on_json(lambda data: _dump(json.dumps(data))),
    "doubled keys": _on_json(_doubled),
    "upper keys": _on_json(lambda data: _dump({name.upper(): value for name, value in data.items()})),
    "form": lambda body: (
        (_form(data), {"content-type": "application/x-www-form-urlencoded"}) if isinstance(data := _json(body), dict) else (body, {})
    ),
    "multipart": _parts,
    "large": lambda body: (body + b" " * LARGE if _json(body) is not None else body, {}),
    "empty": lambda _body: (b"", {}),
}
