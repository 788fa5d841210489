"""What a translation leaves out. A loss is reported, never silent, and never stops the rest."""

from __future__ import annotations

from dataclasses import dataclass

_INSTEAD = {
    "AiSession": "Use <Connect><Stream> and run the session in your own consumer.",
    "Client": "Dial a <Number> or a <Sip> address.",
    "ConversationRelay": "Use <Connect><Stream> with your own speech recognition and synthesis.",
    "Recording": "Use <Record>, or the record attribute of <Dial>.",
    "Siprec": "Use <Start><Stream> with both tracks.",
    "Task": "Keep the task's attributes on your side, by CallSid.",
    "Transcription": "Use <Start><Stream> and transcribe in your own consumer.",
    "sequential": "Dial one number at a time and go on in the action URL.",
}


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing left out: an element, or one attribute of it, why, and what to do instead."""

    element: str
    attribute: str
    line: int
    why: str
    instead: str = ""

    def __str__(self) -> str:
        what = f"{self.element} {self.attribute}".rstrip()
        return f"line {self.line}: <{what}> {self.why} {self.instead}".rstrip()


def no_element(name: str, line: int) -> Loss:
    return Loss(name, "", line, "has no counterpart in cXML.", _INSTEAD.get(name, ""))


def no_attribute(element: str, name: str, line: int) -> Loss:
    return Loss(element, name, line, "has no counterpart in cXML.", _INSTEAD.get(name, ""))
