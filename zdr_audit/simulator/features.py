"""The features beyond inference, read from `features.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Action = Literal["create", "append", "read", "content", "delete", "list", "title", "providers"]


class FeatureEndpoint(BaseModel):
    """One route of a feature. `requires_storage` defaults to the feature's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    action: Action
    helper: bool = False
    requires_storage: bool = True
    body: Literal["json", "feedback", "batch", "multipart"] = "json"


class Feature(BaseModel):
    """`restriction_key` is what policy limits call it; `id_prefix` begins the ids of its objects."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    title: str
    requires_storage: bool
    restriction_key: str
    also_restricts: tuple[str, ...] = ()
    id_prefix: str
    answer: Literal["object", "file", "batch", "feedback"] = "object"
    endpoints: tuple[FeatureEndpoint, ...]

    def stores(self, endpoint: FeatureEndpoint) -> bool:
        """Does that endpoint need storage of prompts or completions?"""
        return self.requires_storage and endpoint.requires_storage


def load_features(path: Path | None = None) -> tuple[Feature, ...]:
    """All features in file order; ValueError where the data is wrong."""
    place = path or Path(__file__).with_name("features.toml")
    data = tomllib.loads(place.read_text(encoding="utf-8"))
    return tuple(Feature.model_validate(entry) for entry in data["feature"])
