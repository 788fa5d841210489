"""What every translation gives, whatever the language."""

from __future__ import annotations

from dataclasses import dataclass

from twiml.actions import Stream
from twiml.document import FETCHED
from twiml.signalwire.losses import Loss

MAX_BYTES = FETCHED.max_bytes


@dataclass(frozen=True, slots=True)
class Translation:
    """A document for SignalWire, and what of the TwiML is not in it.

    `refused` are the streams left out for a fault of their own that the call could have reached,
    each with whether it is bidirectional. A language in which the document can tell of them itself,
    when it comes to them, has none.
    """

    output: str
    losses: tuple[Loss, ...] = ()
    refused: tuple[tuple[Stream, bool], ...] = ()

    @property
    def too_large(self) -> bool:
        """Whether SignalWire would refuse it: "Document at most 64 kB" (11750)."""
        return too_large(self.output)


def too_large(output: str) -> bool:
    return len(output.encode()) > MAX_BYTES


def size_loss() -> Loss:
    """The loss that goes with a document that is too large."""
    why = f"makes a document too large: over {MAX_BYTES} bytes."
    return Loss("Response", "", 0, why, "On a call the caller hears an apology instead.")
