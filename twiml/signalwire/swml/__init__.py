"""TwiML in SWML, in the dialect that SignalWire documents or the one that its schema accepts."""

from __future__ import annotations

from twiml.signalwire.swml.document import apology, translate
from twiml.signalwire.swml.streams import FAILED_EVENT
from twiml.signalwire.swml.writing import Dialect

__all__ = ["FAILED_EVENT", "Dialect", "apology", "translate"]
