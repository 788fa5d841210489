"""A stream that REST asks for, read by the same rules as one in a document."""

from __future__ import annotations

import sys

from lxml import etree

from app.store.records import StreamRecord
from app.telephony.orders import NewStream, Refusal
from bridge.call import Call
from bridge.stream import MediaStream, State
from twiml.actions import Start, Stream
from twiml.document import Limits
from twiml.parser import parse

_UNBOUNDED = Limits(max_bytes=sys.maxsize)
"""The form that the values come in has its own bound; a fetched document's is another matter."""


def read_stream(order: NewStream, base_url: str, *, allow_plain_ws: bool) -> Stream:
    """The stream of `<Start>` with these attributes; raises Refusal with Twilio's number.

    `base_url` is the call's document, against which a relative URL is read.
    """
    response = etree.Element("Response")
    attributes = {
        "url": order.url,
        "name": order.name,
        "track": order.track,
        "statusCallback": order.told.url or None,
        "statusCallbackMethod": order.told.method,
    }
    try:
        noun = etree.SubElement(
            etree.SubElement(response, "Start"),
            "Stream",
            {name: value for name, value in attributes.items() if value is not None},
        )
        for name, value in order.parameters:
            etree.SubElement(noun, "Parameter", {"name": name, "value": value})
    except ValueError as error:
        raise Refusal(400, 20001, "A value has characters that XML has not") from error
    document = parse(
        etree.tostring(response, encoding="unicode"),
        _UNBOUNDED,
        base_url=base_url or None,
        allow_plain_ws=allow_plain_ws,
    )
    (start,) = document.actions
    assert isinstance(start, Start)
    (stream,) = start.streams
    if stream.refusal:
        raise Refusal(400, stream.refusal, stream.refusal_reason)
    return stream


def stream_record(call: Call, media: MediaStream, now: float) -> StreamRecord:
    """A stream as the doors show it."""
    identity = media.identity
    return StreamRecord(
        sid=identity.stream_sid,
        account_sid=call.account_sid,
        call_sid=call.sid,
        name=identity.name or "",
        status="stopped" if media.state is State.STOPPED else "in-progress",
        created_at=now,
        updated_at=now,
    )


def why_refused(call: Call, media: MediaStream) -> Refusal:
    """Why a stream has ended before it began, as the timeline has it."""
    for entry in reversed(call.timeline.errors):
        if entry.data.get("stream") == media.identity.stream_sid:
            return Refusal(400, int(entry.data["code"]), str(entry.data["message"]))
    return Refusal(400, 31900, "The stream was refused")
