"""`<Start>`, `<Connect>`, `<Stop>` and the streams in them.

A stream that Twilio would refuse stays in the document with its `refusal`, so that whoever runs
it can report stream-error; the verbs around it run as if it had failed to connect.
"""

from __future__ import annotations

from dataclasses import dataclass

from twiml.actions import (
    Connect,
    Element,
    Noun,
    Parameter,
    Start,
    Stop,
    Stream,
    Track,
    lookup,
)
from twiml.diagnostics import Code
from twiml.elements import Reading, carry, check, method, unknown_child
from twiml.hints import listed, nearest, quoted
from twiml.schema import RULES, Rule, rule_for
from twiml.source import Node
from twiml.urls import UrlError, absolute_http, stream_url

_PARAMETER_CHARACTERS = 500
"""Each parameter's name and value together stay under 500 characters."""

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


def start(node: Node, reading: Reading) -> Start:
    return Start(
        nouns=_nouns(node, reading),
        action=lookup(node.attributes, "action"),
        method=method(node, "method", reading),
        attributes=node.attributes,
        line=reading.line(node),
    )


def connect(node: Node, reading: Reading) -> Connect:
    return Connect(
        nouns=_nouns(node, reading),
        action=lookup(node.attributes, "action"),
        method=method(node, "method", reading),
        attributes=node.attributes,
        line=reading.line(node),
    )


def stop(node: Node, reading: Reading) -> Stop:
    return Stop(_nouns(node, reading), node.attributes, reading.line(node))


def parameters(node: Node, reading: Reading) -> tuple[Parameter, ...]:
    """The `<Parameter>`s of an element: nameless ones dropped, of a repeated name the last."""
    rule = RULES[node.name]
    kept: dict[str, Parameter] = {}
    for child in node.children:
        if child.name != "Parameter":
            reading.warn(child, *unknown_child(child, rule, reading))
            continue
        carry(Element, child, RULES["Parameter"], reading)
        name = lookup(child.attributes, "name")
        if not name:
            reading.warn(child, "A <Parameter> has no name; it is dropped.", 'Write name="…".')
            continue
        if name in kept:
            reading.warn(
                child,
                f"The parameter {quoted(name)} is given twice; the last value stands.",
                "Use each name once: customParameters is an object and can hold one.",
                "name",
            )
        value = lookup(child.attributes, "value") or ""
        kept[name] = Parameter(name, value, reading.line(child))
    return tuple(kept.values())


def _nouns(node: Node, reading: Reading) -> tuple[Noun, ...]:
    rule = RULES[node.name]
    check(node, rule, reading)
    nouns: list[Noun] = []
    for child in node.children:
        below = rule_for(child.name, node.name)
        if below is None:
            _unknown_noun(child, rule, reading)
        elif child.name != "Stream":
            nouns.append(carry(Element, child, below, reading))
        elif node.name == "Stop":
            nouns.append(_stopped(child, below, reading))
        else:
            second = node.name == "Connect" and any(isinstance(noun, Stream) for noun in nouns)
            nouns.append(_started(child, below, reading, owner=node.name, second=second))
    if not node.children:
        reading.warn(
            node,
            f"<{node.name}> is empty and does nothing.",
            "Put a <Stream> into it.",
        )
    return tuple(nouns)


def _unknown_noun(node: Node, parent: Rule, reading: Reading) -> None:
    """14300 is documented for Start and Stop only; under Connect it is a schema warning."""
    message, advice = unknown_child(node, parent, reading)
    if parent.name == "Connect":
        reading.warn(node, message, advice)
    else:
        reading.error(Code.UNKNOWN_NOUN, node, message, advice)


def _stopped(node: Node, rule: Rule, reading: Reading) -> Stream:
    check(node, rule, reading)
    name = lookup(node.attributes, "name")
    if not name:
        reading.warn(
            node,
            "A <Stream> in <Stop> has no name; it stops nothing.",
            "Name the stream in <Start> and in <Stop> alike.",
        )
    return Stream(
        url=lookup(node.attributes, "url"),
        name=name,
        parameters=parameters(node, reading),
        attributes=node.attributes,
        line=reading.line(node),
    )


def _started(node: Node, rule: Rule, reading: Reading, *, owner: str, second: bool) -> Stream:
    check(node, rule, reading)
    refusal = _Refusal(node, reading)
    get = dict(node.attributes).get
    if second:
        refusal.note(
            Code.STREAM_FAILED,
            "A second <Stream> in one <Connect> is refused.",
            "A call has one bidirectional stream at a time: put listeners into <Start>.",
        )
    connector = get("connectorName")
    if connector is not None:
        refusal.note(
            Code.STREAM_CONNECTOR,
            f"There is no connector named {quoted(connector)}.",
            "Connectors live in a Twilio account; give the consumer's url instead.",
            "connectorName",
        )
    connect_url = None if connector is not None and not get("url") else _connect_url(refusal)
    track = _track(get("track"), refusal, owner)
    _check_format(node, reading)
    callback = _status_callback(node, reading)
    callback_method = method(node, "statusCallbackMethod", reading)
    named = parameters(node, reading)
    _check_lengths(node, refusal)
    return Stream(
        url=get("url"),
        connect_url=connect_url,
        name=get("name"),
        track=track,
        status_callback=callback,
        status_callback_method=callback_method,
        connector_name=connector,
        audio_format=get("audioFormat"),
        sample_rate=get("sampleRate"),
        parameters=named,
        attributes=node.attributes,
        refusal=refusal.code,
        refusal_reason=refusal.reason,
        line=reading.line(node),
    )


def _connect_url(refusal: _Refusal) -> str | None:
    reading, node = refusal.reading, refusal.node
    try:
        target = stream_url(
            lookup(node.attributes, "url") or "",
            reading.base_url,
            allow_plain_ws=reading.allow_plain_ws,
        )
    except UrlError as error:
        refusal.note(error.code, error.message, error.advice, "url")
        return None
    if target.dropped:
        example = quoted(target.dropped_names[0] if target.dropped_names else "…")
        reading.warn(
            node,
            "THE QUERY STRING OF THE STREAM'S URL IS DROPPED: your consumer will not see it.",
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
    written = {name: lookup(node.attributes, name) for name in ("audioFormat", "sampleRate")}
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


def _status_callback(node: Node, reading: Reading) -> str | None:
    written = lookup(node.attributes, "statusCallback")
    if not written:
        return None
    absolute = absolute_http(written, reading.base_url)
    if absolute is None:
        reading.warn(
            node,
            "statusCallback is not an absolute http or https URL; it is ignored.",
            "Write an absolute URL such as https://example.com/stream-events.",
            "statusCallback",
        )
    return absolute


def _check_lengths(node: Node, refusal: _Refusal) -> None:
    for child in node.children:
        if child.name != "Parameter":
            continue
        name = lookup(child.attributes, "name") or ""
        size = len(name) + len(lookup(child.attributes, "value") or "")
        if name and size >= _PARAMETER_CHARACTERS:
            refusal.note(
                Code.STREAM_FAILED,
                f"The parameter {quoted(name)} has {size} characters in name and value together.",
                f"Stay under {_PARAMETER_CHARACTERS}: send an id, and let the consumer look it up.",
            )
