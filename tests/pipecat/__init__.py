"""Pipecat, in an environment of its own, as the customer's app of a call."""
