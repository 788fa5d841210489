"""The tables, one column for each field of a record. What changes here needs a migration."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.store.records import (
    CallRecord,
    ConferenceRecord,
    ParticipantRecord,
    RecordingRecord,
)

metadata = sa.MetaData()

_SID = sa.String(34)
_WORD = sa.String(64)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str, *, known: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=not known)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _word(name: str) -> sa.Column[Any]:
    return sa.Column(name, _WORD, nullable=False)


def _owner() -> sa.Column[Any]:
    """The name of the service that runs it. Only the store knows it, the record does not."""
    return sa.Column("instance", _WORD, nullable=False, server_default="")


def _sid(name: str, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, _SID, **{"nullable": False, **more})


calls = sa.Table(
    "calls",
    metadata,
    _sid("sid", primary_key=True),
    sa.Column("instance", _WORD, nullable=False),
    _sid("account_sid"),
    _text("from_"),
    _text("to"),
    _word("status"),
    _word("direction"),
    _time("created_at", known=True),
    _time("updated_at", known=True),
    _time("started_at"),
    _time("ended_at"),
    _text("parent_sid"),
    _text("caller_name"),
    _text("forwarded_from"),
    _word("carrier"),
    _text("carrier_id"),
    sa.Index("calls_by_age", "created_at", "sid"),
)

recordings = sa.Table(
    "recordings",
    metadata,
    _sid("sid", primary_key=True),
    _owner(),
    _sid("account_sid"),
    _sid("call_sid", index=True),
    _sid("conference_sid", index=True),
    _word("status"),
    _time("created_at", known=True),
    _time("updated_at", known=True),
    _time("started_at"),
    sa.Column("seconds", sa.Integer),
    sa.Column("channels", sa.Integer, nullable=False),
    _word("source"),
    _word("track"),
    _text("path"),
    _text("url"),
    _word("carrier"),
    _text("carrier_id"),
    sa.Index("recordings_by_age", "created_at", "sid"),
)

conferences = sa.Table(
    "conferences",
    metadata,
    _sid("sid", primary_key=True),
    _owner(),
    _sid("account_sid"),
    _text("friendly_name"),
    _word("status"),
    _time("created_at", known=True),
    _time("updated_at", known=True),
    _text("reason_ended"),
    _text("ended_by"),
    _word("carrier"),
    _text("carrier_id"),
    sa.Index("conferences_by_age", "created_at", "sid"),
)

participants = sa.Table(
    "participants",
    metadata,
    _sid("conference_sid", primary_key=True),
    _sid("call_sid", primary_key=True),
    _sid("account_sid"),
    _time("created_at", known=True),
    _time("updated_at", known=True),
    _text("label"),
    _word("status"),
    _flag("muted"),
    _flag("hold"),
    _flag("coaching"),
    _text("coached_sid"),
    _flag("start_on_enter"),
    _flag("end_on_exit"),
)

callbacks = sa.Table(
    "callbacks",
    metadata,
    sa.Column("instance", _WORD, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    _sid("call_sid"),
    _sid("account_sid"),
    _text("url"),
    sa.Column("method", sa.String(8), nullable=False),
    _text("form"),
    _text("order_key"),
    _time("created_at", known=True),
)

OF_RECORD: dict[type[Any], sa.Table] = {
    CallRecord: calls,
    RecordingRecord: recordings,
    ConferenceRecord: conferences,
    ParticipantRecord: participants,
}
"""Where a record of each kind is kept."""
