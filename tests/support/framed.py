"""Frames that came out of something, and when."""

from __future__ import annotations


class Framed:
    """Takes frames of audio with their times in ms."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []

    def take(self, frame: bytes, at: int) -> None:
        self.frames.append((at, frame))

    @property
    def audio(self) -> bytes:
        return b"".join(frame for _, frame in self.frames)

    @property
    def times(self) -> list[int]:
        return [at for at, _ in self.frames]
