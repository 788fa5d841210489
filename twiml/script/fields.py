"""The parameters that a verb's result adds to the request for what follows, with Twilio's names.

From Twilio's pages of `<Gather>`, `<Record>`, `<Dial>`, `<Enqueue>` and `<Queue>`; what is not
known is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from twiml.script.commands import Fields
from twiml.script.events import QueueState, QueueTaken, RecordingFinished


def filled(fields: Mapping[str, str]) -> Fields:
    """Those that say something, in order."""
    return tuple((name, value) for name, value in fields.items() if value)


def gathered(digits: str = "", speech: str = "", confidence: float | None = None) -> Fields:
    """What was entered; nothing at all when nothing was."""
    return filled(
        {
            "Digits": digits,
            "SpeechResult": speech,
            "Confidence": str(confidence) if speech and confidence is not None else "",
        }
    )


def partial(text: str, sequence: int) -> Fields:
    """The words so far; `sequence` counts the requests of one `<Gather>` from 0."""
    return (("UnstableSpeechResult", text), ("SequenceNumber", str(sequence)))


def recorded(finished: RecordingFinished, digits: str) -> Fields:
    """`digits` is the key that ended the recording, or `hangup`."""
    return filled(
        {
            "RecordingUrl": finished.url,
            "RecordingSid": finished.sid,
            "RecordingDuration": str(finished.seconds),
            "Digits": digits,
        }
    )


def dialled(
    status: str,
    *,
    bridged: bool,
    call_sid: str = "",
    seconds: int | None = None,
    recording_url: str = "",
    queue: Fields = (),
) -> Fields:
    """`seconds` is None when nobody answered."""
    known = {
        "DialCallStatus": status,
        "DialCallSid": call_sid,
        "DialCallDuration": "" if seconds is None else str(seconds),
        "DialBridged": "true" if bridged else "false",
        "RecordingUrl": recording_url,
    }
    return filled(known) + queue


def queued(result: str, sid: str = "", seconds: int | None = None) -> Fields:
    """How a stay in a queue ended; without sid and time if it never began."""
    return filled({"QueueResult": result, **dict(_stay(sid, seconds))})


def waited(sid: str, seconds: int) -> Fields:
    return filled(dict(_stay(sid, seconds)))


def _stay(sid: str, seconds: int | None) -> Iterator[tuple[str, str]]:
    yield "QueueSid", sid
    yield "QueueTime", "" if seconds is None else str(seconds)


def waiting(state: QueueState) -> Fields:
    """For a document that is heard while waiting."""
    return (
        ("QueuePosition", str(state.position)),
        ("QueueSid", state.sid),
        ("QueueTime", str(state.seconds)),
        ("AvgQueueTime", str(state.average_seconds)),
        ("CurrentQueueSize", str(state.size)),
        ("MaxQueueSize", str(state.max_size)),
    )


def taken(event: QueueTaken) -> Fields:
    """For the document that a caller hears before being connected; the spelling is Twilio's."""
    return (
        ("QueueSid", event.sid),
        ("QueueTime", str(event.seconds)),
        ("DequeingCallSid", event.taker_sid),
    )
