"""SignalWire's side of a cXML call that runs whole documents (S sections 2.4 and 2.5)."""

from __future__ import annotations

import contextlib
import uuid
from xml.etree.ElementTree import Element

import httpx

from tests.e2e.carrier import FROM, Carrier, CarrierStream
from tests.e2e.processes import Bridge
from tests.e2e.script import Entered, Script

_REASONS = {
    "busy": "busy",
    "declined": "busy",
    "no_answer": "no-answer",
    "cancel": "canceled",
    "error": "failed",
}
"""Why nobody answered, in the words of cXML's CallStatus."""


class HungUpError(Exception):
    """The document has ended the call."""


class CxmlCarrier(Carrier):
    """One SignalWire call whose number has a cXML webhook, run to its end.

    `reaches_us` is whether it can open media sockets.
    """

    reaches_us = True

    def __init__(self, bridge: Bridge, client: httpx.AsyncClient, script: Script) -> None:
        super().__init__(bridge, client)
        self.script = script
        self.done: list[str] = []
        self.streams: dict[str, CarrierStream] = {}

    async def run(self) -> None:
        """The whole call: its first document and whatever follows, to the hangup."""
        with contextlib.suppress(HungUpError):
            await self.verbs(await self.document())
        for stream in self.streams.values():
            await stream.stop()
        await self.hang_up()

    async def verbs(self, document: Element) -> None:
        for verb in document:
            self.done.append(verb.tag)
            run = getattr(self, f"_{verb.tag.lower()}", None)
            if run is not None:
                await run(verb)

    async def _go_on(self, url: str | None, **more: str) -> None:
        assert url
        await self.verbs(await self.document(url, **more))
        raise HungUpError

    async def _hangup(self, _: Element) -> None:
        raise HungUpError

    async def _redirect(self, verb: Element) -> None:
        await self._go_on(verb.text)

    async def _gather(self, verb: Element) -> None:
        entered = self.script.enter()
        if partial := verb.get("partialResultCallback"):
            answer = await self.post(partial, UnstableSpeechResult=entered.speech[:4])
            assert answer.status_code == 204
        more = gathered(entered)
        if more or verb.get("actionOnEmptyResult") == "true":
            await self._go_on(verb.get("action"), **more)

    async def _record(self, verb: Element) -> None:
        seconds = str(self.script.recordings.popleft())
        recording = {
            "RecordingUrl": f"https://files.example/{uuid.uuid4()}.wav",
            "RecordingSid": str(uuid.uuid4()),
            "RecordingDuration": seconds,
        }
        if callback := verb.get("recordingStatusCallback"):
            await self.post(callback, RecordingStatus="completed", **recording)
        await self._go_on(verb.get("action"), **recording)

    async def _dial(self, verb: Element) -> None:
        if (conference := verb.find("Conference")) is not None:
            more = await self._conference(conference)
        else:
            more = await self._parties(verb)
        if action := verb.get("action"):
            await self._go_on(action, **more)

    async def _parties(self, verb: Element) -> dict[str, str]:
        """Every number rings; the first that has no reason against it answers."""
        called = [(number, self.script.legs.popleft()) for number in verb.findall("Number")]
        winner = next((leg for _, leg in called if not leg.reason), None)
        for number, leg in called:
            about = {
                "CallSid": leg.call_id,
                "ParentCallSid": self.call_sid,
                "From": FROM,
                "To": (number.text or "").strip(),
                "Direction": "outbound-dial",
            }
            reason = _REASONS.get(leg.reason, "canceled")
            steps = {
                "initiated": {"CallStatus": "initiated"},
                "ringing": {"CallStatus": "ringing"},
            }
            if leg is winner:
                steps["answered"] = {"CallStatus": "in-progress"}
                reason = "completed"
            steps["completed"] = {"CallStatus": reason, "CallDuration": str(leg.seconds)}
            wanted = (number.get("statusCallbackEvent") or "completed").split()
            for event, more in steps.items():
                if event in wanted and (callback := number.get("statusCallback")):
                    answer = await self.post(callback, **about, **more)
                    assert answer.status_code == 204
                if event == "answered" and (url := number.get("url")):
                    about |= {"CallStatus": "in-progress"}
                    whisper = await self.document(url, **about)
                    self.done += [f"whisper {heard.tag}" for heard in whisper]
                    for gather in whisper.findall("Gather"):
                        answered = gathered(leg.presses)
                        await self.document(gather.attrib["action"], **about, **answered)
                    about.pop("CallStatus")
        if winner is None:
            return {"DialCallStatus": _REASONS[called[-1][1].reason]}
        recorded = verb.get("record", "do-not-record") != "do-not-record"
        return {
            "DialCallStatus": "completed",
            "DialCallSid": winner.call_id,
            "DialCallDuration": str(winner.seconds),
            **({"RecordingUrl": "https://files.example/dialled.wav"} if recorded else {}),
        }

    async def _conference(self, noun: Element) -> dict[str, str]:
        conference = str(uuid.uuid4())
        for status in ("participant-join", "conference-start", "participant-leave"):
            await self.post(
                noun.attrib["statusCallback"],
                ConferenceSid=conference,
                FriendlyName=noun.text or "",
                StatusCallbackEvent=status,
                Muted="false",
            )
        return {"DialCallStatus": "answered"}

    async def _enqueue(self, verb: Element) -> None:
        queue = {"QueueSid": str(uuid.uuid4()), "QueueTime": "0"}
        if wait_url := verb.get("waitUrl"):
            waiting = {"QueuePosition": "1", "CurrentQueueSize": "1", "AvgQueueTime": "30"}
            music = await self.document(wait_url, **queue, **waiting)
            self.done += [f"wait {verb.tag}" for verb in music]
        queue["QueueTime"] = "42"
        await self._go_on(verb.get("action"), QueueResult="bridged", **queue)

    async def _refer(self, verb: Element) -> None:
        codes = {"ReferSipResponseCode": "202", "NotifySipResponseCode": "200"}
        await self._go_on(verb.get("action"), ReferCallStatus="in-progress", **codes)

    async def _start(self, verb: Element) -> None:
        for noun in verb:
            if self.reaches_us:
                self.streams[noun.attrib["name"]] = await self.open(noun)
            else:
                await self._refuse(noun)

    async def _stop(self, verb: Element) -> None:
        for noun in verb:
            await self.streams.pop(noun.attrib["name"]).stop()

    async def _say(self, _: Element) -> None:
        """What is said while streams run goes out on their outbound tracks."""
        for stream in self.streams.values():
            if stream.track != "inbound_track":
                await stream.speak(self.script.voice, "outbound")
            if stream.track != "outbound_track":
                await stream.speak(self.script.caller)
        if self.streams:
            await self.script.heard()

    async def _connect(self, verb: Element) -> None:
        if not self.reaches_us:
            await self._refuse(verb[0])
            return
        stream = await self.open(verb[0])
        await self.script.talk.popleft()(stream)
        await stream.ended()

    async def _refuse(self, noun: Element) -> None:
        error = {"StreamEvent": "stream-error", "StreamError": "connection_refused"}
        answer = await self.post(noun.attrib["statusCallback"], **error)
        assert answer.status_code == 204


def gathered(entered: Entered) -> dict[str, str]:
    """What a `<Gather>` posts; empty when nothing was entered."""
    if entered.digits:
        return {"Digits": entered.digits}
    if entered.speech:
        return {"SpeechResult": entered.speech, "Confidence": str(entered.confidence)}
    return {}
