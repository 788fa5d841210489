"""Random documents for as long as one likes: `make fuzz`, ten minutes unless told otherwise.

Each round draws documents of four kinds: valid ones, nearly valid ones, answers with all sorts of
content types, and noise. All are read under all limits, linted and translated into every language
that we have; `checks` says what must hold. The seed is printed first and again with a failure,
and gives the same documents again: a document that failed is found, made as short as possible,
printed, and belongs into fixtures/twiml once it is mended.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.twiml import checks
from tests.twiml.generator import BASE, Sample, samples
from tests.twiml.mutations import answers, near_misses
from twiml.parser import parse

_EXAMPLES = 200


def _valid(sample: Sample) -> None:
    document = parse(sample.data, base_url=BASE)
    assert document.actions == sample.actions
    assert tuple(sorted(found.code for found in document.diagnostics)) == sample.codes
    checks.check(sample.data)


def _answer(answer: tuple[str | None, bytes]) -> None:
    checks.check_answer(*answer)


KINDS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "valid": (samples(), _valid),
    "nearly valid": (near_misses(), checks.check),
    "answers": (answers(), _answer),
    "noise": (st.binary(max_size=200) | st.text(max_size=200), checks.check),
}


def round_of(kind: str, first: int, examples: int, counts: Counter[str]) -> None:
    """One round of a kind; raises what went wrong, with the shortest document that shows it."""
    strategy, check = KINDS[kind]

    def fuzz(data: Any) -> None:
        counts[kind] += 1
        check(data)

    at_leisure = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(first)(at_leisure(given(strategy)(fuzz)))()


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz until the time is over or something fails; at least one round of each kind."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Read and translate random TwiML.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--examples", type=int, default=_EXAMPLES, help="in a round of a kind")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    began, counts, rounds = time.monotonic(), Counter[str](), 0
    while not rounds or time.monotonic() - began < options.minutes * 60:
        for kind in KINDS:
            try:
                round_of(kind, options.seed + rounds, options.examples, counts)
            except KeyboardInterrupt:
                return _told(counts, began, 130)
            except Exception:  # noqa: BLE001
                traceback.print_exc()
                print(f"FAILED: {kind}. Again: --seed {options.seed + rounds} --minutes 0")
                return _told(counts, began, 1)
        rounds += 1
    return _told(counts, began, 0)


def _told(counts: Counter[str], began: float, status: int) -> int:
    each = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    print(f"{counts.total():,} documents in {time.monotonic() - began:.0f} s: {each}")
    return status


if __name__ == "__main__":
    sys.exit(main())
