"""What the doors ask of a call that SignalWire carries, asked of SignalWire's REST.

A cXML call is controlled by the compatibility REST, a SWML call by the calling REST, whose commands
do not work on cXML calls (S section 3.1). SignalWire is only ever given URLs of ours.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app import grants
from app.carrier.answers import CXML, recording_of, text
from app.carrier.client import foreign_id, resource
from app.carrier.conferring import CarriedConferences
from app.carrier.forms import machine_fields, recording_fields
from app.grants import InlineGrant, PlacedGrant, UrlGrant
from app.live import Carriage, CarrierStream, LiveCall
from app.routes import Route
from app.store.records import (
    CallRecord,
    RecordingRecord,
    StreamRecord,
)
from app.telephony.orders import (
    CallChange,
    NewCall,
    NewRecording,
    NewStream,
    Refusal,
    Source,
    Told,
    not_found,
)
from app.telephony.streams import read_stream
from app.webhooks.links import CallLinks
from bridge.call import Parties
from bridge.ids import mint

_CURRENT = "Twilio.CURRENT"


class CarriedTelephony(CarriedConferences):
    """Telephony for calls that SignalWire carries."""

    # Calls

    async def place(self, order: NewCall) -> CallRecord:
        """A cXML call: its documents and its reports come to this service."""
        route = Route(
            voice_url=order.source.url,
            voice_method=order.source.method,
            voice_fallback_url=order.fallback.url,
            voice_fallback_method=order.fallback.method,
            status_callback=order.told.url,
            status_callback_method=order.told.method,
        )
        grant = PlacedGrant(
            order.account_sid, route, order.source.twiml, order.told.events or ("completed",)
        )
        form: list[tuple[str, str]] = [
            ("To", order.to),
            ("From", order.from_),
            ("Url", self._link("placed", grants.PLACED, grant)),
            ("Method", "POST"),
            ("StatusCallback", self._link("placed-status", grants.PLACED_STATUS, grant)),
            ("StatusCallbackMethod", "POST"),
            *(
                ("StatusCallbackEvent", event)
                for event in ("initiated", "ringing", "answered", "completed")
            ),
            ("Timeout", str(order.timeout)),
        ]
        optional = {
            "TimeLimit": str(order.time_limit or ""),
            "SendDigits": order.send_digits,
            "CallerId": order.caller_id,
            "SipAuthUsername": order.sip_username,
            "SipAuthPassword": order.sip_password,
        }
        form += [(name, value) for name, value in optional.items() if value]
        if order.recording is not None:
            told = self._told(grant, order.recording.told)
            form += [("Record", "true"), *recording_fields(replace(order.recording, told=told))]
        machine = replace(order.machine, told=self._told(grant, order.machine.told))
        form += machine_fields(machine)
        answer = await self._rest.post(resource("Calls"), tuple(form))
        call_id = text(answer, "sid")
        if not call_id:
            raise Refusal(503, 20503, "SignalWire names no call in its answer")
        live = self._service.placed(
            Carriage(CXML, call_id), grant, Parties(order.from_, order.to, "outbound-api")
        )
        record = live.record
        return replace(record, status="queued") if record.status == "ringing" else record

    async def change(self, sid: str, change: CallChange) -> CallRecord:
        live = self._service.calls.get(sid)
        record = live.record if live else await self._service.store.find(CallRecord, sid)
        if record is None:
            raise not_found(sid)
        if change.source is not None and live is not None:
            await self._redirect(live, change.source)
        elif change.status:
            await self._end(live, record, change.status)
            status = "completed" if record.status == "in-progress" else change.status
            return replace(record, status=status)
        return record

    async def _redirect(self, live: LiveCall, source: Source) -> None:
        carriage = _carriage(live)
        url = self._document(live, carriage, source)
        if carriage.language == CXML:
            await self._rest.post(_call(carriage), (("Url", url), ("Method", "POST")))
        else:
            await self._rest.command("update", carriage.call_id, {"url": url})
        live.call.timeline.add("call.redirected")

    def _document(self, live: LiveCall, carriage: Carriage, source: Source) -> str:
        """Our URL at which SignalWire gets the new document."""
        sid = live.call.sid
        if source.twiml:
            token = self._service.tokens.issue(
                grants.INLINE, sid, InlineGrant(live.context, source.twiml, carriage.language)
            )
            return f"{self._service.base_url}/signalwire/inline/{token}"
        grant = UrlGrant(live.context, source.url, source.method, "Redirect", made_at=time.time())
        token = self._service.tokens.issue(grants.DOCUMENT, sid, grant)
        return f"{self._service.base_url}/signalwire/{carriage.language}/{token}"

    async def _end(self, live: LiveCall | None, record: CallRecord, status: str) -> None:
        carriage = Carriage(record.carrier, record.carrier_id)
        if carriage.language == CXML:
            await self._rest.post(_call(carriage), (("Status", status),))
        else:
            await self._rest.command("update", carriage.call_id, {"status": status})
            if live is not None:
                self._service.conclude(live.call.sid, "rest")  # SignalWire reports no end

    # Streams

    async def start_stream(self, sid: str, order: NewStream) -> StreamRecord:
        live = self._live(sid)
        carriage = _carriage(live)
        stream = read_stream(
            order, live.context.document_url, allow_plain_ws=self._service.settings.local
        )
        stream_sid = mint("MZ", secrets.token_bytes)
        links = CallLinks(self._service, live.context)
        link = links.media(stream, bidirectional=False, sid=stream_sid)
        if carriage.language == CXML:
            answer = await self._rest.post(
                _call(carriage, "Streams"),
                (
                    ("Url", link.url),
                    ("Name", link.name),
                    ("Track", stream.track.value),
                    ("StatusCallback", link.status_callback),
                    ("StatusCallbackMethod", "POST"),
                    ("AuthorizationBearerToken", link.bearer),
                ),
            )
            theirs = text(answer, "sid") or link.name
        else:
            await self._rest.command(
                "calling.stream",
                carriage.call_id,
                {
                    "control_id": stream_sid,
                    "url": link.url,
                    "name": link.name,
                    "codec": "PCMU",
                    "track": stream.track.value,
                    "authorization_bearer_token": link.bearer,
                    "status_url": links.event_of_stream(stream, stream_sid),
                    "status_url_method": "POST",
                },
            )
            theirs = stream_sid
        live.carrier_streams[stream_sid] = CarrierStream(stream_sid, theirs, stream.name or "")
        now = time.time()
        return StreamRecord(
            stream_sid, live.call.account_sid, sid, stream.name or "", "in-progress", now, now
        )

    async def stop_stream(self, sid: str, stream: str) -> StreamRecord:
        live = self._live(sid)
        carriage = _carriage(live)
        stream_sid, name = _stream_named(live, stream)
        begun = live.carrier_streams.get(stream_sid)
        if begun is not None and carriage.language == CXML:
            path = _call(carriage, "Streams", begun.theirs)
            await self._rest.post(path, (("Status", "stopped"),))
        elif begun is not None:
            params = {"control_id": begun.theirs}
            await self._rest.command("calling.stream.stop", carriage.call_id, params)
        if begun is not None:
            begun.stopped = True
        # The customer's end does not wait for SignalWire's; a stream of the document has only it.
        if stop := live.stops.get(stream_sid):
            stop()
        elif leg := live.taps.get(stream_sid):
            leg.stop()
        now = time.time()
        account = live.call.account_sid
        return StreamRecord(stream_sid, account, sid, name, "stopped", live.began_at, now)

    # Recordings

    async def start_recording(self, sid: str, order: NewRecording) -> RecordingRecord:
        live = self._live(sid)
        carriage = _cxml(live, "recorded by REST")
        if order.told.url:
            links = CallLinks(self._service, live.context)
            url = links.callback(
                order.told.url, order.told.method, "Recording", "recordingStatusCallback"
            )
            order = replace(order, told=replace(order.told, url=url))
        answer = await self._rest.post(_call(carriage, "Recordings"), recording_fields(order))
        return self._recording(live, answer, None, "StartCallRecordingAPI")

    async def change_recording(
        self, sid: str, recording: str, status: str, pause: str
    ) -> RecordingRecord:
        live = self._live(sid)
        carriage = _cxml(live, "recorded by REST")
        known = await self._service.store.find(RecordingRecord, recording)
        if recording == _CURRENT:
            theirs = _CURRENT
        elif known is not None and known.carrier_id:
            theirs = known.carrier_id
        else:
            theirs = foreign_id(recording, "RE")
        form = (("Status", status), ("PauseBehavior", pause))
        answer = await self._rest.post(_call(carriage, "Recordings", theirs), form)
        return self._recording(live, answer, known, "RecordVerb")

    def _recording(
        self, live: LiveCall, answer: Mapping[str, Any], known: RecordingRecord | None, source: str
    ) -> RecordingRecord:
        asked = known or RecordingRecord(
            "", live.call.account_sid, live.call.sid, "", time.time(), 0.0, source=source
        )
        record = recording_of(self._rest, answer, asked)
        self._service.store.save(record)
        return record

    # Common

    def _told(self, grant: PlacedGrant, told: Told) -> Told:
        """Our URL in place of a callback of the customer's."""
        if not told.url:
            return told
        of_this = replace(grant, callback=(told.url, told.method))
        return replace(
            told, url=self._link("placed-callback", grants.PLACED_CALLBACK, of_this), method="POST"
        )

    def _link(self, path: str, purpose: str, grant: PlacedGrant) -> str:
        token = self._service.tokens.issue(purpose, "", grant)
        return f"{self._service.base_url}/signalwire/{path}/{token}"


def _stream_named(live: LiveCall, name: str) -> tuple[str, str]:
    """Sid and name of a one-way stream that runs, or that SignalWire has yet to open, by either;
    raises Refusal (20404)."""
    media = live.call.stream_named(name)
    if media is not None:
        return media.identity.stream_sid, media.identity.name or ""
    for begun in live.carrier_streams.values():
        known = begun.stopped or live.call.has_stream(begun.sid)
        if name and name in (begun.sid, begun.name) and not known:
            return begun.sid, begun.name
    raise not_found(f"{live.call.sid}/Streams/{name}")


def _carriage(live: LiveCall) -> Carriage:
    assert live.carriage is not None
    return live.carriage


def _cxml(live: LiveCall, what: str) -> Carriage:
    carriage = _carriage(live)
    if carriage.language != CXML:
        raise Refusal(
            400, 20001, f"A SWML call cannot be {what}; use SignalWire's cXML webhook for this app"
        )
    return carriage


def _call(carriage: Carriage, *below: str) -> str:
    return resource("Calls", carriage.call_id, *below)
