"""Server-managed settings: what an organization's admin sets, and its clients fetch."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from zdr_audit.simulator.context import Caller
from zdr_audit.simulator.tables import ManagedSettings

if TYPE_CHECKING:
    from zdr_audit.simulator.parts import Parts


class Settings:
    def __init__(self, parts: Parts):
        self.parts = parts

    def read(self, organization_id: str) -> dict[str, Any]:
        """`{uuid, checksum, settings}`; both identifiers change exactly when the settings do."""
        with self.parts.stores.read() as session:
            row = session.get(ManagedSettings, organization_id)
        text = row.settings if row else "{}"
        return {
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{organization_id}:{text}")),
            "checksum": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}",
            "settings": json.loads(text),
        }

    def write(self, caller: Caller, organization_id: str, settings: dict[str, Any]) -> None:
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        with self.parts.stores.write() as session:
            row = session.get(ManagedSettings, organization_id) or ManagedSettings(organization_id=organization_id)
            row.settings = text
            session.add(row)
            self.parts.audit.append(session, caller, "settings_changed", organization_id, ("organization", organization_id))
