"""What every element is checked for, and how elements we do not interpret are carried along."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

from twiml.actions import Element, lookup
from twiml.diagnostics import UNUSABLE, Code, Diagnostic, Severity
from twiml.document import Limits
from twiml.hints import listed, nearest, quoted
from twiml.places import Places
from twiml.schema import RULES, Rule, Text, parents_of, rule_for
from twiml.source import Node
from twiml.urls import absolute_http

E = TypeVar("E", bound=Element)


@dataclass(slots=True)
class Reading:
    """One document being read: what holds for all of it, and what has been found so far."""

    places: Places
    limits: Limits
    base_url: str | None
    allow_plain_ws: bool
    _found: list[Diagnostic] = field(default_factory=list)
    _hidden: int = 0

    @property
    def full(self) -> bool:
        """Whether findings are only counted from here on; their words need not be composed."""
        return len(self._found) >= self.limits.max_findings

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """Everything noted, in the order it was met."""
        if not self._hidden:
            return tuple(self._found)
        last = Diagnostic(
            Severity.WARNING,
            Code.SCHEMA,
            0,
            0,
            f"{self._hidden} more findings are not listed.",
            "Mend these first.",
        )
        return (*self._found, last)

    def error(
        self, code: Code, node: Node, message: str, advice: str, attribute: str | None = None
    ) -> None:
        """Note an error at an element's start tag, or at an attribute in it."""
        self._note(Diagnostic(Severity.ERROR, code, 0, 0, message, advice), node, attribute)

    def warn(self, node: Node, message: str, advice: str, attribute: str | None = None) -> None:
        """Note a breach of the schema; Twilio reports it (12200) and goes on."""
        self._note(
            Diagnostic(Severity.WARNING, Code.SCHEMA, 0, 0, message, advice), node, attribute
        )

    def line(self, node: Node) -> int:
        return self.places.element(node.index)[0]

    def _note(self, finding: Diagnostic, node: Node, attribute: str | None) -> None:
        if self.full and finding.code not in UNUSABLE:
            self._hidden += 1
            return
        if attribute is None:
            line, column = self.places.element(node.index)
        else:
            line, column = self.places.attribute(node.index, attribute)
        self._found.append(replace(finding, line=line, column=column))


def check(node: Node, rule: Rule, reading: Reading) -> None:
    """Report attributes the schema does not know, text where none belongs, a relative action."""
    for name, _ in node.attributes:
        if name not in rule.attributes:
            reading.warn(
                node,
                f"<{_clip(node.name)}> has no attribute {quoted(name)}; it is ignored.",
                "" if reading.full else _attribute_advice(name, rule),
                name,
            )
    if rule.text is Text.NONE and node.text.strip():
        reading.warn(
            node,
            f"There is text in <{_clip(node.name)}>, which takes none; it is ignored.",
            "Put words to be spoken into <Say>.",
        )
    action = lookup(node.attributes, "action") if "action" in rule.attributes else None
    if action and reading.limits.absolute_actions and absolute_http(action) is None:
        reading.error(
            Code.RELATIVE_ACTION,
            node,
            f"The action of <{node.name}> is relative in TwiML that updates a live call.",
            "Write an absolute URL: such TwiML has no URL of its own to read it against.",
            "action",
        )


def carry(kind: type[E], node: Node, rule: Rule, reading: Reading) -> E:
    """An element whole: attributes, text, children. What the schema does not know is left out."""
    check(node, rule, reading)
    content: list[str | Element] = []
    for part in node.content:
        if isinstance(part, str):
            if rule.text is Text.MIXED or (rule.text is Text.PLAIN and part.strip()):
                content.append(part)
        elif (below := rule_for(part.name, rule.name)) is None:
            reading.warn(part, *unknown_child(part, rule, reading))
        else:
            content.append(carry(Element, part, below, reading))
    return kind(node.name, node.attributes, tuple(content), reading.line(node))


def method(node: Node, name: str, reading: Reading) -> str:
    """The HTTP method in attribute `name`: POST unless GET is written."""
    value = lookup(node.attributes, name)
    if value is None or value in {"GET", "POST"}:
        return value or "POST"
    reading.warn(
        node,
        f"{name} is {quoted(value)}; POST is used.",
        "Write GET or POST, in capitals.",
        name,
    )
    return "POST"


def unknown_child(node: Node, parent: Rule, reading: Reading) -> tuple[str, str]:
    """The message and the advice for an element that may not stand where it does."""
    name = _clip(node.name)
    message = f"<{parent.name}> cannot hold <{name}>; it is left out."
    if reading.full:
        return message, ""
    if ":" in node.name:
        return message, "TwiML has no namespaces: write the name without a prefix."
    if parents := parents_of(node.name):
        return message, f"<{name}> stands in {listed(f'<{parent}>' for parent in parents)}."
    if near := nearest(node.name, parent.children):
        return message, f"Did you mean <{near}>? Upper and lower case count."
    if near := nearest(node.name, RULES):
        parents = tuple(f"<{parent}>" for parent in parents_of(near))
        where = f"stands in {listed(parents)}" if parents else "stands at the root, once"
        return message, f"<{near}> {where}."
    if parent.children:
        return message, f"It can hold {listed((f'<{child}>' for child in parent.children), 'and')}."
    return message, f"<{parent.name}> holds no elements."


def _attribute_advice(name: str, rule: Rule) -> str:
    if near := nearest(name, rule.attributes):
        return f"Did you mean {near}? Upper and lower case count."
    if rule.attributes:
        return f"It has {listed(rule.attributes, 'and')}."
    return f"<{rule.name}> has no attributes."


def _clip(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"
