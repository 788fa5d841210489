"""What is checked of random documents is really checked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.twiml import checks
from twiml.signalwire.losses import Loss
from twiml.signalwire.swml.expressions import ANYTHING_ENTERED, OTHER_PARTY, document


@pytest.mark.parametrize(
    "step",
    [
        {"play": {"url": "say:${call.from}"}},
        {"play": {"urls": ["say:x", "say:%{x}"]}},
        {"send_sms": {"to_number": f"{OTHER_PARTY} ", "body": "x"}},
        {"stream": {"custom_parameters": {"%{a}": "b"}}},
        {"stream": {"custom_parameters": {"when": "${a}"}}},
        {"cond": [{"when": "call.from == 'x'", "then": []}]},
        {"enter_queue": {"transfer_after_bridge": json.dumps(document([{"label": "${x}"}]))}},
    ],
)
def test_a_live_expression_is_found(step: dict[str, Any]) -> None:
    """Wherever it stands: in a list, as a key, in a condition, in a document within."""
    with pytest.raises(AssertionError):
        checks.check_expressions(document([step]))


def test_our_own_expressions_pass() -> None:
    inner = json.dumps(document([{"send_sms": {"to_number": str(OTHER_PARTY)}}]))
    checks.check_expressions(
        document(
            [
                {"cond": [{"when": ANYTHING_ENTERED, "then": []}]},
                {"enter_queue": {"transfer_after_bridge": inner}},
                {"play": {"url": "say:$ {x} % {y}"}},
            ]
        )
    )


@pytest.mark.parametrize(
    "loss", [("", "", 1, "a.", "b."), ("A", "", 1, "a", "b."), ("A", "", 1, "a.", "")]
)
def test_a_loss_without_words_is_found(loss: tuple[str, str, int, str, str]) -> None:
    with pytest.raises(AssertionError):
        checks.check_losses((Loss(*loss),))
