"""Credentials: from the environment by name, or the documented sample of a sample system on a loopback address. Never written anywhere."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from zdr_audit.journal.redact import SHORTEST
from zdr_audit.profile.load import ProfileError
from zdr_audit.profile.model import ActorSection, Profile

_HEADER = re.compile(r"[!-~]+")


def is_loopback(url: str) -> bool:
    """Whether the URL's host is a loopback address (by literal address, or the name localhost)."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def usable(secret: str) -> bool:
    """Whether it can be sent in a header, and be blotted out."""
    return len(secret) >= SHORTEST and _HEADER.fullmatch(secret) is not None


def credential(profile: Profile, actor: ActorSection, environment: Mapping[str, str], key: str = "") -> str | None:
    """The actor's credential, None where no means was given. Raises ProfileError for one that cannot be sent in a header, or not be blotted out; `key` is
    where the profile names it."""
    if actor.env is None:
        return None
    found = environment.get(actor.env)
    if found:
        if not usable(found):
            what = f"{SHORTEST} or more printable ASCII characters, no spaces"
            raise ProfileError(f"{key and f'{key}: '}the environment variable {actor.env} holds no usable credential: {what}")
        return found
    everywhere = (profile.target.base_url, *profile.target.nodes)
    return actor.sample if all(is_loopback(url) for url in everywhere) else None


def required(profile: Profile, environment: Mapping[str, str]) -> None:
    """Both members' credentials, and what leads to the servers that hold evidence, must be there before anything is sent. Raises ProfileError."""
    for group in ("subject", "control"):
        actor = profile.actors[group]["member"]
        key = f"actors.{group}.member.env"
        if actor.command is None and credential(profile, actor, environment, key) is None:
            raise ProfileError(f"{key}: the environment variable {actor.env} is not set")
    proxy = profile.target.proxy_env
    if proxy is not None and not environment.get(proxy):
        raise ProfileError(f"target.proxy_env: the environment variable {proxy} is not set")
    required_places(profile, frozenset(item.id for item in profile.evidence), environment)


def required_places(profile: Profile, sources: Collection[str], environment: Mapping[str, str]) -> None:
    """What leads to the servers that hold these sources must be there. Raises ProfileError."""
    for number, item in enumerate(profile.evidence):
        for key, variable in (("dsn_env", item.dsn_env), ("url_env", item.url_env)):
            if variable is not None and item.id in sources and not environment.get(variable):
                raise ProfileError(f"evidence.{number}.{key}: the environment variable {variable} is not set")
