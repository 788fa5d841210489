"""Twilio's REST under `/2010-04-01`, so that a customer's own client code controls calls here."""

from app.rest.door import answer_refusals, create_router

__all__ = ["answer_refusals", "create_router"]
