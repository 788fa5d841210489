"""Commands about what a caller hears and says."""

from __future__ import annotations

from dataclasses import dataclass

from twiml.actions import Play, Say

# What the caller hears. One prompt at a time; `PlayEnded` tells it over.


@dataclass(frozen=True, slots=True)
class Speak:
    """Speak what is in `say`, `loop` times; 0 is without end."""

    say: Say
    loop: int


@dataclass(frozen=True, slots=True)
class PlayFile:
    """Play the audio at `url`, `loop` times; 0 is without end."""

    play: Play
    url: str
    loop: int


@dataclass(frozen=True, slots=True)
class PlayTones:
    """Send `digits` as DTMF tones, `loop` times; `w` is half a second of silence."""

    play: Play
    digits: str
    loop: int


@dataclass(frozen=True, slots=True)
class PlayMusic:
    """Play music of your own for one who waits, until it is stopped."""


@dataclass(frozen=True, slots=True)
class PlayRinging:
    """Play the ringing tone of a country (`ringTone`; None: any), until it is stopped."""

    tone: str | None


Prompt = Speak | PlayFile | PlayTones | PlayMusic | PlayRinging


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Be silent at once. No `PlayEnded` is needed; a late one is harmless."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class StartEcho:
    """Play the caller's own voice back."""


@dataclass(frozen=True, slots=True)
class StopEcho:
    echo: StartEcho


# What the caller says. Keys are reported always, as `Digits`; no command asks for them.


@dataclass(frozen=True, slots=True)
class Listen:
    """Recognise one utterance of the caller's.

    Report `SpeechStarted` when a voice is heard, `PartialSpeech` for words on the way if `partial`,
    and, once, `SpeechRecognised`. It has ended after `pause_seconds` of silence (None: at the first
    pause, as the recogniser sees it), or `max_seconds` after its first word. Silence before it is
    nobody's concern: a timer runs.
    """

    language: str
    hints: tuple[str, ...]
    pause_seconds: int | None
    max_seconds: int
    profanity_filter: bool
    model: str | None
    partial: bool


@dataclass(frozen=True, slots=True)
class StopListening:
    """The result does not matter any more; a late one is harmless."""

    listen: Listen


Sound = Prompt | StopPlaying | StartEcho | StopEcho | Listen | StopListening
