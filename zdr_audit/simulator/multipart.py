"""Reading an upload from memory. Frameworks spool large parts to temporary files, which would be one more place that keeps content."""

from __future__ import annotations

from email.message import Message

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from zdr_audit.simulator.errors import InvalidRequestError


class _Part:
    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.data = bytearray()

    def disposition(self) -> dict[str, str]:
        message = Message()
        message["content-disposition"] = self.headers.get("content-disposition", "")
        return {str(key).lower(): str(value) for key, value in message.get_params(failobj=[], header="content-disposition")}


def _parts(boundary: bytes, body: bytes) -> list[_Part]:
    parts: list[_Part] = []
    field, value = bytearray(), bytearray()

    def end_header() -> None:
        parts[-1].headers[field.decode("latin-1").lower()] = value.decode("utf-8", "replace")
        field.clear()
        value.clear()

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": lambda: parts.append(_Part()),
            "on_part_data": lambda data, start, end: parts[-1].data.extend(data[start:end]),
            "on_header_field": lambda data, start, end: field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: value.extend(data[start:end]),
            "on_header_end": end_header,
        },
    )
    parser.write(body)
    parser.finalize()
    return parts


def read_upload(content_type: str, body: bytes) -> tuple[str, str, bytes]:
    """(file name, media type, bytes) of the form part `file`; InvalidRequestError where there is none."""
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise InvalidRequestError("The body must be multipart/form-data.")
    try:
        parts = _parts(boundary.encode("latin-1", "replace"), body)
    except FormParserError:
        raise InvalidRequestError("The multipart body is malformed.") from None
    for part in parts:
        about = part.disposition()
        if about.get("name") == "file":
            return about.get("filename", "file"), part.headers.get("content-type", "application/octet-stream"), bytes(part.data)
    raise InvalidRequestError("The form has no part named file.")
