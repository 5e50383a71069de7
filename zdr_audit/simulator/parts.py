"""The parts of the service, one object each. Endpoints only call parts; a violation replaces or wraps a method of one of them."""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from zdr_audit.simulator.analytics import Analytics
from zdr_audit.simulator.audit import Audit
from zdr_audit.simulator.auth import Auth
from zdr_audit.simulator.cache import PromptCache
from zdr_audit.simulator.clock import Clock
from zdr_audit.simulator.cost import Cost
from zdr_audit.simulator.directory import Directory
from zdr_audit.simulator.endpoints import all_operations
from zdr_audit.simulator.errors import Errors
from zdr_audit.simulator.exceptional import Exceptions
from zdr_audit.simulator.faults import Faults
from zdr_audit.simulator.features import Feature, load_features
from zdr_audit.simulator.gate import Gate, PolicyLimits
from zdr_audit.simulator.model import Model
from zdr_audit.simulator.openapi import build_document
from zdr_audit.simulator.operations import Operation
from zdr_audit.simulator.outside import Outside
from zdr_audit.simulator.purge import Purge
from zdr_audit.simulator.recovery import Recovery
from zdr_audit.simulator.retention import Retention
from zdr_audit.simulator.scope import Scope
from zdr_audit.simulator.settings import Settings
from zdr_audit.simulator.shelf import Shelf
from zdr_audit.simulator.stores import Stores
from zdr_audit.simulator.workflow import Workflow

Asgi = Callable[..., Any]


@dataclass
class Parts:
    """All parts of one node of the service. `middlewares` wrap the whole application (first is outermost), `routers` are mounted as they are,
    `operations` are the routes before they are mounted, `protocol` how HTTP is spoken (None: by h11),
    `below` the path below which the service is reached from outside, `restart` what ends
    this life of the service and begins the next, `ended` is set when it is over: what works beside the service ends then."""

    stores: Stores
    with_operator: bool = False
    node: int = 1
    cluster_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    features: tuple[Feature, ...] = field(default_factory=load_features)
    middlewares: list[Callable[[Asgi], Asgi]] = field(default_factory=list)
    routers: list[APIRouter] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    protocol: type[asyncio.Protocol] | None = None
    below: str = ""
    restart: Callable[[], None] | None = field(default=None, repr=False)
    ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The interface document, made when it is first asked for: most lives of the service never are."""
        return build_document(self.operations)

    def __post_init__(self) -> None:
        self.errors = Errors()
        self.faults = Faults(self)
        self.clock = Clock(self)
        self.audit = Audit(self)
        self.directory = Directory(self)
        self.auth = Auth(self)
        self.workflow = Workflow(self)
        self.gate = Gate(self)
        self.limits = PolicyLimits(self)
        self.exceptions = Exceptions(self)
        self.retention = Retention(self)
        self.purge = Purge(self)
        self.recovery = Recovery(self)
        self.cache = PromptCache(self)
        self.model = Model(self)
        self.cost = Cost(self)
        self.analytics = Analytics(self)
        self.settings = Settings(self)
        self.scope = Scope(self)
        self.shelf = Shelf(self)
        self.outside = Outside(self)

    def secret(self, purpose: bytes) -> bytes:
        """A key for one purpose, the same on every node. It is of these processes and in memory alone: digests made with it mean nothing later."""
        return hmac.digest(self.cluster_secret, purpose, "sha256")


def build_parts(
    folder: Path,
    database_url: str | None = None,
    with_operator: bool = False,
    *,
    cache_url: str | None = None,
    blob_url: str | None = None,
    node: int = 1,
) -> Parts:
    """Parts over the stores in `folder`, which is made where it is missing, and on the servers that are named.

    `node` is this process among those that share the stores. Nodes get their common secret from the environment.
    """
    secret = os.environ.get("ZDR_SIM_CLUSTER_SECRET", "").encode() or secrets.token_bytes(32)
    parts = Parts(Stores(folder, database_url, cache_url, blob_url), with_operator, node, secret)
    parts.operations = all_operations(parts.features, with_operator)
    return parts
