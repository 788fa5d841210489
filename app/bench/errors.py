"""Why a benchmark, or a part of it, cannot be run."""

from __future__ import annotations


class BenchError(Exception):
    """The message says what is missing or went wrong, in one sentence or a few lines."""


class MissingError(BenchError):
    """A peer needs what is not to be had here."""


class BuildError(BenchError):
    """A program could not be built; the message has the compiler's first lines."""


class ChildError(BenchError):
    """A process of the benchmark did not do what it is for; the message says which and how."""


class CarrierError(BenchError):
    """The service did not answer a call as it must; the message says how."""
