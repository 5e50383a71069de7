"""Loads the corpus; `python -m zdr_audit.suite.bypass.load` writes its JSON Schema anew."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from zdr_audit.suite.bypass.model import Corpus, Form, Group

SHIPPED = Path(__file__).with_name("forms.toml")
SCHEMA = Path(__file__).with_name("forms.schema.json")


class CorpusError(ValueError):
    """A corpus file that cannot be used; the message is one line."""


def load_forms(path: Path = SHIPPED) -> tuple[Form, ...]:
    """All forms in file order. Raises CorpusError with file and place."""
    try:
        corpus = Corpus.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as exc:
        raise CorpusError(f"{path.name}: {exc}") from None
    except ValidationError as exc:
        first = exc.errors()[0]
        raise CorpusError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    ids = [form.id for form in corpus.form]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        raise CorpusError(f"{path.name}: form {twice} is there twice")
    return corpus.form


@cache
def shipped(*groups: Group) -> tuple[Form, ...]:
    """The shipped forms of these groups."""
    return tuple(form for form in load_forms() if form.group in groups)


def schema() -> str:
    """The schema's text, generated from the model."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps({"$schema": dialect, **Corpus.model_json_schema(mode="validation")}, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
