"""Streams: `<Start>`, `<Stop>`, `<Connect>`, and `<Echo>` as one (S sections 7.2 and 7.5).

Every stream leads to us, whatever the customer wrote. What cannot begin is known to the document
alone, when the call has come to it; a request tells us, who owe the customer a stream-error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from twiml.actions import (
    Connect,
    Echo,
    Element,
    Recording,
    Room,
    Start,
    Stop,
    Stream,
    Transcription,
)
from twiml.signalwire.links import MediaLink
from twiml.signalwire.losses import NEVER_ASKED
from twiml.signalwire.swml.expressions import (
    CONNECT_FAILED,
    STREAM_FAILED,
    TAP_FAILED,
    Step,
    harmless_url,
)
from twiml.signalwire.swml.recordings import record_call
from twiml.signalwire.swml.transcriptions import transcribe, transcribe_no_more
from twiml.signalwire.swml.writing import Writing

_CODEC = "PCMU"
_LISTEN = "-listen"
"""What the second tap of a stream has after the stream's name."""
FAILED_EVENT = "twiml_bridge.stream.failed"
"""`event_type` of our own request when a stream could not begin."""
_CONNECT_SECONDS = 2
_ANSWER_SECONDS = 5
"""How long the document waits for us then; without limits it might wait for ever."""
_NOT_IN_ROOM_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_NOT_STRICT = "has no counterpart in the strict dialect."
_FULL = "The full dialect has it."


def start(writing: Writing, action: Start) -> Iterator[Step]:
    """Begin what runs beside the document."""
    writing.lose_attributes(action)
    for noun in action.children:
        match noun:
            case Stream():
                yield from _one_way(writing, noun)
            case Recording():
                yield from _recording(writing, noun)
            case Transcription():
                yield from transcribe(writing, noun)
            case _:
                writing.lose_element(noun)


def stop(writing: Writing, action: Stop) -> Iterator[Step]:
    """End what runs beside the document, by name; an unknown name does no harm."""
    for noun in action.children:
        match noun:
            case Stream(name=str(name)) if name:
                if writing.full:
                    yield {"stop_stream": {"control_id": name}}
                else:
                    yield {"stop_tap": {"control_id": name}}
                    yield {"stop_tap": {"control_id": name + _LISTEN}}
            case Stream():
                writing.lose(noun, "", "has no name.", "Nothing is stopped.")
            case Recording():
                yield {"stop_record_call": {}}
            case Transcription():
                yield transcribe_no_more(writing, noun)
            case _:
                writing.lose_element(noun)


def connect(writing: Writing, action: Connect) -> Iterator[Step]:
    """Hand the call over; when it comes back, go on at the action's document or the next verb."""
    carried = False
    for noun in action.children:
        match noun:
            case Stream():
                carried = True
                yield from _two_way(writing, noun)
            case Room() if noun.text.strip():
                carried = True
                yield _room(writing, noun)
            case Room():
                writing.lose(noun, "", "has no name.", "Nothing is joined.")
            case _:
                writing.lose_element(noun)
    if action.action and not carried:
        writing.lose(action, "action", NEVER_ASKED, "The call goes on with the next verb.")
    elif link := writing.action(action):
        yield {"transfer": {"dest": link}}


def echo(writing: Writing, action: Echo) -> Iterator[Step]:
    """Hand the call over to an echo of ours, which ends when the caller hangs up."""
    link = writing.links.echo()
    if link is None:
        why = "needs a bridge that sends the audio back."
        instead = "Use <Connect><Stream> with a consumer that sends back what it hears."
        writing.lose(action, "", why, instead)
        return
    yield from _handed_over(writing, action, link, {}, {})


def _refused(writing: Writing, stream: Stream, *, bidirectional: bool) -> Iterator[Step]:
    """In the place of a stream that cannot begin: its stream-error is due when the call is here."""
    url = harmless_url(writing.links.unopened(stream, bidirectional))
    why = f"is refused ({stream.refusal}): {stream.refusal_reason}"
    told = "Its stream-error is reported when the call has come to it."
    writing.lose(stream, "", why, told if url else "It is left out.")
    if url:
        yield _report(url)


def _one_way(writing: Writing, stream: Stream) -> Iterator[Step]:
    if stream.refusal:
        yield from _refused(writing, stream, bidirectional=False)
        return
    writing.lose_attributes(stream, "Start")
    yield from _stream(writing, stream) if writing.full else _taps(writing, stream)


def _stream(writing: Writing, stream: Stream) -> Iterator[Step]:
    link = writing.links.media(stream, False)
    name = _name(writing, stream, link.name)
    keys = {"url": link.url} | _present({"control_id": name, "name": name})
    keys |= {"track": str(stream.track), "codec": _CODEC}
    yield {"stream": keys | _told(link) | _given(writing, stream)}
    yield from _tell_of_failure(writing, STREAM_FAILED, link.status_callback)


def _taps(writing: Writing, stream: Stream) -> Iterator[Step]:
    """One tap for each track: how `both` mixes them is unknown (S section 1.7)."""
    if not writing.links.ours:
        _lose_parameters(writing, stream)
        if stream.status_callback and stream.status_callback_method == "GET":
            why = "has no counterpart for a tap."
            writing.lose(stream, "statusCallbackMethod", why, "SignalWire posts to it.")
    name = _name(writing, stream)
    for number, link in enumerate(writing.links.taps(stream)):
        control_id = name + _LISTEN if name and number else name
        keys = {"uri": link.uri} | _present({"control_id": control_id})
        keys |= {"direction": link.direction, "codec": _CODEC}
        yield {"tap": keys | _present({"status_url": harmless_url(link.status_url)})}
        yield from _tell_of_failure(writing, TAP_FAILED, link.status_url)


def _two_way(writing: Writing, stream: Stream) -> Iterator[Step]:
    if stream.refusal:
        yield from _refused(writing, stream, bidirectional=True)
        return
    writing.lose_attributes(stream, "Connect")
    link = writing.links.media(stream, True)
    if writing.full:
        name = _present({"name": _name(writing, stream, link.name)})
        yield from _handed_over(writing, stream, link, name, _given(writing, stream))
        return
    if not writing.links.ours:
        for attribute in ("name", "statusCallback"):
            if stream.get(attribute):
                writing.lose(stream, attribute, _NOT_STRICT, _FULL)
        _lose_parameters(writing, stream)
    yield from _handed_over(writing, stream, link, {}, {})


def _handed_over(
    writing: Writing,
    element: Element,
    link: MediaLink,
    name: dict[str, str],
    given: dict[str, dict[str, str]],
) -> Iterator[Step]:
    """The call connected to a two-way stream of ours or, in the strict dialect, barely so."""
    keys: dict[str, Any] = {"to": f"stream:{link.url}"}
    if writing.full:
        keys |= name | {"codec": _CODEC, "realtime": True} | _told(link) | given
    else:
        why = "cannot be realtime in the strict dialect."
        instead = "Your audio may be heard late, or not at all; the full dialect is sure."
        writing.lose(element, "", why, instead)
    yield {"connect": keys}
    yield from _tell_of_failure(writing, CONNECT_FAILED, link.status_callback)


def _lose_parameters(writing: Writing, stream: Stream) -> None:
    """Nobody but us could deliver them where a language has no place for them."""
    for parameter in stream.parameters:
        writing.lose(parameter, "", _NOT_STRICT, f"It is not passed on. {_FULL}")


def _told(link: MediaLink) -> dict[str, str]:
    """Whom SignalWire tells of a stream, and what it shows to whom it connects."""
    url = harmless_url(link.status_callback)
    method = link.status_callback_method if url else ""
    return _present(
        {
            "status_url": url,
            "status_url_method": "" if method == "POST" else method,
            "authorization_bearer_token": link.bearer,
        }
    )


def _given(writing: Writing, stream: Stream) -> dict[str, dict[str, str]]:
    parameters = {
        parameter.name: writing.handed_on(parameter.value, parameter, "value")
        for parameter in stream.parameters
    }
    return {"custom_parameters": parameters} if parameters else {}


def _name(writing: Writing, stream: Stream, otherwise: str = "") -> str:
    return writing.handed_on(stream.name, stream, "name") if stream.name else otherwise


def _present(keys: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in keys.items() if value}


def _tell_of_failure(writing: Writing, when: str, url: str) -> Iterator[Step]:
    """Nobody but us would understand it."""
    if not (writing.links.ours and url):
        return
    yield {"cond": [{"when": when, "then": [_report(url)]}]}


def _report(url: str) -> Step:
    return {
        "request": {
            "url": url,
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "body": {"event_type": FAILED_EVENT},
            "timeout": _ANSWER_SECONDS,
            "connect_timeout": _CONNECT_SECONDS,
        }
    }


def _room(writing: Writing, room: Room) -> Step:
    writing.lose_attributes(room, "Connect")
    written = room.text.strip()
    name = _NOT_IN_ROOM_NAMES.sub("_", written)
    if name != written:
        why = "has a name with other characters than letters, digits, _ and -."
        writing.lose(room, "", why, f"The call joins {name}.")
    return {"join_room": {"name": name}}


def _recording(writing: Writing, recording: Recording) -> Iterator[Step]:
    writing.lose_attributes(recording, "Start")
    yield record_call(
        writing, recording, stereo=recording.channels == "dual", track=recording.track
    )
