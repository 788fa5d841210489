"""What can be asked of calls, conferences and recordings, as plain values. Pure.

Names follow Twilio's parameters (T section 11). An empty string, or None, stands for what was not
given. URLs have been checked to be http(s); streams as the document's own are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.store.records import (
    CallRecord,
    ConferenceRecord,
    ParticipantRecord,
    RecordingRecord,
    StreamRecord,
)


class Refusal(Exception):  # noqa: N818 -- an answer, not a fault of ours
    """What cannot be done: Twilio's number, the HTTP status of the answer, and why."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def not_found(what: str) -> Refusal:
    return Refusal(404, 20404, f"The requested resource {what} was not found")


def not_in_progress(what: str) -> Refusal:
    return Refusal(400, 21220, f"Call is not in-progress. Cannot {what}.")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the TwiML of a call comes from: `twiml` as it stands, or else `url`."""

    url: str = ""
    method: str = "POST"
    twiml: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A callback that the customer wants: where, how, and of which events."""

    url: str = ""
    method: str = "POST"
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewRecording:
    """A recording of a call that runs. `channels` is `mono` or `dual`."""

    told: Told = Told()
    channels: str = "mono"
    trim: str = ""
    track: str = "both"


@dataclass(frozen=True, slots=True)
class MachineDetection:
    """Whether to find out who answers. `mode` is `Enable` or `DetectMessageEnd`; the other values
    are as given, empty where they were not."""

    mode: str = ""
    timeout: str = ""
    speech_threshold: str = ""
    speech_end_threshold: str = ""
    silence_timeout: str = ""
    background: str = ""
    told: Told = Told()


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be made. Times are in seconds; `time_limit` None: as long as calls may last."""

    account_sid: str
    to: str
    from_: str
    source: Source
    fallback: Source = Source()
    told: Told = Told()
    timeout: int = 60
    time_limit: int | None = None
    send_digits: str = ""
    caller_id: str = ""
    recording: NewRecording | None = None
    machine: MachineDetection = MachineDetection()
    sip_username: str = ""
    sip_password: str = ""


@dataclass(frozen=True, slots=True)
class CallChange:
    """Changes to a call: what is None stays. `status` is `completed` or `canceled`."""

    source: Source | None = None
    fallback: Source | None = None
    told: Told | None = None
    status: str = ""
    time_limit: int | None = None


@dataclass(frozen=True, slots=True)
class NewStream:
    """A one-way stream of a call. What is None was not given."""

    url: str
    name: str | None = None
    track: str | None = None
    told: Told = Told()
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ConferenceChange:
    """`end`: it ends for all. `announce`: all hear what that says."""

    end: bool = False
    announce: Source | None = None


@dataclass(frozen=True, slots=True)
class ParticipantChange:
    """Changes to one who is in a conference: what is None stays. An empty `coached_sid` ends the
    coaching; music with an empty URL is silence."""

    muted: bool | None = None
    hold: bool | None = None
    hold_music: Source | None = None
    announce: Source | None = None
    wait_music: Source | None = None
    beep_on_exit: bool | None = None
    end_on_exit: bool | None = None
    coached_sid: str | None = None


@dataclass(frozen=True, slots=True)
class NewParticipant:
    """A call that is made to join a conference, which is begun if there is none of that name.
    `recording` is the conference's."""

    call: NewCall
    label: str = ""
    muted: bool = False
    beep: str = "true"
    start_on_enter: bool = True
    end_on_exit: bool = False
    wait_music: Source | None = None
    coached_sid: str = ""
    max_participants: int | None = None
    told: Told = Told()
    recording: NewRecording | None = None


class Telephony(Protocol):
    """Does it. Every method raises Refusal; a sid that is not known is refused with 20404."""

    async def place(self, order: NewCall) -> CallRecord:
        """Begin a call; the record of it as it stands then, `queued` or `ringing`."""
        ...

    async def change(self, sid: str, change: CallChange) -> CallRecord:
        """Give a call another document, end it, or change who is told."""
        ...

    async def start_stream(self, sid: str, order: NewStream) -> StreamRecord: ...

    async def stop_stream(self, sid: str, stream: str) -> StreamRecord:
        """Stop a one-way stream, by its sid or its name."""
        ...

    async def start_recording(self, sid: str, order: NewRecording) -> RecordingRecord: ...

    async def change_recording(
        self, sid: str, recording: str, status: str, pause: str
    ) -> RecordingRecord:
        """`status` is `paused`, `in-progress` or `stopped`, `pause` is `skip` or `silence`;
        `recording` may be `Twilio.CURRENT`, the one that runs."""
        ...

    async def change_conference(self, sid: str, change: ConferenceChange) -> ConferenceRecord: ...

    async def change_conference_recording(
        self, conference: str, recording: str, status: str, pause: str
    ) -> RecordingRecord:
        """As `change_recording`, of a conference."""
        ...

    async def add_participant(self, conference: str, order: NewParticipant) -> ParticipantRecord:
        """`conference` is a sid or a name."""
        ...

    async def change_participant(
        self, conference: str, participant: str, change: ParticipantChange
    ) -> ParticipantRecord:
        """`participant` is the sid of its call, or its label."""
        ...

    async def remove_participant(self, conference: str, participant: str) -> None:
        """Take a participant out; its call goes on with what follows the conference."""
        ...
