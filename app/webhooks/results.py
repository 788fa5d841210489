"""What came of a verb, as the parameters that Twilio adds to the request for what follows. Pure.

SWML leaves results in script variables (S sections 1.4 and 7.3), which come with the next webhook;
what they lack is in the call's `Facts`. A parameter of which neither says anything is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.facts import Dialled, Facts, Queued
from app.webhooks.swmlcall import SwmlCall
from bridge.callbacks import FormFields
from bridge.ids import alias

_DIAL_FAILURES = MappingProxyType(
    {
        "busy": "busy",
        "declined": "busy",
        "no-answer": "no-answer",
        "noanswer": "no-answer",
        "timeout": "no-answer",
        "cancel": "canceled",
        "canceled": "canceled",
        "cancelled": "canceled",
    }
)
"""Why nobody was put through, in Twilio's words; everything else is `failed`."""
_CONFERENCE_RESULTS = frozenset({"completed", "answered", "no-answer", "failed", "canceled"})
_QUEUE_RESULTS = MappingProxyType(
    {
        "connected": "bridged",
        "connecting": "bridging-in-process",
        "leaving": "leave",
        "timeout": "leave",
        "hangup": "hangup",
        "failed": "system-error",
    }
)


@dataclass(frozen=True, slots=True)
class Result:
    """A verb that is over: the webhook that says so, and what its events told.

    Times are in seconds since the epoch, by our clock: `since` the verb's document was answered,
    before which nothing can be of this verb, and `now`, when the webhook came.
    """

    call: SwmlCall
    facts: Facts
    since: float
    now: float

    def variable(self, name: str) -> str:
        return self.call.variables.get(name, "")

    @property
    def dialled(self) -> Dialled | None:
        dialled = self.facts.dialled
        return dialled if dialled and dialled.heard >= self.since else None

    @property
    def queued(self) -> Queued:
        queued = self.facts.queued
        return queued if queued and queued.heard >= self.since else Queued(self.now)


def result_fields(verb: str, attribute: str, result: Result) -> FormFields:
    """The parameters beside the standard ones, for the URL in `attribute` of `verb`."""
    fields = _FIELDS.get((verb, attribute))
    return fields(result) if fields else ()


def _gather(result: Result) -> FormFields:
    value = result.variable("prompt_value")
    match result.variable("prompt_result"):
        case "match_digits":
            return (("Digits", value.removesuffix(result.variable("prompt_digit_terminator"))),)
        case "match_speech":
            confidence = result.variable("prompt_speech_confidence")
            return (("SpeechResult", value), *_given("Confidence", confidence))
    return ()


def _record(result: Result) -> FormFields:
    url = result.variable("record_url")
    if not url:
        return ()
    fields = [("RecordingUrl", url)]
    recorded = result.facts.recording(url, result.since)
    if recorded is not None:
        seconds = recorded.seconds
        if seconds is None and not recorded.finished:
            seconds = recorded.span.seconds(result.now)  # its end is not reported yet: nearly that
        fields += _given("RecordingSid", _alias("RE", recorded.recording_id))
        fields += _given("RecordingDuration", _shown(seconds))
    return tuple(fields)


def _dial(result: Result) -> FormFields:
    dialled = result.dialled
    peer_id = (dialled.peer_id if dialled else "") or result.call.peer_id
    seconds = dialled.talk.seconds(result.now) if dialled else None
    return (
        *_given("DialCallStatus", _dial_status(result, peer_id)),
        *_given("DialCallSid", _alias("CA", peer_id)),
        *_given("DialCallDuration", _shown(seconds)),
        *_given("RecordingUrl", result.variable("record_call_url")),
    )


def _dial_status(result: Result, peer_id: str) -> str:
    conference = result.variable("join_conference_result")
    connect = result.variable("connect_result")
    # Both are there when the script has dialled twice; the last verb's is `return_value` too.
    if conference in _CONFERENCE_RESULTS and (
        not connect or result.variable("return_value") == conference
    ):
        return conference
    if connect == "connected":
        return "completed"
    if connect != "failed":
        return ""
    leg = result.facts.legs.get(peer_id)
    for reason in (
        result.variable("connect_failed_reason"),
        result.dialled.failed_reason if result.dialled else "",
        leg.end_reason if leg else "",
    ):
        if status := failure(reason):
            return status
    return "failed"


def failure(reason: str) -> str:
    """Twilio's word for why a call was not answered; empty when the reason is not known."""
    return _DIAL_FAILURES.get(reason.strip().lower().replace("_", "-").replace(" ", "-"), "")


def _enqueue(result: Result) -> FormFields:
    queued, word = result.queued, result.variable("queue_result")
    if word in ("", "entering"):
        word = queued.result or word
    return (
        *_given("QueueResult", _QUEUE_RESULTS.get(word, "error") if word else ""),
        *_given("QueueSid", _alias("QU", queued.queue_id)),
        *_given("QueueTime", _queue_time(result)),
    )


def _waiting(result: Result) -> FormFields:
    queued = result.queued
    return (
        *_given("QueuePosition", _shown(queued.position) or result.variable("entry_position")),
        *_given("QueueSid", _alias("QU", queued.queue_id)),
        *_given("QueueTime", _queue_time(result)),
        *_given("AvgQueueTime", _shown(queued.average)),
        *_given("CurrentQueueSize", _shown(queued.size) or result.variable("entry_size")),
    )


def _queue_time(result: Result) -> str:
    return _shown(result.queued.wait.seconds(result.now)) or result.variable("wait_time")


def _refer(result: Result) -> FormFields:
    response = result.variable("sip_refer_response_code")
    notified = result.variable("sip_refer_to_response_code")
    return (
        *_given("ReferCallStatus", _refer_status(response, notified)),
        *_given("ReferSipResponseCode", response),
        *_given("NotifySipResponseCode", notified),
    )


def _refer_status(response: str, notified: str) -> str:
    """Twilio's word for the transfer: its `<Refer>` page has them by response code."""
    if response and not response.startswith("2"):
        return "failed"
    match notified:
        case "":
            return ""
        case "486" | "600":
            return "busy"
        case "487":
            return "no-answer"
    return {"1": "canceled", "2": "in-progress"}.get(notified[0], "failed")


def _given(name: str, value: str) -> FormFields:
    return ((name, value),) if value else ()


def _alias(prefix: str, foreign: str) -> str:
    return alias(prefix, foreign) if foreign else ""


def _shown(value: int | None) -> str:
    return "" if value is None else str(value)


_FIELDS: Mapping[tuple[str, str], Callable[[Result], FormFields]] = MappingProxyType(
    {
        ("Gather", "action"): _gather,
        ("Record", "action"): _record,
        ("Dial", "action"): _dial,
        ("Enqueue", "action"): _enqueue,
        ("Enqueue", "waitUrl"): _waiting,
        ("Refer", "action"): _refer,
    }
)
