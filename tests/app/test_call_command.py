"""`twiml-bridge call`, run as a user runs it: a process against processes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import math
import re
import signal
import struct
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import pytest_asyncio
from twilio.request_validator import RequestValidator
from websockets.asyncio.server import ServerConnection, serve

from app.settings import LOCAL_AUTH_TOKEN
from bridge.audio import audioop
from bridge.wav import read_wav, write_wav
from tests.app.commands import command
from tests.app.running import write_pcm
from tests.e2e.processes import SCRIPT, Customer, Process, customer, spawn
from tests.support.peers import next_event, read_request, response, tcp_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEECH = bytes(range(1, 241)) * 20
"""0.6 s of mu-law, no byte of it silence."""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.out)
        return record

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [entry["data"] for entry in self.record["timeline"] if entry["kind"] == kind]


async def finish(process: Process) -> Ran:
    try:
        status = await process.process.wait()
    finally:  # a call that would never end must not outlive its test
        if process.process.returncode is None:
            process.process.kill()
    await process.out.finish()
    await process.log.finish()
    ran = Ran(status, "\n".join(process.out.raw), "\n".join(process.log.raw))
    assert "Traceback" not in ran.err
    return ran


async def begin(
    target: object, audio: object, *options: object, patience: str = "0.2", **env: str
) -> Process:
    command = [SCRIPT, "call", target, "--audio", audio, "--patience", patience, *options]
    settings = {f"TWIML_BRIDGE_{name.upper()}": value for name, value in env.items()}
    return await spawn(Process, *map(str, command), env=settings)


async def call(target: object, audio: object, *options: object, **more: str) -> Ran:
    return await finish(await begin(target, audio, *options, **more))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app() -> AsyncIterator[Customer]:
    async with customer() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent() -> AsyncIterator[str]:
    """The URL of the example agent, run alone as its documentation says."""
    process = await spawn(
        Process,
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "app.agent:create_agent",
        "--port",
        "0",
    )

    def address() -> list[dict[str, str]]:
        found = re.search(r"running on (http://\S+)", "\n".join(process.log.raw))
        return [{"url": found[1]}] if found else []

    try:
        (ready,) = await process.log.wait_for(address, what="uvicorn's address")
        yield ready["url"]
    finally:
        await process.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def parrot() -> AsyncIterator[str]:
    """The URL of a consumer that says SPEECH back once it has heard it, then a mark."""

    async def repeat(connection: ServerConnection) -> None:
        sid = (await next_event(connection, "start"))["streamSid"]
        heard = b""
        while len(heard) < len(SPEECH):
            media = (await next_event(connection, "media"))["media"]
            heard += base64.b64decode(media["payload"])
        for message in (
            {"event": "media", "media": {"payload": base64.b64encode(heard).decode()}},
            {"event": "mark", "mark": {"name": "said"}},
        ):
            await connection.send(json.dumps({**message, "streamSid": sid}))
        async for _ in connection:
            pass

    async with serve(repeat, "127.0.0.1", 0) as server:
        (listener,) = server.sockets
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}/parrot"


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    write_wav(tmp_path / "speech.wav", SPEECH)
    return tmp_path / "speech.wav"


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    write_wav(tmp_path / "silence.wav", b"\xff" * 160)
    return tmp_path / "silence.wav"


def twiml(folder: Path, verbs: str, name: str = "app.xml") -> Path:
    path = folder / name
    path.write_text(f"<Response>{verbs}</Response>")
    return path


def connect_to(url: str, more: str = "") -> str:
    return f'<Connect><Stream url="{url}"{more}/></Connect>'


def mulaw_of(path: Path) -> bytes:
    """The samples of a mu-law WAV, read by the letter of the format."""
    data = path.read_bytes()
    assert data[:4] + data[8:16] == b"RIFFWAVEfmt "
    size, *form = struct.unpack_from("<IHHIIHH", data, 16)
    assert form == [7, 1, 8000, 8000, 1, 8]
    at = data.index(b"data", 20 + size)
    (length,) = struct.unpack_from("<I", data, at + 4)
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    assert at + 8 + length + length % 2 == len(data)
    return data[at + 8 : at + 8 + length]


def linear(byte: int) -> int:
    """One mu-law byte as a 16-bit sample (ITU-T G.711)."""
    byte = ~byte & 0xFF
    size = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -size if byte & 0x80 else size


def heard_by(app: Customer, path: str) -> bytes:
    return b"".join(
        base64.b64decode(message["media"]["payload"])
        for message in app.messages(path)
        if message["event"] == "media"
    )


# The audio


async def test_a_call_to_the_example_agent(agent: str, tmp_path: Path) -> None:
    """The agent hears the WAV, says it back, and the saved file holds what it sent, to the byte."""
    pause = bytes(8000 * 2 * 4 // 10)
    tone = b"".join(
        struct.pack("<h", round(9000 * math.sin(at * 2 * math.pi * 440 / 16000)))
        for at in range(8000)
    )
    audio = write_pcm(tmp_path / "in.wav", tone + pause * 2, rate=16000)
    save = tmp_path / "out.wav"
    ran = await call(f"{agent}/voice", audio, "--save", save, "--json")
    assert (ran.status, ran.record["faults"]) == (0, [])
    async with httpx.AsyncClient(trust_env=False) as client:
        known = (await client.get(f"{agent}/calls/{ran.record['sid']}")).json()
    (echo,) = known["echoes"]
    frames = ran.record["streams"][1]["frames_sent"]
    assert known["received"] == {"frames": frames, "lost": 0, "last_chunk": frames}
    assert (known["marksSent"], known["marksReturned"], known["ended"]) == (1, 1, "stop")
    assert [s["StreamEvent"] for s in known["statuses"]].count("stream-started") == 2
    heard = mulaw_of(save)
    digests = [
        at
        for at in range(0, len(heard), 160)
        if hashlib.sha256(heard[at : at + echo["bytes"]]).hexdigest() == echo["sha256"]
    ]
    assert len(digests) == 1
    around = heard[: digests[0]] + heard[digests[0] + echo["bytes"] :]
    assert around.strip(b"\xff") == b""
    assert ran.record["heard_ms"] == len(heard) // 8


async def test_what_is_heard_is_saved_as_mu_law_or_as_samples(
    parrot: str, tmp_path: Path, speech: Path
) -> None:
    """The same call saved both ways: the bytes that were played, and their 16-bit samples."""
    document = twiml(tmp_path, connect_to(parrot))
    mulaw, pcm = tmp_path / "mulaw.wav", tmp_path / "pcm.wav"
    first, second = await asyncio.gather(
        call(document, speech, "--save", mulaw), call(document, speech, "--save", pcm, "--pcm")
    )
    assert (first.status, second.status) == (0, 0)
    assert mulaw_of(mulaw).strip(b"\xff") == SPEECH
    with wave.open(str(pcm)) as file:
        assert file.getparams()[:3] == (1, 2, 8000)
        samples = struct.unpack(f"<{file.getnframes()}h", file.readframes(file.getnframes()))
    expected = [linear(byte) for byte in SPEECH]
    begin = samples.index(next(sample for sample in samples if sample))
    assert list(samples[begin : begin + len(expected)]) == expected
    assert not any(samples[:begin])
    assert not any(samples[begin + len(expected) :])


async def test_wav_files_of_many_kinds_go_in(app: Customer, tmp_path: Path) -> None:
    """Whatever rate and width the file has, the app hears it as 8 kHz mu-law, whole."""
    files = {}
    for rate, channels in ((8000, 1), (11025, 1), (44100, 2), (48000, 1)):
        samples = b"".join(
            struct.pack("<h", round(8000 * math.sin(at * 2 * math.pi * 500 / rate))) * channels
            for at in range(rate // 5)
        )
        name = f"{rate}-{channels}"
        files[name] = write_pcm(tmp_path / f"{name}.wav", samples, rate=rate, channels=channels)
    write_wav(tmp_path / "mulaw.wav", SPEECH)
    files["mulaw"] = tmp_path / "mulaw.wav"
    with wave.open(str(tmp_path / "narrow.wav"), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(128 + at % 100 for at in range(1600)))
    files["narrow"] = tmp_path / "narrow.wav"

    async def place(name: str, path: Path) -> None:
        document = twiml(tmp_path, connect_to(f"{app.ws}/ws/sink/in-{name}"), f"{name}.xml")
        ran = await call(document, path)
        assert ran.status == 0, ran.err
        await app.wait_message(f"/ws/sink/in-{name}", "stop")

    await asyncio.gather(*(place(name, path) for name, path in files.items()))
    for name, path in files.items():
        heard = heard_by(app, f"/ws/sink/in-{name}")
        said = read_wav(path)
        assert heard.startswith(said), name
        assert heard[len(said) :].strip(b"\xff") == b"", name
        if name[0].isdigit():  # 500 Hz at a quarter of full scale, by counting and by measuring
            levels = [linear(byte) for byte in said[160:-160]]
            assert 7600 <= max(levels) <= 8400, name
            rises = sum(a < 0 <= b for a, b in pairwise(levels))
            assert rises in range(len(levels) // 16 - 1, len(levels) // 16 + 2), name
    assert heard_by(app, "/ws/sink/in-mulaw")[: len(SPEECH)] == SPEECH


# The record


async def test_the_record(app: Customer, parrot: str, speech: Path) -> None:
    """--json prints one object and nothing else: call, parties, streams, counts, timeline."""
    await app.put(f"<Response>{connect_to(parrot)}</Response>", "record")
    ran = await call(
        app.voice_url("record"), speech, "--json", "--method", "get", "--from", "+1", "--to", "+2"
    )
    assert (ran.status, ran.err) == (0, "")
    record = ran.record
    assert re.fullmatch("CA[0-9a-f]{32}", record["sid"])
    assert (record["from"], record["to"], record["direction"]) == ("+1", "+2", "inbound")
    assert (record["status"], record["hung_up_by"]) == ("completed", "caller")
    assert (record["spoken_ms"], record["played_ms"], record["faults"]) == (600, 600, [])
    assert record["callbacks"] == {"delivered": 0, "failed": 0, "dropped": 0}
    (stream,) = record["streams"]
    assert (stream["verb"], stream["tracks"], stream["state"]) == (
        "connect",
        ["inbound"],
        "stopped",
    )
    assert stream["frames_sent"] == record["heard_ms"] // 20
    assert (stream["frames_dropped"], stream["audio_bytes"]) == (0, len(SPEECH))
    assert stream["marks_received"] == stream["marks_echoed"] == 1
    kinds = [entry["kind"] for entry in record["timeline"]]
    order = ["call.began", "webhook.answered", "call.answered", "stream.started", "call.ended"]
    assert [kind for kind in kinds if kind in order] == order
    (asked,) = app.out.matching(type="http", path="/twiml/record")
    assert asked["method"] == "GET"
    form = dict(asked["query"])
    assert (form["From"], form["To"], form["CallSid"]) == ("+1", "+2", record["sid"])
    signature = asked["headers"]["x-twilio-signature"]
    assert RequestValidator(LOCAL_AUTH_TOKEN).validate(asked["url"], {}, signature)


async def test_the_report(app: Customer, parrot: str, tmp_path: Path, speech: Path) -> None:
    """Without --json a person reads the timeline, the streams' counts, and what was skipped."""
    verbs = (
        '<Sms>hi</Sms><Start><Stream name="ear" track="both_tracks"'
        f' url="{app.ws}/ws/sink/report"/></Start>'
        + connect_to(parrot, f' name="talk" statusCallback="{app.http}/callback/r"')
    )
    ran = await call(twiml(tmp_path, verbs), speech)
    assert (ran.status, ran.err) == (0, "")
    for words in (
        r"^call CA[0-9a-f]{32}$",
        r"verb\.skipped .*verb=Sms .*A local call cannot run <Sms>",
        r"stream\.started +stream=talk$",
        r"^start stream ear: \d+ frames to the app, 0 lost$",
        r"^connect stream talk: \d+ .* 0 lost; 0\.60 s of audio back, marks 1/1, 0 clears$",
        r"^0\.60 s said, 0\.60 s played; callbacks 2 delivered, 0 failed; hung up by the caller$",
    ):
        assert re.search(words, ran.out, re.MULTILINE), words


async def test_the_document_ends_the_call(app: Customer, tmp_path: Path, speech: Path) -> None:
    """A document may end the call before all is said: that is no fault. Its prompts are told."""
    verbs = '<Sms>hi</Sms><Play digits="1"/><Hangup/>'
    ran = await call(twiml(tmp_path, verbs), speech, "--json")
    assert (ran.status, ran.record["hung_up_by"]) == (0, "document")
    assert [skipped["verb"] for skipped in ran.told("verb.skipped")] == ["Sms"]
    assert [prompt["verb"] for prompt in ran.told("prompt.ended")] == ["Play"]


# Status 1: the call did not go through whole


FAULTS = {
    "stream.error: 31902": '<Connect><Stream url="ws://localhost:1/"/></Connect>',
    "stream.error: 31920": '<Connect><Stream url="{ws}/ws/refuse/1"/></Connect>',
    "stream.error: 31941": '<Start><Stream url="{ws}/ws/sink/1" track="x"/></Start>',
    "webhook.failed: 11205": "<Redirect>http://127.0.0.1:1/x</Redirect>",
    "webhook.failed: 11200": "<Redirect>{http}/twiml/nothing</Redirect>",
    "twiml.diagnostic: 12100": "<Say>",
    "2 callbacks not delivered": '<Connect><Stream url="{ws}/ws/close-after/1"'
    ' statusCallback="http://127.0.0.1:1/"/></Connect>',
}


async def test_calls_with_faults(app: Customer, tmp_path: Path, speech: Path) -> None:
    """Whatever went wrong is a sentence in the record, the first of all, and the status is 1."""

    async def place(number: int, verbs: str) -> Ran:
        document = twiml(tmp_path, verbs.format(ws=app.ws, http=app.http), f"{number}.xml")
        return await call(document, speech, "--json")

    runs = await asyncio.gather(*map(place, range(len(FAULTS)), FAULTS.values()))
    for fault, ran in zip(FAULTS, runs, strict=True):
        assert ran.status == 1
        assert ran.record["faults"][0].startswith(fault)


async def test_callbacks_that_are_given_up(app: Customer, tmp_path: Path, speech: Path) -> None:
    """A callback that nobody answers in the time to shut down is a fault like one that failed."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with tcp_server(silent) as port:
        more = f' statusCallback="http://127.0.0.1:{port}/"'
        document = twiml(tmp_path, connect_to(f"{app.ws}/ws/close-after/1", more))
        ran = await call(document, speech, "--json", shutdown_seconds="0.2")
    assert ran.status == 1
    assert ran.record["callbacks"] == {"delivered": 0, "failed": 0, "dropped": 2}


async def test_an_app_that_cannot_be_reached(speech: Path) -> None:
    """An app that is not there is said with number, place and advice; there is still a record, and
    the caller hears an apology."""
    places = {"http://127.0.0.1:1/voice": 11205, "http://nowhere.invalid/voice": 11210}
    reports = [call(url, speech) for url in places]
    *said, record = await asyncio.gather(*reports, call(next(iter(places)), speech, "--json"))
    for (url, code), report in zip(places.items(), said, strict=True):
        assert report.status == 1
        assert "there was no document to run" in report.err
        assert re.search(rf"webhook\.failed .*url={url} .*code={code} .*advice=\w", report.out)
        assert "hung up by the document" in report.out
    assert record.status == 1
    assert record.record["hung_up_by"] == "document"
    assert record.record["played_ms"] > 1000


async def test_a_recording_during_the_call(tmp_path: Path) -> None:
    """The URL of a recording can be fetched and played while the call runs; nothing of it stays
    where the command was run."""
    fetched: list[bytes] = []
    words = bytes(range(1, 126)) * 192  # 3 s

    async def app(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        form = dict(parse_qsl((await read_request(reader)).body.decode()))
        async with httpx.AsyncClient(trust_env=False) as client:
            fetched.append((await client.get(form["RecordingUrl"])).content)
        body = f"<Response><Play>{form['RecordingUrl']}</Play></Response>"
        writer.write(response(200, body.encode(), "Content-Type: text/xml"))

    said = write_pcm(tmp_path / "said.wav", audioop.ulaw2lin(words, 2))
    heard = tmp_path / "heard.wav"
    async with tcp_server(app) as port:
        document = twiml(
            tmp_path,
            '<Record playBeep="false" trim="do-not-trim" maxLength="2"'
            f' action="http://127.0.0.1:{port}/done"/>',
        )
        ran = await command("call", document, "--audio", said, "--save", heard, cwd=tmp_path)
    assert ran.status == 0, ran.err
    recorded = read_wav(fetched[0])
    assert recorded in words
    assert recorded[160:-160] in read_wav(heard)
    assert not (tmp_path / "twiml-bridge-data").exists()


# Keys and interruptions


async def test_keys_are_pressed(app: Customer, tmp_path: Path, speech: Path) -> None:
    """Each key is pressed at its time after the answer, and the app hears them in that order."""
    path = "/ws/sink/keys"
    document = twiml(tmp_path, connect_to(app.ws + path))
    ran = await call(
        document, speech, "--press", "#@0.3", "--press", "5@0.2", "--press", "9@99", "--json"
    )
    assert ran.status == 0
    pressed = await app.wait_message(path, "dtmf", 2)
    assert [message["dtmf"]["digit"] for message in pressed] == ["5", "#"]
    assert ran.record["streams"][0]["dtmf"] == 2


async def test_ctrl_c_hangs_up(app: Customer, tmp_path: Path) -> None:
    """Ctrl-C ends an answered call in order: the app hears `stop`, all is kept."""
    write_wav(tmp_path / "long.wav", SPEECH * 100)
    path, save = "/ws/sink/interrupted", tmp_path / "out.wav"
    document = twiml(tmp_path, connect_to(app.ws + path))
    process = await begin(document, tmp_path / "long.wav", "--save", save, "--json")
    await app.wait_message(path, "media")
    process.process.send_signal(signal.SIGINT)
    ran = await finish(process)
    assert (ran.status, ran.record["hung_up_by"]) == (0, "interrupt")
    assert len(mulaw_of(save)) == ran.record["heard_ms"] * 8
    await app.wait_message(path, "stop")


async def test_ctrl_c_before_the_answer(speech: Path) -> None:
    """Ctrl-C while the app is asked leaves no call to tell of, and no stack trace."""
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    async with tcp_server(silent) as port:
        process = await begin(f"http://127.0.0.1:{port}/", speech)
        await asked.wait()
        process.process.send_signal(signal.SIGINT)
        ran = await finish(process)
    assert (ran.status, ran.out) == (130, "")
    assert ran.err == "twiml-bridge: interrupted before the call was answered"


# Status 2: what was asked makes no call


MISUSES: tuple[tuple[list[str], list[str]], ...] = (
    (["app.xml", "none.wav"], ["none.wav", "No such file"]),
    (["app.xml", "app.xml"], ["app.xml", "not a WAV file", "ffmpeg"]),
    (["app.xml", "cut.wav"], ["cut.wav", "truncated"]),
    (["none.xml", "speech.wav"], ["none.xml", "no such file", "voice URL"]),
    ([".", "speech.wav"], ["Is a directory"]),
    (["http://[::1/voice", "speech.wav"], ["Invalid IPv6 URL"]),
    (["app.xml", "speech.wav", "--save", "none/o.wav"], ["none/o.wav", "No such file"]),
    (["app.xml", "speech.wav", "--save", "app.xml/o.wav"], ["Not a directory"]),
    (["app.xml", "speech.wav", "--method", "PUT"], ["--method is GET or POST, not PUT"]),
    (["app.xml", "speech.wav", "--press", "5"], ["--press is a key", "5@2.5"]),
    (["app.xml", "speech.wav", "--press", "x@1"], ["--press is a key"]),
    (["app.xml", "speech.wav", "--patience", "0.09"], ["--patience"]),
    (["app.xml", "speech.wav", "--nonsense"], ["--nonsense"]),
)


async def test_misuse(tmp_path: Path, speech: Path) -> None:
    """What is missing, unusable or not writable is one clear message, before any call."""
    twiml(tmp_path, '<Pause length="60"/>')
    (tmp_path / "cut.wav").write_bytes(speech.read_bytes()[:-9])
    here = {"app.xml", "none.xml", ".", "none.wav", "cut.wav", "speech.wav"}
    here |= {"none/o.wav", "app.xml/o.wav"}

    async def misuse(arguments: list[str]) -> Ran:
        target, audio, *options = (str(tmp_path / a) if a in here else a for a in arguments)
        return await call(target, audio, *options)

    runs = await asyncio.gather(*(misuse(arguments) for arguments, _ in MISUSES))
    for (arguments, words), ran in zip(MISUSES, runs, strict=True):
        assert (ran.status, ran.out) == (2, ""), arguments
        for word in words:
            assert word in ran.err, arguments


async def test_settings_that_make_no_call(tmp_path: Path, speech: Path) -> None:
    """A wrong setting in the environment is named, and nobody is called."""
    document = twiml(tmp_path, "<Hangup/>")
    runs = await asyncio.gather(
        call(document, speech, routes_file="/nowhere.toml"),
        call(document, speech, ca_file="/nowhere.pem"),
        call(document, speech, max_calls="none"),
    )
    words = ("/nowhere.toml", "TWIML_BRIDGE_CA_FILE", "TWIML_BRIDGE_MAX_CALLS")
    for word, ran in zip(words, runs, strict=True):
        assert (ran.status, ran.out) == (2, "")
        assert word in ran.err
        assert ran.err.startswith("twiml-bridge: ")


async def test_nothing_is_said_when_there_is_nothing_to_say(tmp_path: Path, silence: Path) -> None:
    """A WAV without a sound is a caller who says nothing; the call is whole."""
    save = tmp_path / "out.wav"
    ran = await call(twiml(tmp_path, "<Echo/>"), silence, "--save", save, "--json")
    assert (ran.status, ran.record["spoken_ms"]) == (0, 20)
    assert mulaw_of(save) == b"\xff" * (ran.record["heard_ms"] * 8)
