"""Real servers for the reference simulator: PostgreSQL, Redis and an S3 store from wheels, on loopback, without root rights or containers."""

from __future__ import annotations

from zdr_audit.run.servers.postgres import PostgresServer, postgres_server
from zdr_audit.run.servers.process import ServerError
from zdr_audit.run.servers.redis import RedisServer, redis_server
from zdr_audit.run.servers.s3 import ObjectStore, object_store

__all__ = ["ObjectStore", "PostgresServer", "RedisServer", "ServerError", "object_store", "postgres_server", "redis_server"]
