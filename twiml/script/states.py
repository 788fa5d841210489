"""What a script can wait for, on whose leg it runs, and why it ends."""

from __future__ import annotations

from enum import Enum, StrEnum


class State(StrEnum):
    """What the script waits for; the table says what it does about it."""

    READY = "ready"
    RUNNING = "running"
    FETCHING = "fetching"
    ASKING = "asking"
    PAUSING = "pausing"
    PLAYING = "playing"
    ECHOING = "echoing"
    CONNECTED = "connected"
    PROMPTING = "prompting"
    LISTENING = "listening"
    KEYING = "keying"
    SPEAKING = "speaking"
    RECORDING = "recording"
    DIALLING = "dialling"
    JOINING = "joining"
    HOLDING = "holding"
    CONFERRING = "conferring"
    SEEKING = "seeking"
    GREETING = "greeting"
    BRIDGED = "bridged"
    STOPPING = "stopping"
    CLOSING = "closing"
    ENDED = "ended"

    @property
    def meaning(self) -> str:
        return MEANINGS[self]


MEANINGS = {
    State.READY: "nothing has run yet",
    State.RUNNING: "the next verb runs; from outside it is never seen",
    State.FETCHING: "a document has been asked for",
    State.ASKING: "before a wait document is asked for: how the queue stands",
    State.PAUSING: "silence",
    State.PLAYING: "speech or audio is played",
    State.ECHOING: "the caller hears the caller",
    State.CONNECTED: "a two-way stream is open",
    State.PROMPTING: "what is nested in a `<Gather>` is played, and the caller may enter something",
    State.LISTENING: "the prompts are over, nothing has been entered",
    State.KEYING: "a key has been pressed, more may follow",
    State.SPEAKING: "the caller speaks",
    State.RECORDING: "the caller is recorded",
    State.DIALLING: "legs ring, or are screened",
    State.JOINING: "a conference or a queue is entered",
    State.HOLDING: "the caller waits, with music or a document",
    State.CONFERRING: "the conference is heard",
    State.SEEKING: "somebody is taken out of a queue",
    State.GREETING: "one taken out of a queue hears a document first",
    State.BRIDGED: "two calls are connected",
    State.STOPPING: "what was told to end has not reported its end yet",
    State.CLOSING: "the call is over; a last report is still to come, and to be passed on",
    State.ENDED: "nothing more",
}


class HangUpReason(StrEnum):
    """Why the document ends the call."""

    END_OF_DOCUMENT = "end-of-document"
    HANGUP = "hangup"
    REJECTED = "rejected"
    BUSY = "busy"
    FETCH_FAILED = "fetch-failed"
    UNUSABLE = "unusable-document"


class Role(StrEnum):
    """Where a document runs."""

    CALL = "call"
    """On a call of its own."""
    SCREENING = "screening"
    """On a called leg before it is connected: `url` of a noun in `<Dial>`."""
    GREETING = "greeting"
    """On a call just taken out of a queue: `url` of `<Queue>`."""
    QUEUE = "queue"
    """On a call that waits in a queue: `waitUrl` of `<Enqueue>`."""
    CONFERENCE = "conference"
    """On a call that waits for a conference, or is on hold: `waitUrl` of `<Conference>`."""


class Why(Enum):
    """Why a verb is cut short."""

    REPLACED = "replaced"
    """Another document takes over."""
    HUNG_UP = "hung up"
    """The call is over."""
