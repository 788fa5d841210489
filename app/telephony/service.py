"""Does on today's calls what the doors ask: on local ones here, on carried ones at SignalWire."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from app.calls.placing import PlacedCall
from app.customer import record_findings
from app.live import LiveCall
from app.routes import Route
from app.service import Service
from app.store.records import (
    CallRecord,
    ConferenceRecord,
    ParticipantRecord,
    RecordingRecord,
    StreamRecord,
)
from app.telephony.conferring import OwnConferences
from app.telephony.control import CallControl
from app.telephony.orders import (
    CallChange,
    ConferenceChange,
    NewCall,
    NewParticipant,
    NewRecording,
    NewStream,
    ParticipantChange,
    Refusal,
    Source,
    Telephony,
    not_found,
    not_in_progress,
)
from app.telephony.streams import read_stream, stream_record, why_refused
from bridge.call import CallStatus
from bridge.stream import State
from twiml.diagnostics import Code
from twiml.document import LIVE_UPDATE, Document
from twiml.parser import parse


class ServiceTelephony:
    """Each call is dealt with by who runs it. `carried` is None without a carrier's credentials."""

    def __init__(self, service: Service, carried: Telephony | None) -> None:
        self._service = service
        self._carried = carried
        self._own = OwnConferences(service)

    # Calls

    async def place(self, order: NewCall) -> CallRecord:
        if self._service.full:
            raise _full()
        handset = self._service.exchange.directory.look_up(order.to)
        if handset is not None:
            placed = PlacedCall(self._service, order, handset)
            asyncio.get_running_loop().call_soon(placed.ring)
            return placed.live.record
        if self._carried is None:
            raise Refusal(
                400,
                21214,
                f"'To' phone number {order.to} cannot be reached: no phone of that name is here,"
                " and TWIML_BRIDGE_SIGNALWIRE_SPACE names no carrier",
            )
        return await self._carried.place(order)

    async def change(self, sid: str, change: CallChange) -> CallRecord:
        live = self._service.calls.get(sid)
        if live is None:
            return await self._change_ended(sid, change)
        if change.status == "canceled" and live.call.status is CallStatus.IN_PROGRESS:
            raise Refusal(400, 21220, "Call is in-progress. Cannot cancel; use completed.")
        if change.source is not None and live.call.status is not CallStatus.IN_PROGRESS:
            raise not_in_progress("redirect")
        document = self._inline(live, change.source) if change.source else None
        self._note(live, change)
        if live.carriage is not None:
            return await self._carrier_of(live).change(sid, change)
        if change.status:
            if live.control is not None:
                live.control.hang_up("rest")
            else:
                self._service.end_call(sid, "rest", CallStatus.CANCELED)
        elif document is not None:
            self._control(live).replace(document)
        elif change.source is not None:
            self._control(live).redirect(change.source.url, change.source.method)
        return live.record

    async def _change_ended(self, sid: str, change: CallChange) -> CallRecord:
        """A call that runs no more here; SignalWire may still run it, after a restart of ours."""
        record = await self._service.store.find(CallRecord, sid)
        if record is not None and change.status and record.carrier and self._carried is not None:
            return await self._carried.change(sid, change)
        if record is not None and not change.status:
            raise not_in_progress("update")
        raise not_found(sid)

    def _inline(self, live: LiveCall, source: Source) -> Document | None:
        """TwiML that came with the request itself; what is wrong with it is on the timeline."""
        if not source.twiml:
            return None
        document = parse(source.twiml, LIVE_UPDATE, allow_plain_ws=self._service.settings.local)
        record_findings(live.call.timeline, document, "")
        for finding in document.diagnostics:
            if finding is document.fatal or finding.code is Code.RELATIVE_ACTION:
                raise Refusal(400, int(finding.code), finding.message)
        return document

    def _note(self, live: LiveCall, change: CallChange) -> None:
        """What changes about whom the call tells, and when it ends."""
        route: Route = live.context.route
        if change.fallback is not None:
            route = replace(
                route,
                voice_fallback_url=change.fallback.url,
                voice_fallback_method=change.fallback.method,
            )
        if change.told is not None:
            route = replace(
                route,
                status_callback=change.told.url,
                status_callback_method=change.told.method,
            )
        live.context.route = route
        if change.time_limit is not None:
            live.time_limit = change.time_limit
            if live.carriage is not None:
                self._limit(live, change.time_limit)
            elif live.control is not None:
                live.control.limit(change.time_limit)

    def _limit(self, live: LiveCall, seconds: int) -> None:
        """End a call that SignalWire runs so long after its answer."""
        if live.limit is not None:
            live.limit.cancel()
        up = 0.0 if live.answered_at is None else time.time() - live.answered_at
        loop = asyncio.get_running_loop()
        live.limit = loop.call_later(max(0.0, seconds - up), self._time_out, live)

    def _time_out(self, live: LiveCall) -> None:
        live.call.timeline.add("call.time_limit", "warning")
        over = CallChange(status="completed")
        self._service.background(self.change(live.call.sid, over))

    # Streams

    async def start_stream(self, sid: str, order: NewStream) -> StreamRecord:
        live = await self._in_progress(sid, "stream")
        if live.carriage is not None:
            return await self._carrier_of(live).start_stream(sid, order)
        stream = read_stream(
            order, live.context.document_url, allow_plain_ws=self._service.settings.local
        )
        media = self._control(live).begin_stream(stream)
        if media.state is State.STOPPED:
            raise why_refused(live.call, media)
        return stream_record(live.call, media, time.time())

    async def stop_stream(self, sid: str, stream: str) -> StreamRecord:
        live = await self._in_progress(sid, "stop a stream")
        if live.carriage is not None:
            return await self._carrier_of(live).stop_stream(sid, stream)
        media = live.call.stream_named(stream)
        if media is None:
            raise not_found(f"{sid}/Streams/{stream}")
        self._control(live).stop_stream(stream)
        return stream_record(live.call, media, time.time())

    # Recordings

    async def start_recording(self, sid: str, order: NewRecording) -> RecordingRecord:
        live = await self._in_progress(sid, "record")
        if live.carriage is None:
            return self._control(live).start_recording(order)
        return await self._carrier_of(live).start_recording(sid, order)

    async def change_recording(
        self, sid: str, recording: str, status: str, pause: str
    ) -> RecordingRecord:
        live = await self._in_progress(sid, "change a recording")
        if live.carriage is None:
            return self._control(live).change_recording(recording, status, pause)
        return await self._carrier_of(live).change_recording(sid, recording, status, pause)

    # Conferences

    async def change_conference(self, sid: str, change: ConferenceChange) -> ConferenceRecord:
        if self._own.runs(sid):
            return self._own.change(sid, change)
        return await (await self._carrier_of_conference(sid)).change_conference(sid, change)

    async def change_conference_recording(
        self, conference: str, recording: str, status: str, pause: str
    ) -> RecordingRecord:
        if self._own.runs(conference):
            return self._own.change_recording(conference, recording, status, pause)
        carried = await self._carrier_of_conference(conference)
        return await carried.change_conference_recording(conference, recording, status, pause)

    async def add_participant(self, conference: str, order: NewParticipant) -> ParticipantRecord:
        here = self._service.exchange.directory.look_up(order.call.to) is not None
        if self._own.runs(conference) or (here and not conference.startswith("CF")):
            if self._service.full:
                raise _full()
            return self._own.add(conference, order)
        carried = await self._carrier_of_conference(conference)
        return await carried.add_participant(conference, order)

    async def change_participant(
        self, conference: str, participant: str, change: ParticipantChange
    ) -> ParticipantRecord:
        if self._own.runs(conference):
            return self._own.change_participant(conference, participant, change)
        carried = await self._carrier_of_conference(conference)
        return await carried.change_participant(conference, participant, change)

    async def remove_participant(self, conference: str, participant: str) -> None:
        if self._own.runs(conference):
            self._own.remove(conference, participant)
            return
        carried = await self._carrier_of_conference(conference)
        await carried.remove_participant(conference, participant)

    # Who

    async def _in_progress(self, sid: str, what: str) -> LiveCall:
        live = self._service.calls.get(sid)
        if live is not None and live.call.status is CallStatus.IN_PROGRESS:
            return live
        if live is None and await self._service.store.find(CallRecord, sid) is None:
            raise not_found(sid)
        raise not_in_progress(what)

    def _control(self, live: LiveCall) -> CallControl:
        if live.control is None:
            raise not_in_progress("change it: nobody has answered")
        return live.control

    def _carrier_of(self, live: LiveCall) -> Telephony:
        if self._carried is None:
            raise Refusal(
                400,
                20001,
                "SignalWire runs this call, and its credentials are not set: see"
                " TWIML_BRIDGE_SIGNALWIRE_SPACE",
            )
        return self._carried

    async def _carrier_of_conference(self, sid: str) -> Telephony:
        record = await self._service.store.find(ConferenceRecord, sid)
        if record is not None and not record.carrier:
            raise not_found(f"Conferences/{sid}")  # it is over
        if self._carried is None:
            raise not_found(sid)
        return self._carried


def _full() -> Refusal:
    return Refusal(429, 10004, "Call concurrency limit exceeded")
