"""The JSON Schemas of the catalogue's data files, for editors and for whoever writes a catalogue of their own.

`python -m zdr_audit.catalogue.schema` writes them anew beside this module after the model has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from zdr_audit.catalogue.load import SHIPPED
from zdr_audit.catalogue.model import Control, Framework
from zdr_audit.catalogue.parse import PolicyFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: Mapping[str, type[BaseModel]] = {
    "control.schema.json": Control,
    "framework.schema.json": Framework,
    "policy.schema.json": PolicyFile,
}


def schemas() -> dict[str, str]:
    """File name -> text of each schema, generated from the models."""
    texts: dict[str, str] = {}
    for name, model in _MODELS.items():
        schema = {"$schema": DIALECT, **model.model_json_schema(mode="validation")}
        texts[name] = json.dumps(schema, indent=2, sort_keys=True) + "\n"
    return texts


def write_schemas(folder: Path = SHIPPED) -> tuple[Path, ...]:
    """Writes every schema into `folder` and returns the paths written. OSError where the folder cannot be written."""
    written = []
    for name, text in schemas().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return tuple(written)


if __name__ == "__main__":
    write_schemas()
