"""What stands in requests of every dialect: the words of a prompt, random text, a picture and a document that carry a text."""

from __future__ import annotations

import secrets
import struct
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from zdr_audit.target.stimulus import INSIDE, RESULT, Choice, Place, Sampling, Stimulus

FILLER = "The quick survey of the northern harbour lists forty ships, nine cranes and one lighthouse. "
OPENING_CHARACTERS = 24_000
TOOL = "look_up"
UNKNOWN_FIELD = "client_note"
"""A member of the body that no interface has."""
TOOL_CALL = "toolu_1"
SIGNATURE = "RXJVQkNrWUlDeGdDS2tEMWJZ"
"""Of earlier thinking: none that a target gave, since nobody's model can be made to think a given word."""
UNKNOWN_MODEL = "no-such-model"
UNKNOWN_ROLE = "narrator"
BRIEF_TOKENS = 6
"""Fewer than any answer takes, the fillers of a test service too."""
SAMPLING: Mapping[Sampling, dict[str, Any]] = {"warm": {"temperature": 0.7}, "nucleus": {"top_p": 0.95}}
ASK = "Join these parts without spaces and answer with the result only: {parts}"
SCRIPTS = "Grüße aus Łódź, καλημέρα, доброе утро, 早安, おはよう, صباح الخير, 🌊."


def prompt(stimulus: Stimulus, texts: Mapping[Place, str], parts: tuple[str, ...]) -> str:
    """The user's last words: padding, the canary of the message, and what the answer is to be made of."""
    words = [FILLER * (stimulus.padding // len(FILLER) + 1)] if stimulus.padding else []
    words += [SCRIPTS] if stimulus.scripts else []
    noted = f"Please note {texts['message']}." if "message" in texts else "Please note the ships."
    words += [] if stimulus.closing else [noted]
    if stimulus.abandon_after is not None:
        words.append("Answer slowly and at length.")
    if stimulus.brief and not parts:
        words.append("Answer at length.")
    if parts:
        # A word between them: a search that passes over signs would take the quoted parts for the answer.
        quoted = " then ".join(f'"{part}"' for part in parts)
        words.append((stimulus.ask or ASK).replace("{parts}", quoted))
    words += [noted] if stimulus.closing else []
    return "\n".join(words)


def opening(name: str) -> str:
    """A beginning of that name: long enough for prompt caches, and the same whenever it is asked for."""
    return f"Standing instructions, edition {name}. " + FILLER * (OPENING_CHARACTERS // len(FILLER))


def system(texts: Mapping[Place, str]) -> str:
    return f"You are a helper. Case reference {texts['system']}."


def history(texts: Mapping[Place, str]) -> tuple[str, str]:
    """An earlier question and its answer."""
    return f"Earlier question about {texts['history']}.", f"An earlier answer on {texts['history']}, as noted."


def earlier(stimulus: Stimulus, texts: Mapping[Place, str]) -> list[tuple[str, str]]:
    """The earlier questions and answers, oldest first."""
    turns = [(f"Question {n} about the harbour.", f"Answer {n}: as the survey lists.") for n in range(1, stimulus.turns + 1)]
    return [*([history(texts)] if "history" in texts else []), *turns]


def numbered(stimulus: Stimulus, text: str) -> list[str]:
    """The text as often as the stimulus says things, each after the first with its number: no two are the same."""
    return [text, *(f"{text} ({n})" for n in range(2, stimulus.copies + 1))]


def notes(stimulus: Stimulus, texts: Mapping[Place, str]) -> list[str]:
    """What the user says in blocks of its own ahead of the last words: nothing, unless things are said more than once."""
    return [f"Note: {said}" for said in numbered(stimulus, texts.get("message", "the ships"))[1:]]


def document(texts: Mapping[Place, str]) -> str:
    return f"Minutes. {texts.get('document', 'Nothing to report.')} End."


def context(texts: Mapping[Place, str]) -> str:
    """What is said of a document beside it."""
    return f"From the case {texts['document_context']}."


def documents(stimulus: Stimulus, texts: Mapping[Place, str]) -> list[str]:
    """What each document says, none where the request has none."""
    return numbered(stimulus, document(texts)) if texts.keys() & {"document", "document_title", "document_context"} else []


def inner_documents(stimulus: Stimulus, texts: Mapping[Place, str]) -> list[tuple[str, str | None]]:
    """Of each document that has blocks inside: what the text says, and what its image carries where it has one. None where the request has none."""
    if not texts.keys() & INSIDE:
        return []
    said = numbered(stimulus, document({"document": texts.get("document_text", "Nothing to report.")}))
    shown = numbered(stimulus, texts["document_image"]) if "document_image" in texts else [None] * len(said)
    return list(zip(said, shown, strict=True))


def tool_name(texts: Mapping[Place, str]) -> str:
    """What the tool is called: as long as names of tools may be."""
    return f"{TOOL}_{texts['tool_name']}" if "tool_name" in texts else TOOL


def uses_tools(texts: Mapping[Place, str]) -> bool:
    """Whether an earlier turn used the tool."""
    return bool(texts.keys() & {"tool_input", "tool_result", *RESULT})


def tools(stimulus: Stimulus, texts: Mapping[Place, str]) -> list[tuple[str, str, dict[str, object]]]:
    """Name, description and JSON Schema of each tool, none where the request has none. The first is the one that is used."""
    if not texts.keys() & {"tool_name", "tool_description", "tool_schema"} and not uses_tools(texts):
        return []
    query: dict[str, object] = {"type": "string"}
    if "tool_schema" in texts:
        query["enum"] = ["ships", texts["tool_schema"]]
    schema: dict[str, object] = {"type": "object", "properties": {"query": query}, "required": ["query"]}
    names = [tool_name(texts), *(f"{TOOL}_{n}" for n in range(2, stimulus.tools + 1))]
    return [(name, f"Looks things up. {texts.get('tool_description', '')}", schema) for name in names]


def choice(stimulus: Stimulus) -> Choice | None:
    """What is said of the choice of a tool; None where nothing is. Who sets how the model draws says that the choice is the model's."""
    return stimulus.tool_choice or ("auto" if stimulus.sampling else None)


def stop(texts: Mapping[Place, str]) -> str:
    """The stop sequence."""
    return f"stop {texts['stop_sequence']}"


def headers(texts: Mapping[Place, str]) -> dict[str, str]:
    """Headers that say what is to be said in one: a header of the client's own, and the one that carries what an application says of a request to whoever
    traces it. Both are passed on by libraries that nobody asked to."""
    if "header" not in texts:
        return {}
    return {"x-client-note": texts["header"], "baggage": f"note={quote(texts['header'])},case=ships"}


def noise(characters: int) -> str:
    """Fresh random text of that many characters of 6 bits each: no compression makes it smaller."""
    return secrets.token_urlsafe(characters)[:characters]


def png(text: str) -> bytes:
    """A one-pixel PNG that carries the text in a tEXt chunk."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\xff\xff")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", b"Comment\x00" + text.encode())
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def pdf(text: str) -> bytes:
    """A PDF of one page on which the text stands, uncompressed."""
    shown = "".join(f"\\{sign}" if sign in "()\\" else sign for sign in text.encode("latin-1", "replace").decode("latin-1"))
    stream = f"BT /F1 12 Tf 72 720 Td ({shown}) Tj ET".encode("latin-1")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    made, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return made + b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        size, table, size, len(made),
    )  # fmt: skip
