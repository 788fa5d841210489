"""SignalWire's side of a SWML call, played by the test: it walks the documents that we answer.

It runs the steps of S section 1.4 that our translations use, asks for the next document by JSON
POST with both signatures, and posts the events of S section 1.8. Its clock is its own: a call of an
hour takes no time.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.carrier import FROM, TO, CarrierStream, open_stream
from tests.e2e.processes import SIGNING_KEY, Bridge
from tests.e2e.script import Entered, Leg, Script

PROJECT = "b08dacad-1111-2222-3333-444455556666"
_EQUALS = re.compile(r"\s*(\w+) == '([^']*)'\s*")


def signatures(url: str, body: bytes, key: str = SIGNING_KEY) -> dict[str, str]:
    """Both of SignalWire's signatures of a JSON webhook (S section 1.5)."""
    text = url.encode() + body
    return {
        "X-Signalwire-Signature": hmac.new(key.encode(), text, hashlib.sha1).hexdigest(),
        "X-Signalwire-SHA256-Signature": hmac.new(key.encode(), text, hashlib.sha256).hexdigest(),
    }


def holds(expression: str, variables: dict[str, Any]) -> bool:
    """A condition of the one form that our documents have: `a == 'b' || c == 'd'`."""
    found = False
    for part in expression.split("||"):
        equals = _EQUALS.fullmatch(part)
        assert equals, f"not an expression that this carrier knows: {expression}"
        found |= str(variables.get(equals[1])) == equals[2]
    return found


class HungUpError(Exception):
    """The document has ended the call."""


class SwmlCarrier:
    """One SignalWire call whose number has a SWML webhook.

    `done` are the steps it has run, each with its parameters. `variables` are the script's.
    `reaches_us` is whether it can open media sockets.
    """

    reaches_us = True

    def __init__(
        self, bridge: Bridge, client: httpx.AsyncClient, script: Script | None = None
    ) -> None:
        self.bridge = bridge
        self.client = client
        self.script = script or Script()
        self.call_id = str(uuid.uuid4())
        self.parent_id = ""
        self.to = TO
        self.state = "created"
        self.variables: dict[str, Any] = {}
        self.done: list[tuple[str, Any]] = []
        self.streams: dict[str, CarrierStream] = {}
        self.taps: dict[str, tuple[ClientConnection, str]] = {}
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.now = 1_777_000_000.0
        self._status_urls: dict[str, str] = {}
        self._recordings: dict[str, tuple[str, str]] = {}
        self._steps: dict[str, Callable[[Any], Awaitable[None]]] = {
            name.removeprefix("_do_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("_do_")
        }

    @property
    def twilio_sid(self) -> str:
        return "CA" + self.call_id.replace("-", "")

    def methods(self) -> list[str]:
        return [method for method, _ in self.done]

    # What it posts

    def body(self) -> dict[str, Any]:
        """The JSON of a webhook about this call, which may be a leg that another has dialled."""
        call: dict[str, Any] = {
            "call_id": self.call_id,
            "node_id": "node-1",
            "segment_id": self.call_id,
            "call_state": self.state,
            "direction": "outbound" if self.parent_id else "inbound",
            "type": "phone",
            "from": FROM,
            "to": self.to,
            "from_number": FROM,
            "to_number": self.to,
            "headers": [],
            "project_id": PROJECT,
            "space_id": "451ed9ff-e568-4222-8af9-4f9ab7428d09",
        }
        if self.parent_id:
            call["parent"] = {"device_type": "phone", "call_id": self.parent_id, "node_id": "n"}
        return {"call": call, "vars": self.variables, "envs": {}, "params": {}}

    async def post(self, url: str, body: dict[str, Any]) -> httpx.Response:
        raw = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **signatures(url, raw)}
        return await self.client.post(url, content=raw, headers=headers)

    async def report(self, url: str, kind: str, /, **params: Any) -> httpx.Response:
        """Post an event to a status URL, unsigned; it is kept in `events`."""
        self.events.append((url, kind, params))
        event = {
            "event_type": kind,
            "event_channel": f"swml:{self.call_id}",
            "timestamp": self.now,
            "project_id": PROJECT,
            "space_id": "451ed9ff-e568-4222-8af9-4f9ab7428d09",
            "params": {"call_id": self.call_id, "node_id": "node-1", **params},
        }
        answer = await self.client.post(url, json=event)
        assert answer.status_code == 204, answer.text
        return answer

    async def document(self, url: str | None = None) -> list[dict[str, Any]]:
        """Ask for a document; the steps of its main section."""
        url = url or f"{self.bridge.base_url}/signalwire/swml"
        answer = await self.post(url, self.body())
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].partition(";")[0] == "application/json"
        document = answer.json()
        assert document["version"] == "1.0.0"
        steps: list[dict[str, Any]] = document["sections"]["main"]
        return steps

    # Running documents

    async def run(self, url: str | None = None) -> None:
        """The whole call: its first document and whatever follows, to the hangup."""
        await self.follow(await self.document(url))

    async def follow(self, steps: Iterable[dict[str, Any]]) -> None:
        try:
            await self.steps(steps)
        except HungUpError:
            await self.ended()

    async def steps(self, steps: Iterable[dict[str, Any]]) -> None:
        for step in steps:
            ((method, parameters),) = step.items()
            self.done.append((method, parameters))
            await self._steps[method](parameters)

    async def ended(self) -> None:
        """The call is over: what still runs beside the document ends."""
        self.state = "ended"
        for control_id in tuple(self.streams):
            await self._stop_stream(control_id)
        for control_id in tuple(self.taps):
            await self._stop_tap(control_id)

    async def _do_answer(self, _: Any) -> None:
        self.state = "answered"

    async def _do_hangup(self, _: Any) -> None:
        raise HungUpError

    async def _do_transfer(self, parameters: Any) -> None:
        await self.steps(await self.document(parameters["dest"]))
        raise HungUpError

    async def _do_cond(self, branches: Any) -> None:
        for branch in branches:
            if holds(branch["when"], self.variables):
                await self.steps(branch["then"])
                return

    async def _do_request(self, parameters: Any) -> None:
        answer = await self.client.request(
            parameters["method"], parameters["url"], json=parameters["body"]
        )
        assert answer.status_code == 204, answer.text

    async def _do_play(self, parameters: Any) -> None:
        for url in parameters.get("urls") or [parameters["url"]]:
            if url.startswith("http"):
                assert (await self.client.get(url)).status_code == 200
            if url.startswith("say:"):
                await self._heard_by_streams()

    async def _heard_by_streams(self) -> None:
        """What is said while streams run goes out on their outbound tracks."""
        voice, caller = self.script.voice, self.script.caller
        for stream in self.streams.values():
            if stream.track != "inbound_track":
                await stream.speak(voice, "outbound")
            if stream.track != "outbound_track":
                await stream.speak(caller)
        for socket, direction in self.taps.values():
            audio = caller if direction == "speak" else voice
            for at in range(0, len(audio), 160):
                await socket.send(audio[at : at + 160])
        if self.streams or self.taps:
            await self.script.heard()

    async def _do_sleep(self, milliseconds: Any) -> None:
        self.now += milliseconds / 1000

    async def _do_send_sms(self, _: Any) -> None:
        pass

    async def _do_prompt(self, parameters: Any) -> None:
        entered = self.script.enter()
        self.variables.update(prompted(parameters, entered))

    async def _do_record(self, parameters: Any) -> None:
        url, recording = f"https://files.example/{uuid.uuid4()}.wav", str(uuid.uuid4())
        seconds = self.script.recordings.popleft()
        known = {"control_id": recording, "record": {"audio": {"stereo": False}}}
        await self.report(
            parameters["status_url"], "calling.call.record", state="recording", **known
        )
        self.now += seconds
        await self.report(
            parameters["status_url"],
            "calling.call.record",
            state="finished",
            url=url,
            duration=seconds,
            recording_id=recording,
            **known,
        )
        self.variables |= {"record_url": url, "record_result": "success"}

    async def _do_record_call(self, parameters: Any) -> None:
        self._recordings[parameters["control_id"]] = (
            parameters.get("status_url", ""),
            f"https://files.example/{uuid.uuid4()}.wav",
        )

    async def _do_stop_record_call(self, parameters: Any) -> None:
        status_url, url = self._recordings.pop(parameters["control_id"])
        self.variables["record_call_url"] = url
        if status_url:
            await self.report(
                status_url,
                "calling.call.record",
                state="finished",
                control_id=parameters["control_id"],
                url=url,
                duration=61.4,
                recording_id=str(uuid.uuid4()),
                start_time=self.now,
                record={"audio": {"stereo": True, "direction": "both"}},
            )

    # Media

    async def _do_stream(self, parameters: Any) -> None:
        if not self.reaches_us:
            self.variables["stream_result"] = "failed"
            return
        control_id = parameters["control_id"]
        stream = await open_stream(
            parameters["url"],
            parameters["authorization_bearer_token"],
            parameters["track"],
            self.call_id,
        )
        self.streams[control_id] = stream
        self._status_urls[control_id] = parameters["status_url"]
        self.variables["stream_result"] = "success"
        await self._stream_state(control_id, "streaming")

    async def _do_stop_stream(self, parameters: Any) -> None:
        await self._stop_stream(parameters["control_id"])

    async def _stop_stream(self, control_id: str) -> None:
        if control_id in self.streams:
            await self.streams.pop(control_id).stop()
            await self._stream_state(control_id, "finished")

    async def _stream_state(self, control_id: str, state: str) -> None:
        await self.report(
            self._status_urls[control_id],
            "calling.call.stream",
            control_id=control_id,
            state=state,
            url="wss://elsewhere.example/",
        )

    async def _do_tap(self, parameters: Any) -> None:
        if not self.reaches_us:
            self.variables["tap_result"] = "failed"
            return
        control_id = parameters.get("control_id") or str(uuid.uuid4())
        socket = await connect(parameters["uri"], compression=None, proxy=None, ping_interval=None)
        await socket.send('{"content-type":"audio/mulaw;rate=8000"}')
        self.taps[control_id] = (socket, parameters["direction"])
        self._status_urls[control_id] = parameters["status_url"]
        self.variables |= {"tap_result": "success", "tap_control_id": control_id}
        await self._tap_state(control_id, "tapping", parameters["direction"])

    async def _do_stop_tap(self, parameters: Any) -> None:
        await self._stop_tap(parameters["control_id"])

    async def _stop_tap(self, control_id: str) -> None:
        if control_id in self.taps:
            socket, direction = self.taps.pop(control_id)
            await socket.close()
            await self._tap_state(control_id, "finished", direction)

    async def _tap_state(self, control_id: str, state: str, direction: str) -> None:
        await self.report(
            self._status_urls[control_id],
            "calling.call.tap",
            control_id=control_id,
            state=state,
            tap={"type": "audio", "params": {"direction": direction}},
        )

    async def _do_connect(self, parameters: Any) -> None:
        to = parameters.get("to", "")
        if to.startswith("stream:"):
            await self._connect_stream(to.removeprefix("stream:"), parameters)
        else:
            await self._connect_parties(parameters)

    async def _connect_stream(self, url: str, parameters: Any) -> None:
        assert parameters.get("realtime", True)
        if not self.reaches_us:
            self.variables["connect_result"] = self.variables["return_value"] = "failed"
            return
        stream = await open_stream(
            url, parameters.get("authorization_bearer_token"), "inbound_track", self.call_id
        )
        await self.script.talk.popleft()(stream)
        await stream.ended()
        self.variables["connect_result"] = self.variables["return_value"] = "connected"
        if "status_url" in parameters:
            await self.report(
                parameters["status_url"], "calling.call.stream", state="finished", control_id="c"
            )

    async def _connect_parties(self, parameters: Any) -> None:
        """Every destination rings; the first that has no reason against it answers."""
        destinations = parameters.get("serial") or parameters.get("parallel") or [{}]
        called = [(parameters | single, self.script.legs.popleft()) for single in destinations]
        winner = next((leg for _, leg in called if not leg.reason), None)
        for destination, leg in called:
            await self._leg(destination, leg, "created")
            await self._bridged(parameters, leg, "connecting")
            await self._leg(destination, leg, "ringing")
        for destination, leg in called:
            if leg is winner:
                await self._leg(destination, leg, "answered")
                if confirm := destination.get("confirm"):
                    await self._whisper(confirm, destination["to"], leg)
                await self._bridged(parameters, leg, "connected")
                self.now += leg.seconds
                await self._bridged(parameters, leg, "disconnected")
                await self._leg(destination, leg, "ended", end_reason="hangup")
            else:
                reason = leg.reason or "cancel"
                if winner is None:
                    await self._bridged(parameters, leg, "failed", failed_reason=reason)
                await self._leg(destination, leg, "ended", end_reason=reason)
        result = "connected" if winner else "failed"
        self.variables |= {"connect_result": result, "return_value": result}
        if winner is None:
            self.variables["connect_failed_reason"] = called[-1][1].reason

    async def _leg(self, destination: Any, leg: Leg, state: str, **more: str) -> None:
        if state in destination.get("call_state_events", ()):
            await self.report(
                destination["call_state_url"],
                "calling.call.state",
                call_id=leg.call_id,
                call_state=state,
                direction="outbound",
                device={
                    "type": "phone",
                    "params": {"from_number": FROM, "to_number": destination["to"]},
                },
                **more,
            )

    async def _bridged(self, parameters: Any, leg: Leg, state: str, **more: str) -> None:
        if status_url := parameters.get("status_url"):
            await self.report(
                status_url,
                "calling.call.connect",
                connect_state=state,
                peer={"call_id": leg.call_id, "node_id": "node-1"},
                **more,
            )

    async def _whisper(self, confirm: Any, to: str, leg: Leg) -> None:
        """What the party hears before it is connected: its own script with its own variables."""
        party = SwmlCarrier(self.bridge, self.client, Script(entered=deque([leg.presses])))
        party.call_id, party.parent_id, party.to = leg.call_id, self.call_id, to
        party.state = "answered"
        steps = await party.document(confirm) if isinstance(confirm, str) else confirm
        with contextlib.suppress(HungUpError):
            await party.steps(steps)
        self.done += [(f"whisper {method}", parameters) for method, parameters in party.done]

    async def _do_join_conference(self, parameters: Any) -> None:
        conference = str(uuid.uuid4())
        wanted = parameters.get("status_callback_event", "").split()
        for word, status in (
            ("join", "participant-join"),
            ("start", "conference-start"),
            ("leave", "participant-leave"),
            ("end", "conference-end"),
        ):
            if word in wanted:
                await self.report(
                    parameters["status_callback"],
                    "calling.conference",
                    conference_id=conference,
                    name=parameters["name"],
                    status=status,
                    muted=parameters["muted"],
                    hold=False,
                    end_on_leave=parameters["end_on_exit"],
                    start_on_join=parameters["start_on_enter"],
                )
        self.variables |= {"join_conference_result": "completed", "return_value": "completed"}

    async def _do_enter_queue(self, parameters: Any) -> None:
        """Wait for 42 seconds with the music, then be joined to somebody."""
        queue = {"id": str(uuid.uuid4()), "name": parameters["queue_name"]}
        entered = int(self.now * 1e6)
        url = parameters["status_url"]
        await self.report(
            url,
            "calling.call.queue",
            status="enqueue",
            position=1,
            size=1,
            avg_time=30,
            enqueue_ts=entered,
            **queue,
        )
        self.variables |= {"queue_result": "entering", "entry_position": 1, "entry_size": 1}
        if wait_url := parameters.get("wait_url"):
            await self.steps(await self.document(wait_url))
        self.now += 42
        left = {"enqueue_ts": entered, "dequeue_ts": int(self.now * 1e6)}
        await self.report(url, "calling.call.queue", status="dequeue", **queue, **left)
        self.variables["queue_result"] = "connected"
        await self._do_transfer({"dest": parameters["transfer_after_bridge"]})

    async def _do_sip_refer(self, _: Any) -> None:
        self.variables |= {
            "sip_refer_result": "success",
            "sip_refer_response_code": 202,
            "sip_refer_to_response_code": 200,
        }


def prompted(parameters: Any, entered: Entered) -> dict[str, Any]:
    """The variables that a prompt sets (S section 1.4)."""
    assert parameters["play"]
    if entered.digits:
        assert "max_digits" in parameters
        pressed = entered.digits + entered.terminator
        assert not entered.terminator or entered.terminator in parameters["terminators"]
        return {
            "prompt_result": "match_digits",
            "prompt_value": pressed,
            "prompt_digit_terminator": entered.terminator,
        }
    if entered.speech:
        assert "speech_language" in parameters
        return {
            "prompt_result": "match_speech",
            "prompt_value": entered.speech,
            "prompt_speech_confidence": entered.confidence,
        }
    return {"prompt_result": "no_input", "prompt_value": ""}
