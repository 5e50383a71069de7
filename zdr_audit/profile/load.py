"""Reads a target profile. Every error is one line: file, key (and line where TOML itself is broken), what is wrong, what is allowed."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from zdr_audit import resources
from zdr_audit.profile.model import Profile

_ADDRESS = re.compile(r"^target\.(base_url|nodes(\.\d+)?):")
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


class ProfileError(Exception):
    """A profile that cannot be used; the message is one line for the user."""


@contextmanager
def in_file(path: Path) -> Iterator[None]:
    """What is found wrong with a profile after it was read names its file, too."""
    try:
        yield
    except ProfileError as exc:
        raise ProfileError(f"{path}: {exc}") from None


@dataclass(frozen=True)
class LoadedProfile:
    """A profile with the SHA-256 of its file and where it was read."""

    profile: Profile
    digest: str
    origin: Path


def shipped() -> dict[str, Path]:
    """Name -> file of the profiles that come with the package."""
    return {p.stem: p for p in sorted((resources.fixtures() / "targets").glob("*.toml"), key=lambda p: p.stem)}


def locate(name: str) -> Path:
    """The file of a shipped profile's name, or the file itself. Raises ProfileError."""
    profiles = shipped()
    if name in profiles:
        return profiles[name]
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix == ".toml" or "/" in name:
        raise ProfileError(f"{name}: no such profile file")
    close = difflib.get_close_matches(name, profiles, 1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    raise ProfileError(f"--target {name}: neither a shipped profile ({', '.join(profiles)}) nor a file{hint}")


def load(
    name: str, environment: Mapping[str, str] | None = None, base_url: str | None = None, nodes: tuple[str, ...] = ()
) -> LoadedProfile:
    """Load a shipped profile or a file; `base_url` replaces `target.base_url`, and `nodes` its nodes with it. Raises ProfileError."""
    path = locate(name)
    raw, data = _read(path)
    if isinstance(base := data.get("extends"), str):
        raw, data = _extended(path, base, raw, data)
    if base_url is not None and isinstance(data.setdefault("target", {}), dict):
        data["target"] |= {"base_url": base_url, "nodes": list(nodes)}
    data = _expand(data, environment if environment is not None else os.environ, path)
    try:
        profile = Profile.model_validate(data)
    except ValidationError as exc:
        said = _explain(exc)
        given = base_url is not None and _ADDRESS.match(said) is not None
        raise ProfileError(_ADDRESS.sub("--base-url:", said) if given else f"{path}: {said}") from None
    digest = hashlib.sha256(raw + " ".join(dict.fromkeys([base_url or "", *nodes])).encode()).hexdigest()
    return LoadedProfile(profile, digest, path)


def _read(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        raw = path.read_bytes()
        return raw, tomllib.loads(raw.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise ProfileError(f"{path}: cannot be read: {exc}") from None
    except tomllib.TOMLDecodeError as exc:
        raise ProfileError(f"{path}: not valid TOML: {exc}") from None


def _extended(path: Path, base: str, raw: bytes, data: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The shipped profile `base` with what `data` says instead: key by key within its tables, whole lists."""
    known = shipped()
    if base not in known or known[base] == path:
        raise ProfileError(f"{path}: extends: no shipped profile '{base}' (there are: {', '.join(known)})")
    base_raw, whole = _read(known[base])
    if "extends" in whole:
        raise ProfileError(f"{path}: extends: '{base}' extends another profile itself")
    for key, value in data.items():
        old = whole.get(key)
        whole[key] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
    return base_raw + raw, whole


def _expand(data: dict[str, Any], environment: Mapping[str, str], path: Path) -> dict[str, Any]:
    """`${VAR}` and `${VAR:-default}` in addresses, in paths of `tls` and evidence and in the commands of evidence and spikes; nowhere else: no secret must
    slip in."""

    def expand(text: str, key: str) -> str:
        def value(match: re.Match[str]) -> str:
            found = environment.get(match[1], match[2])
            if found is None:
                raise ProfileError(f"{path}: {key}: the environment variable {match[1]} is not set")
            return found

        return _VARIABLE.sub(value, text)

    def words(table: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
        """A command's words are expanded one by one: what a variable holds stays one word."""
        for key in keys:
            if isinstance(table.get(key), list):
                table[key] = [expand(word, f"{where}.{key}") if isinstance(word, str) else word for word in table[key]]

    target = data.get("target")
    if isinstance(target, dict) and isinstance(target.get("base_url"), str):
        target["base_url"] = expand(target["base_url"], "target.base_url").rstrip("/")
    if isinstance(target, dict) and isinstance(target.get("nodes"), list):
        target["nodes"] = [
            expand(url, f"target.nodes.{number}").rstrip("/") if isinstance(url, str) else url for number, url in enumerate(target["nodes"])
        ]
    organizations = data.get("organizations")
    for name, item in organizations.items() if isinstance(organizations, dict) else ():
        if isinstance(item, dict) and isinstance(item.get("base_url"), str):
            item["base_url"] = expand(item["base_url"], f"organizations.{name}.base_url").rstrip("/")
    tls = data.get("tls")
    if isinstance(tls, dict):
        data["tls"] = {key: expand(value, f"tls.{key}") if isinstance(value, str) else value for key, value in tls.items()}
    evidence = data.get("evidence")
    if isinstance(evidence, list):
        for number, item in enumerate(evidence):
            if not isinstance(item, dict):
                continue
            for key in ("path", "url", "data_dir", "bucket", "prefix", "endpoint"):
                if isinstance(item.get(key), str):
                    item[key] = expand(item[key], f"evidence.{number}.{key}")
            words(item, ("command", "size_command"), f"evidence.{number}")
            if isinstance(spike := item.get("spike"), dict):
                words(spike, ("command", "remove"), f"evidence.{number}.spike")
    return data


def _explain(error: ValidationError) -> str:
    parts = []
    items = error.errors(include_url=False)
    for item in items:
        if any(other["loc"][: len(item["loc"])] == item["loc"] for other in items if len(other["loc"]) > len(item["loc"])):
            continue  # a list whose only entry is wrong is reported as empty, too
        where = ".".join(str(part) for part in item["loc"]) or "profile"
        if item["type"] == "extra_forbidden":
            allowed = _siblings(item["loc"])
            close = difflib.get_close_matches(str(item["loc"][-1]), allowed, 1)
            what = (
                "unknown key"
                + (f"; did you mean '{close[0]}'?" if close else "")
                + (f" (allowed: {', '.join(allowed)})" if allowed else "")
            )
        elif item["type"] == "missing":
            what = "is missing"
        else:
            what = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
            # Whoever writes a credential where its variable's name or a bare address belongs must not read it on the screen.
            secret = item["loc"][-1:] in (("env",), ("sample",), ("command",), ("proxy",), ("dsn_env",), ("url_env",)) or "@" in str(
                item["input"]
            )
            if isinstance(item["input"], str | int | float | bool) and not secret:
                what += f", found {item['input']!r}"
        parts.append(f"{where}: {what}")
    return "; ".join(parts[:3]) + (f"; and {len(parts) - 3} more" if len(parts) > 3 else "")


def _siblings(location: tuple[int | str, ...]) -> list[str]:
    """Keys allowed beside an unknown one, read off the models by the path to it."""
    model: Any = Profile
    for part in location[:-1]:
        fields = getattr(model, "model_fields", {})
        field = fields.get(part) if isinstance(part, str) else None
        if field is None:
            continue
        model = _inner(field.annotation)
    return [f.alias or n for n, f in getattr(model, "model_fields", {}).items()]


def _inner(annotation: Any) -> Any:
    for argument in reversed(getattr(annotation, "__args__", ())):
        if argument is not Ellipsis and argument is not type(None):
            return _inner(argument)
    return annotation
