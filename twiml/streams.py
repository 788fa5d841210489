"""Reading the streams in `<Start>`, `<Connect>` and `<Stop>`.

A stream that Twilio would refuse stays in the document with its `refusal`, so that whoever runs
it can report stream-error; the verbs around it run as if it had failed to connect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twiml.actions import Parameter, Stream, Track
from twiml.diagnostics import Code
from twiml.elements import Content, Reading
from twiml.hints import listed, nearest, quoted
from twiml.schema import Rule
from twiml.source import Node
from twiml.urls import UrlError, absolute_http, stream_url

_PARAMETER_CHARACTERS = 500
"""Each parameter's name and value together stay under 500 characters."""

MAX_TRACKS = 4
"""Streamed tracks of one call, those of a two-way stream not counted."""

_CARRIED_FORMATS = frozenset({"mulaw", "ulaw", "pcmu"})
_CARRIED_RATE = "8000"


@dataclass(slots=True)
class _Refusal:
    """The first reason why a stream may not start; later ones are reported but change nothing."""

    node: Node
    reading: Reading
    code: int = 0
    reason: str = ""

    def note(self, code: Code, message: str, advice: str, attribute: str | None = None) -> None:
        self.reading.error(code, self.node, message, advice, attribute)
        if not self.code:
            self.code, self.reason = int(code), message


def stream(reading: Reading, node: Node, rule: Rule, owner: str, second: bool) -> Stream:
    """A stream in `<Start>`, `<Connect>` or `<Stop>`; `second` if one stands there already."""
    fields = reading.fields(node, rule)
    if owner == "Stop":
        _check_stopped(node, fields, reading)
        # Of these nothing but the name counts, and another track is no error.
        fields.pop("track", None)
        reading.started.pop(fields.get("name", ""), None)
    else:
        _start(node, fields, reading, owner=owner, second=second)
    started = Stream.of(fields)
    if owner == "Start" and not started.refusal:
        _check_beside(node, started, reading)
    return started


def _check_beside(node: Node, stream: Stream, reading: Reading) -> None:
    """Report what goes wrong if the streams before this one run as long as nothing stops them.

    That is for the call to find out: it may be otherwise, so the stream is not refused.
    """
    name, started = stream.name, reading.started
    if name and name in started:
        reading.error(
            Code.STREAM_FAILED,
            node,
            f"A stream named {quoted(name)} runs already.",
            "Names are unique in a call: give each stream its own, or stop the first before.",
            "name",
        )
        return
    total = sum(started.values()) + len(stream.track.names)
    if total <= MAX_TRACKS:
        started[name or object()] = len(stream.track.names)
    else:
        reading.error(
            Code.STREAM_FAILED,
            node,
            f"With this stream the call would have {total} streamed tracks.",
            f"A call has {MAX_TRACKS} at most; both_tracks counts as two.",
        )


def _check_stopped(node: Node, fields: dict[str, Any], reading: Reading) -> None:
    if not fields.get("name"):
        reading.warn(
            node,
            "A <Stream> in <Stop> has no name; it stops nothing.",
            "Name the stream in <Start> and in <Stop> alike.",
        )


def _start(
    node: Node, fields: dict[str, Any], reading: Reading, *, owner: str, second: bool
) -> None:
    """Set what has a meaning beyond its attribute: where to connect, or why not to."""
    refusal = _Refusal(node, reading)
    get = fields.get
    if second and owner == "Connect":
        refusal.note(
            Code.STREAM_FAILED,
            "A second <Stream> in one <Connect> is refused.",
            "A call has one bidirectional stream at a time: put listeners into <Start>.",
        )
    connector = get("connector_name")
    if connector is not None:
        refusal.note(
            Code.STREAM_CONNECTOR,
            f"There is no connector named {quoted(connector)}.",
            "Connectors live in a Twilio account; give the consumer's url instead.",
            "connectorName",
        )
    url = get("url") or ""
    connect_url = None if connector is not None and not url else _connect_url(url, refusal)
    fields["connect_url"] = connect_url
    fields["track"] = _track(get("track"), refusal, owner)
    if "audio_format" in fields or "sample_rate" in fields:
        _check_format(node, reading)
    if callback := get("status_callback"):
        fields["status_callback"] = _status_callback(node, callback, reading)
    elif callback is not None:
        fields["status_callback"] = None
    _check_lengths(fields["content"], refusal)
    if refusal.code:
        fields["refusal"], fields["refusal_reason"] = refusal.code, refusal.reason


def _connect_url(url: str, refusal: _Refusal) -> str | None:
    reading, node = refusal.reading, refusal.node
    try:
        target = stream_url(url, reading.base_url, allow_plain_ws=reading.allow_plain_ws)
    except UrlError as error:
        refusal.note(error.code, error.message, error.advice, "url")
        return None
    if target.dropped:
        example = quoted(target.dropped_names[0] if target.dropped_names else "…")
        reading.warn(
            node,
            "The query string of the stream's url is dropped: your consumer will not see it.",
            f'Send it as <Parameter name={example} value="…"/> inside <Stream>; '
            "it arrives in start.customParameters.",
            "url",
        )
    return target.connect_url


def _track(written: str | None, refusal: _Refusal, owner: str) -> Track:
    """`track`, case-sensitive; anything but inbound_track under Connect is 31941."""
    if written is None:
        return Track.INBOUND
    allowed = (Track.INBOUND,) if owner == "Connect" else tuple(Track)
    if written in allowed:
        return Track(written)
    near = {"both": Track.BOTH, "mixed_track": Track.BOTH}.get(written) or nearest(written, Track)
    if near in allowed:
        advice = f"Did you mean {near}?"
    elif owner == "Connect":
        advice = "A bidirectional stream hears inbound_track only; <Start> can have the others."
    else:
        advice = f"Write {listed(Track)}."
    refusal.note(
        Code.STREAM_TRACK,
        f"The track {quoted(written)} is not supported in <{owner}>.",
        advice,
        "track",
    )
    return Track.INBOUND


def _check_format(node: Node, reading: Reading) -> None:
    """What these attributes do is undocumented: keep them, and say what will be sent."""
    written = {name: node.get(name) for name in ("audioFormat", "sampleRate")}
    audio_format, rate = written["audioFormat"], written["sampleRate"]
    plain = (audio_format or "").lower().removeprefix("audio/").removeprefix("x-")
    wrong = []
    if audio_format is not None and plain not in _CARRIED_FORMATS:
        wrong.append("audioFormat")
    if rate is not None and rate != _CARRIED_RATE:
        wrong.append("sampleRate")
    for name in wrong:
        reading.warn(
            node,
            f"{name} {quoted(written[name] or '')} has no effect: "
            "media stays audio/x-mulaw at 8000 Hz.",
            f"Leave {name} out, and read start.mediaFormat.",
            name,
        )


def _status_callback(node: Node, written: str, reading: Reading) -> str | None:
    absolute = absolute_http(written, reading.base_url)
    if absolute is None:
        reading.warn(
            node,
            "statusCallback is not an absolute http or https URL; it is ignored.",
            "Write an absolute URL such as https://example.com/stream-events.",
            "statusCallback",
        )
    return absolute


def _check_lengths(content: Content, refusal: _Refusal) -> None:
    for given in content:
        if not isinstance(given, Parameter):
            continue
        size = len(given.name) + len(given.value)
        if size >= _PARAMETER_CHARACTERS:
            refusal.note(
                Code.STREAM_FAILED,
                f"The parameter {quoted(given.name)} has {size} characters in name and value "
                "together.",
                f"Stay under {_PARAMETER_CHARACTERS}: send an id, and let the consumer look it up.",
            )
