"""One data file of the catalogue to one model, with errors that name file and key in one line."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from zdr_audit.catalogue.errors import CatalogueError
from zdr_audit.catalogue.model import Clause, Closed, Control, Framework, PolicyStatement, Text

Model = TypeVar("Model", bound=BaseModel)

# Keys that are written inside a list of tables, by the name of the list: needed to say what an unknown key could have been.
_NESTED: Mapping[str, type[BaseModel]] = {"statement": PolicyStatement, "clauses": Clause}
_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a table",
}


class PolicyFile(Closed):
    """`policy.toml`: the edition that the catalogue encodes, and its statements in the order of the policy."""

    edition: Text
    source: Text
    statement: Annotated[tuple[PolicyStatement, ...], Field(min_length=1)]


def read_policy(path: Path, root: Path) -> PolicyFile:
    """The policy file at `path`; CatalogueError, naming the file relative to `root`, where it is missing or wrong."""
    return _read(PolicyFile, path, root)


def read_control(path: Path, root: Path) -> Control:
    """The control file at `path`; CatalogueError as for `read_policy`."""
    return _read(Control, path, root)


def read_framework(path: Path, root: Path) -> Framework:
    """The framework file at `path`; CatalogueError as for `read_policy`."""
    return _read(Framework, path, root)


def close_to(word: str, known: Sequence[str]) -> str:
    """The hint `; did you mean X?` where a known word comes close, else nothing."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _read(model: type[Model], path: Path, root: Path) -> Model:
    name = path.relative_to(root).as_posix()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CatalogueError(f"{name}: no such file") from error
    except OSError as error:
        raise CatalogueError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{name}: not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{name}: not TOML: {error}") from error
    try:
        # Through JSON, because strict validation then takes lists for tuples and words for enumerations, but no "5" for 5.
        return model.model_validate_json(json.dumps(data, default=_foreign), strict=True)
    except ValidationError as error:
        raise CatalogueError(_one_line(name, model, error)) from error


def _foreign(value: object) -> dict[str, str]:
    """A TOML date or time, which no key of the catalogue takes: a table, so that validation refuses it instead of taking it for text."""
    return {type(value).__name__: str(value)}


def _one_line(name: str, model: type[BaseModel], error: ValidationError) -> str:
    details = error.errors()
    # A list whose only entry is wrong is reported as empty, too: that follows from the entry's own error.
    details = [d for d in details if not any(o["loc"][: len(d["loc"])] == d["loc"] for o in details if len(o["loc"]) > len(d["loc"]))]
    first = details[0]
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{name}: {_key(first['loc'])}: {_what(model, first)}{more}"


def _key(location: Sequence[int | str]) -> str:
    """`clauses[2].title` for `("clauses", 2, "title")`; entries count from 1, as a reader counts them."""
    key = ""
    for part in location:
        key += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def _what(model: type[BaseModel], error: ErrorDetails) -> str:
    shown = _shown(error["input"])
    context: Mapping[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            what = _unknown(model, error["loc"])
        case "missing":
            what = "missing"
        case "enum":
            what = f"{shown} is not one of {_words(context['expected'])}"
        case "string_pattern_mismatch":
            what = f"{shown} does not have the form {context['pattern']}"
        case "greater_than_equal":
            what = f"{shown} is below {context['ge']}"
        case "too_short" | "string_too_short":
            what = "must not be empty"
        case kind if kind in _KINDS:
            what = f"expected {_KINDS[kind]}, found {shown}"
        case _:
            what = error["msg"]
    return what


def _unknown(model: type[BaseModel], location: Sequence[int | str]) -> str:
    owner = _NESTED[str(location[0])] if len(location) > 1 else model
    known = list(owner.model_fields)
    return f"unknown key{close_to(str(location[-1]), known)} (allowed: {', '.join(known)})"


def _words(expected: str) -> str:
    """`a, b, c` for pydantic's `'a', 'b' or 'c'`."""
    return expected.replace("'", "").replace(" or ", ", ")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
