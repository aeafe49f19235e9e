"""The tables of the metadata database. A change of one is a migration too: see metadata/alembic/versions."""

from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, DateTime, Integer, LargeBinary, MetaData, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Named by rule, so that a migration can drop a constraint by a name that it knows.
NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What every table shares."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own form
        datetime: DateTime(timezone=True),
        str: Text(),
        list[str]: ARRAY(Text()),
        bytes: LargeBinary(),
        int: Integer(),
    }


class ApiKey(Base):
    """One key of the HTTP interface. The secret itself is nowhere."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("octet_length(secret_sha256) = 32", name="secret_sha256"),
        CheckConstraint("cardinality(scopes) > 0", name="scopes"),
        CheckConstraint("requests_per_second > 0 AND events_per_second > 0", name="rates"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """Public part of the key; it stands in front of the secret, in logs and in lists."""
    name: Mapped[str]
    """Who or what uses it."""
    secret_sha256: Mapped[bytes]
    """SHA-256 of the secret; see metadata/secret.py."""
    scopes: Mapped[list[str]]
    """What it may do; words of `Scope`."""
    domains: Mapped[list[str]]
    """Domains whose events it may touch."""
    requests_per_second: Mapped[int | None]
    """Its own limit; null: that of the settings."""
    events_per_second: Mapped[int | None]
    """Its own limit; null: that of the settings."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    """From then on it is refused; null: never."""
    revoked_at: Mapped[datetime | None]
    """When it was taken back."""
    last_used_at: Mapped[datetime | None]
    """When it was last accepted, to half a minute."""
