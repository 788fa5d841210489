"""Records in the shape of Twilio's JSON (T section 11, and what its libraries read). Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from app.store.records import (
    CallRecord,
    ConferenceRecord,
    ParticipantRecord,
    RecordingRecord,
    StreamRecord,
)
from app.telephony.orders import Refusal

VERSION = "2010-04-01"
_MORE = "https://www.twilio.com/docs/errors/"


def base(account: str) -> str:
    """The path of an account's resources."""
    return f"/{VERSION}/Accounts/{account}"


def error(refusal: Refusal) -> dict[str, Any]:
    return {
        "code": refusal.code,
        "message": refusal.message,
        "more_info": f"{_MORE}{refusal.code}",
        "status": refusal.status,
    }


def call(account: str, record: CallRecord) -> dict[str, Any]:
    path = f"{base(account)}/Calls/{record.sid}"
    began = None if record.status == "queued" else record.started_at or record.created_at
    return {
        "sid": record.sid,
        "date_created": date(record.created_at),
        "date_updated": date(record.updated_at),
        "parent_call_sid": record.parent_sid or None,
        "account_sid": account,
        "to": record.to,
        "to_formatted": record.to,
        "from": record.from_,
        "from_formatted": record.from_,
        "phone_number_sid": None,
        "status": record.status,
        "start_time": date(began),
        "end_time": date(record.ended_at),
        "duration": None if record.duration is None else str(record.duration),
        "price": None,
        "price_unit": "USD",
        "direction": record.direction,
        "answered_by": None,
        "annotation": None,
        "api_version": VERSION,
        "forwarded_from": record.forwarded_from or None,
        "group_sid": None,
        "caller_name": record.caller_name or None,
        "queue_time": "0",
        "stir_verstat": None,
        "trunk_sid": None,
        "uri": f"{path}.json",
        "subresource_uris": {
            "recordings": f"{path}/Recordings.json",
            "streams": f"{path}/Streams.json",
        },
    }


def stream(account: str, record: StreamRecord) -> dict[str, Any]:
    return {
        "sid": record.sid,
        "account_sid": account,
        "call_sid": record.call_sid,
        "name": record.name or None,
        "status": record.status,
        "date_updated": date(record.updated_at),
        "uri": f"{base(account)}/Calls/{record.call_sid}/Streams/{record.sid}.json",
    }


def recording(account: str, record: RecordingRecord, media_base: str) -> dict[str, Any]:
    """`media_base` is where this service is reached."""
    path = f"{base(account)}/Recordings/{record.sid}"
    return {
        "account_sid": account,
        "api_version": VERSION,
        "call_sid": record.call_sid or None,
        "conference_sid": record.conference_sid or None,
        "date_created": date(record.created_at),
        "date_updated": date(record.updated_at),
        "start_time": date(record.started_at or record.created_at),
        "duration": None if record.seconds is None else str(record.seconds),
        "sid": record.sid,
        "price": None,
        "price_unit": "USD",
        "status": record.status,
        "channels": record.channels,
        "source": record.source,
        "track": record.track,
        "error_code": None,
        "encryption_details": None,
        "uri": f"{path}.json",
        "media_url": f"{media_base}{path}",
        "subresource_uris": {},
    }


def conference(account: str, record: ConferenceRecord) -> dict[str, Any]:
    path = f"{base(account)}/Conferences/{record.sid}"
    return {
        "account_sid": account,
        "api_version": VERSION,
        "date_created": date(record.created_at),
        "date_updated": date(record.updated_at),
        "friendly_name": record.friendly_name,
        "region": None,
        "sid": record.sid,
        "status": record.status,
        "reason_conference_ended": record.reason_ended or None,
        "call_sid_ending_conference": record.ended_by or None,
        "uri": f"{path}.json",
        "subresource_uris": {
            "participants": f"{path}/Participants.json",
            "recordings": f"{path}/Recordings.json",
        },
    }


def participant(account: str, record: ParticipantRecord) -> dict[str, Any]:
    path = f"{base(account)}/Conferences/{record.conference_sid}/Participants"
    return {
        "account_sid": account,
        "call_sid": record.call_sid,
        "label": record.label or None,
        "conference_sid": record.conference_sid,
        "date_created": date(record.created_at),
        "date_updated": date(record.updated_at),
        "end_conference_on_exit": record.end_on_exit,
        "muted": record.muted,
        "hold": record.hold,
        "start_conference_on_enter": record.start_on_enter,
        "coaching": record.coaching,
        "call_sid_to_coach": record.coached_sid or None,
        "status": record.status,
        "queue_time": "0",
        "uri": f"{path}/{record.call_sid}.json",
    }


def date(at: float | None) -> str | None:
    """Seconds since the epoch in the date form of Twilio's REST, RFC 2822 with `+0000`."""
    return None if at is None else format_datetime(datetime.fromtimestamp(int(at), UTC))
