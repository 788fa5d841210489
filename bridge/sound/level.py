"""How loud a call is, and when somebody speaks: for `<Record timeout>`, for barge-in, for the end
of speech."""

from __future__ import annotations

from bridge.audio import FRAME_MS, audioop

_SPEECH_RMS = 260
"""Some -42 dB below full scale: an ordinary voice on the telephone has -30 to -15."""

_ABOVE_NOISE = 3.0
"""A voice is so many times (10 dB) louder than the line's own noise."""

_RISE, _RISE_UNDER_SPEECH = 1.005, 1.0008
"""How fast the noise is thought to grow, per frame: twice as loud in three seconds; what sounds
like speech without a pause is taken for noise in half a minute or so."""

_BEGIN_MS = 60
"""So long it must last to be a voice and no click."""

_HOLD_MS = 240
"""A pause shorter than this is within a word or between two."""


def rms_of(frame: bytes) -> int:
    """The level of a mu-law frame as the root mean square of 16-bit samples."""
    return audioop.rms(audioop.ulaw2lin(frame, 2), 2)


class SpeechMeter:
    """Follows one direction of a call, frame by frame.

    `speaking` is whether somebody speaks now; `spoken_ms` how much speech there has been in all;
    `silent_ms` how long there has been none, from the beginning or since the last. The threshold is
    `floor` (RMS) or 10 dB above the line's noise, whichever is louder.
    """

    def __init__(self, floor: int = _SPEECH_RMS) -> None:
        self.speaking = False
        self.spoken_ms = 0
        self.silent_ms = 0
        self._floor = floor
        self._noise = 0.0
        self._loud_ms = 0
        self._quiet_ms = 0

    @property
    def heard_speech(self) -> bool:
        """Whether anybody has spoken at all."""
        return self.spoken_ms > 0

    def feed(self, frame: bytes) -> None:
        """The next 20 ms."""
        rms = rms_of(frame)
        loud = rms > max(self._floor, _ABOVE_NOISE * self._noise)
        self._follow(rms, _RISE_UNDER_SPEECH if loud else _RISE)
        if loud:
            self._loud_ms += FRAME_MS
            self._quiet_ms = 0
        else:
            self._quiet_ms += FRAME_MS
            if not self.speaking or self._quiet_ms >= _HOLD_MS:
                self._loud_ms = 0
        if not self.speaking and self._loud_ms >= _BEGIN_MS:
            self.speaking = True
            self.spoken_ms += self._loud_ms - FRAME_MS
        elif self.speaking and self._quiet_ms >= _HOLD_MS:
            self.speaking = False
        if self.speaking:
            self.spoken_ms += FRAME_MS
            self.silent_ms = self._quiet_ms
        else:
            self.silent_ms += FRAME_MS

    def _follow(self, rms: int, rise: float) -> None:
        """The noise is the quietest there is between words: down at once, up slowly."""
        if self._noise == 0.0:
            self._noise = min(float(rms), self._floor / _ABOVE_NOISE)
        elif rms < self._noise:
            self._noise = max(1.0, 0.9 * self._noise + 0.1 * rms)
        else:
            self._noise = min(float(rms), self._noise * rise)
