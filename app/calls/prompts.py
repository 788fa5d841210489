"""What a caller hears of the document itself: speech, files, tones, music, their own voice."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app.calls.shell import Desk, Does
from bridge.engine.line import Source
from bridge.engine.prompt import Prompt as Playing
from bridge.engine.prompt import pieces_of
from bridge.engine.say import repeated
from bridge.errors import BridgeError, CustomerError
from bridge.sound.dtmf import digit_pieces
from bridge.sound.music import waiting_music
from bridge.sound.speech import speech_of
from bridge.sound.tones import ringing
from twiml import script
from twiml.actions import Play, Say
from twiml.script import PlayEnded, PlayFile, PlayMusic, PlayRinging, PlayTones, Speak, StopPlaying

_ENDLESS = 1000
"""What `loop="0"` means for tones, as for files (T section 1)."""


class Prompts:
    """One prompt at a time; whatever plays is cut off by the next."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._now: script.Prompt | None = None
        self._echo: script.StartEcho | None = None
        self.underruns = 0
        self.does: Does = {
            Speak: self._speak,
            PlayFile: self._play_file,
            PlayTones: self._play_tones,
            PlayMusic: self._play_music,
            PlayRinging: self._play_ringing,
            StopPlaying: self._stop,
            script.StartEcho: self._start_echo,
            script.StopEcho: self._stop_echo,
        }

    def close(self) -> None:
        """The document is over."""
        self._silence()
        if self._echo is not None and self._desk.line.party is self._desk.line:
            self._desk.line.party = None

    # What is played

    def _speak(self, command: Speak) -> None:
        sounds = self._desk.service.sounds
        speech = speech_of(command.say)
        self._begin(command, command.say, repeated(sounds.synthesiser, speech, command.loop))

    def _play_file(self, command: PlayFile) -> None:
        player = self._desk.service.sounds.player
        self._begin(command, command.play, player.play(command.url, command.loop))

    def _play_tones(self, command: PlayTones) -> None:
        try:
            tones = tuple(digit_pieces(command.digits))
        except ValueError as error:
            self._desk.skipped(command.play, str(error))
            self._desk.post(PlayEnded(command, failed=True))
            return
        self._begin(command, command.play, pieces_of(*tones * (command.loop or _ENDLESS)))

    def _play_music(self, command: PlayMusic) -> None:
        self._sound(command, waiting_music())

    def _play_ringing(self, command: PlayRinging) -> None:
        self._sound(command, ringing(command.tone))

    def _begin(
        self, command: script.Prompt, verb: Say | Play, pieces: AsyncIterator[bytes]
    ) -> None:
        desk = self._desk

        def finished(error: BridgeError | None) -> None:
            self.underruns += playing.underruns
            if self._now is command:
                self._silence()
            if error is not None:
                code = error.code if isinstance(error, CustomerError) else 0
                desk.tell(
                    "prompt.failed",
                    "error",
                    verb=verb.tag,
                    line=verb.line,
                    code=code,
                    message=error.message if isinstance(error, CustomerError) else str(error),
                )
            else:
                desk.tell("prompt.ended", verb=verb.tag, frames=playing.played)
            desk.post(PlayEnded(command, failed=error is not None))

        playing = Playing(pieces, finished)
        desk.tell("prompt.began", verb=verb.tag, line=verb.line)
        self._sound(command, playing)

    def _sound(self, command: script.Prompt, source: Source) -> None:
        self._silence()
        self._now = command
        self._desk.line.prompt = source

    def _stop(self, command: StopPlaying) -> None:
        if command.prompt is self._now:
            self._silence()

    def _silence(self) -> None:
        playing, self._desk.line.prompt, self._now = self._desk.line.prompt, None, None
        if isinstance(playing, Playing):
            self.underruns += 0 if playing.over else playing.underruns
            playing.cancel()

    # The caller's own voice

    def _start_echo(self, command: script.StartEcho) -> None:
        self._echo = command
        self._desk.line.party = self._desk.line

    def _stop_echo(self, command: script.StopEcho) -> None:
        if self._echo is command.echo:
            self._echo = self._desk.line.party = None
