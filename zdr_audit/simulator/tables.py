"""The relational schema. Times are ISO 8601 UTC text, so that every dialect compares and returns them alike."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TIME = String(32)
ID = String(80)


class Base(DeclarativeBase):
    """Tables of the main database."""


class CacheBase(DeclarativeBase):
    """Tables of the prompt cache, a database of its own."""


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    created_at: Mapped[str] = mapped_column(TIME)


class Organization(Base):
    __tablename__ = "organizations"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str] = mapped_column(String(200))
    product: Mapped[str] = mapped_column(String(20))
    commercial_terms: Mapped[bool] = mapped_column(Boolean)
    zdr_since: Mapped[str | None] = mapped_column(TIME, default=None)
    closed_at: Mapped[str | None] = mapped_column(TIME, default=None)
    created_at: Mapped[str] = mapped_column(TIME)


class User(Base):
    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("organization_id", "email"),)
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(20))
    seat: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[str] = mapped_column(TIME)


class ApiKey(Base):
    """Only the SHA-256 of a key is kept."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    revoked_at: Mapped[str | None] = mapped_column(TIME, default=None)
    created_at: Mapped[str] = mapped_column(TIME)


class SpendLimit(Base):
    __tablename__ = "spend_limits"
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"))
    amount: Mapped[int] = mapped_column(BigInteger)


class Usage(Base):
    """Counts a user, day and model: numbers only."""

    __tablename__ = "usage"
    organization_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    date: Mapped[str] = mapped_column(String(10), primary_key=True)
    model: Mapped[str] = mapped_column(String(40), primary_key=True)
    requests: Mapped[int] = mapped_column(Integer, default=0)
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost: Mapped[int] = mapped_column(BigInteger, default=0)


class UsageSession(Base):
    """One row a session that a user had on a day; the session is a keyed digest, the key of which is never stored."""

    __tablename__ = "usage_sessions"
    organization_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    date: Mapped[str] = mapped_column(String(10), primary_key=True)
    digest: Mapped[str] = mapped_column(String(32), primary_key=True)


class ClientCount(Base):
    """Contribution counts that clients reported; for organizations without ZDR only."""

    __tablename__ = "client_counts"
    organization_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    date: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger, default=0)


class ManagedSettings(Base):
    __tablename__ = "managed_settings"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    settings: Mapped[str] = mapped_column(Text)


class Conversation(Base):
    """A stored inference: standard retention."""

    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organization_id: Mapped[str] = mapped_column(ID, index=True)
    user_id: Mapped[str] = mapped_column(ID)
    session_id: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(String(40))
    request: Mapped[str] = mapped_column(Text)
    response: Mapped[str] = mapped_column(Text)
    complete: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[str] = mapped_column(TIME)
    expires_at: Mapped[str] = mapped_column(TIME, index=True)


class OutsideMessage(Base):
    """Chat and Cowork traffic: outside ZDR, standard retention for every organization."""

    __tablename__ = "outside_messages"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organization_id: Mapped[str] = mapped_column(ID, index=True)
    user_id: Mapped[str] = mapped_column(ID)
    service: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text)
    created_at: Mapped[str] = mapped_column(TIME)
    expires_at: Mapped[str] = mapped_column(TIME, index=True)


class FeatureObject(Base):
    """What a storing feature keeps; its body is the blob with the same organization and id."""

    __tablename__ = "feature_objects"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organization_id: Mapped[str] = mapped_column(ID, index=True)
    user_id: Mapped[str] = mapped_column(ID)
    feature: Mapped[str] = mapped_column(String(40))
    parent_id: Mapped[str | None] = mapped_column(ID, index=True, default=None)
    label: Mapped[str] = mapped_column(Text, default="")
    media_type: Mapped[str] = mapped_column(Text, default="application/json")
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[str] = mapped_column(TIME)
    expires_at: Mapped[str] = mapped_column(TIME, index=True)


class FlaggedSession(Base):
    __tablename__ = "flagged_sessions"
    organization_id: Mapped[str] = mapped_column(ID, primary_key=True)
    session_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    created_at: Mapped[str] = mapped_column(TIME)


class Hold(Base):
    __tablename__ = "holds"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organization_id: Mapped[str] = mapped_column(ID, index=True)
    session_id: Mapped[str] = mapped_column(String(200))
    released_at: Mapped[str | None] = mapped_column(TIME, default=None)
    created_at: Mapped[str] = mapped_column(TIME)


class ExceptionalContent(Base):
    """Content kept for a flagged session (`reason` flag) or a legal hold (`reason` hold): two years at most."""

    __tablename__ = "exceptions"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organization_id: Mapped[str] = mapped_column(ID, index=True)
    session_id: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(10))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[str] = mapped_column(TIME)
    expires_at: Mapped[str] = mapped_column(TIME, index=True)


class ZdrRequest(Base):
    """`status`: requested, approved, rejected, enabled, disabled."""

    __tablename__ = "zdr_requests"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organizations.id"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[str] = mapped_column(TIME)


class AuditEntry(Base):
    """One line of an organization's hash-chained audit log."""

    __tablename__ = "audit_log"
    __table_args__ = (UniqueConstraint("organization_id", "sequence"),)
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organization_id: Mapped[str] = mapped_column(ID, index=True)
    sequence: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[str] = mapped_column(TIME)
    type: Mapped[str] = mapped_column(String(80))
    outcome: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(60))
    actor_id: Mapped[str] = mapped_column(ID)
    actor_email: Mapped[str] = mapped_column(String(254))
    actor_role: Mapped[str] = mapped_column(String(20))
    actor_organization_id: Mapped[str] = mapped_column(ID)
    entity_type: Mapped[str] = mapped_column(String(40))
    entity_id: Mapped[str] = mapped_column(String(200))
    reference: Mapped[str] = mapped_column(String(200))
    ip_address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(64))
    previous_digest: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))


class ClockOffset(Base):
    __tablename__ = "clock"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seconds: Mapped[int] = mapped_column(BigInteger)


class Fault(Base):
    """Failures that the operator asked for: the next `count` inferences of the organization fail with `status`."""

    __tablename__ = "faults"
    organization_id: Mapped[str] = mapped_column(ID, primary_key=True)
    status: Mapped[int] = mapped_column(Integer)
    count: Mapped[int] = mapped_column(Integer)


class CacheRow(CacheBase):
    """A prompt prefix (with the answer that continues it), for organizations without ZDR."""

    __tablename__ = "prompt_cache"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    organization: Mapped[str] = mapped_column(ID, primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[str] = mapped_column(TIME, index=True)
