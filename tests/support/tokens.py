"""Tokens that nobody issued."""

from __future__ import annotations


def forged(token: str) -> str:
    """A token, or what ends with one, that differs in its signature.

    Not in its last character, some bits of which say nothing.
    """
    at = len(token) - 20
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
