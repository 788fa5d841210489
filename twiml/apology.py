"""What a caller hears when there is no document to go on with (T section 9)."""

from __future__ import annotations

from twiml.actions import Say
from twiml.document import Document

APOLOGY = "Sorry, an application error keeps this call from going on. Goodbye."

APOLOGISING = Document((Say(content=(APOLOGY,)),))
"""The document that is run then."""
