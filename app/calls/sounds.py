"""What makes, decodes, understands and keeps sound, shared by all calls of a service."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import httpx

from bridge.engine.play import Player
from bridge.engine.recognise import SphinxRecogniser
from bridge.engine.say import EspeakSynthesiser
from bridge.sound.recognition import Recogniser
from bridge.sound.speech import Synthesiser

_DISKS = 4
"""Threads that write recordings."""

_ENCODERS = 2
"""Threads that make MP3s of them when they are whole: work for a processor, not for a disk."""


class Sounds:
    """One per service; close it when the service ends.

    `recordings` is the directory that recordings are kept in. `recogniser` is None where the extra
    `speech` is not installed; `recognisers` is how many utterances it understands at once.
    Processes are begun when they are first needed.
    """

    def __init__(
        self, client: httpx.AsyncClient, recordings: Path, *, local: bool, recognisers: int = 2
    ) -> None:
        self._espeak = EspeakSynthesiser()
        self.synthesiser: Synthesiser = self._espeak
        self.player = Player(client, files=local)
        self.recordings = recordings
        self.threads = ThreadPoolExecutor(_DISKS, thread_name_prefix="recording")
        self.encoders = ThreadPoolExecutor(_ENCODERS, thread_name_prefix="mp3")
        installed = find_spec("pocketsphinx") is not None
        self._sphinx = SphinxRecogniser(processes=recognisers) if installed else None
        self.recogniser: Recogniser | None = self._sphinx

    async def close(self) -> None:
        await self._espeak.close()
        if self._sphinx is not None:
            await self._sphinx.close()
        self.player.close()
        await asyncio.to_thread(self.threads.shutdown)
        await asyncio.to_thread(self.encoders.shutdown, cancel_futures=True)
