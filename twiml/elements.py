"""Reading elements: each becomes its class, and what breaks the schema is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from twiml.actions import Attributes, Element, Parameter, Text
from twiml.actions.values import MISFIT, Attribute
from twiml.diagnostics import UNUSABLE, Code, Diagnostic, Severity
from twiml.document import Limits
from twiml.hints import listed, nearest, quoted
from twiml.schema import RULES, Rule, parents_of
from twiml.source import Node, Source, attributes_of, qualified, tag_of
from twiml.urls import absolute_http

Content = tuple[str | Element, ...]
_WITH_NOUNS = frozenset({"Start", "Connect", "Stop"})
_14300 = frozenset({"Start", "Stop"})


@dataclass(frozen=True, slots=True)
class Parts:
    """What an element is made of: attributes as written, typed values, content."""

    attributes: Attributes
    values: dict[str, Any]
    content: Content


Special = Callable[["Reading", Node, Rule, str, bool], Element]
"""Reads an element in a way of its own. Given beside it: the element it stands in, and whether
that holds one like it already."""


@dataclass(slots=True)
class Reading:
    """One document being read: what holds for all of it, and what has been found so far."""

    source: Source
    limits: Limits
    base_url: str | None
    allow_plain_ws: bool
    special: Mapping[str, Special]
    _found: list[Diagnostic] = field(default_factory=list)
    _hidden: int = 0
    _namespaced: bool = False

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

    def _note(self, finding: Diagnostic, node: Node, attribute: str | None) -> None:
        if self.full and finding.code not in UNUSABLE:
            self._hidden += 1
            return
        line, column = self.source.place(node, attribute)
        self._found.append(replace(finding, line=line, column=column))

    # Elements

    def element(self, node: Node, rule: Rule) -> Element:
        """An element whole. What the schema does not know is left out."""
        parts = self.parts(node, rule)
        return rule.kind(
            rule.name, parts.attributes, parts.content, self.source.line(node), **parts.values
        )

    def parts(self, node: Node, rule: Rule) -> Parts:
        """What the element is made of, for readers who add something of their own."""
        attributes, values = self._attributes(node, rule)
        if self.limits.absolute_actions and "action" in values:
            self._check_action(node, values["action"])
        content = self._content(node, rule)
        if rule.name in _WITH_NOUNS and not len(node):
            message = f"<{rule.name}> is empty and does nothing."
            self.warn(node, message, "Put a <Stream> into it.")
        return Parts(attributes, values, content)

    def name(self, node: Node) -> str:
        """An element's name as written. The first default namespace is reported."""
        name = tag_of(node)
        if not name.startswith("{"):
            return name
        if not node.prefix and not self._namespaced:
            self._namespaced = True
            self.warn(
                node,
                "The document declares a default namespace; it is ignored.",
                "TwiML has no namespace: leave xmlns out.",
            )
        return qualified(name, node)

    def _attributes(self, node: Node, rule: Rule) -> tuple[Attributes, dict[str, Any]]:
        values: dict[str, Any] = {}
        written = attributes_of(node)
        for at, (name, value) in enumerate(written):
            attribute = rule.attributes.get(name)
            if attribute is None:
                named = qualified(name, node)
                written = (*written[:at], (named, value), *written[at + 1 :])
                attribute = rule.attributes.get(named)
            if attribute is None:
                self._unknown_attribute(node, rule, written[at][0])
            elif attribute.kind is None:
                values[attribute.field] = value
            else:
                meant = attribute.kind.read(value)
                if meant is MISFIT:
                    meant = self._misfit(node, attribute, value)
                if meant is not MISFIT:
                    values[attribute.field] = meant
        return written, values

    def _content(self, node: Node, rule: Rule) -> Content:
        content: list[str | Element] = []
        named: dict[str, int] = {}
        if node.text:
            self._text(node.text, rule, content)
        if len(node):
            for child in node:
                self._child(child, rule, content, named)
                if child.tail:
                    self._text(child.tail, rule, content)
        if rule.text is Text.NONE:
            self._check_no_text(node, rule)
        return tuple(content)

    def _text(self, text: str, rule: Rule, content: list[str | Element]) -> None:
        if rule.text is Text.MIXED or (rule.text is Text.PLAIN and not text.isspace()):
            content.append(text)

    def _child(
        self, node: Node, rule: Rule, content: list[str | Element], named: dict[str, int]
    ) -> None:
        """Add what a child becomes to `content`. `named`: where there the parameters are."""
        below = rule.children.get(tag_of(node))
        if below is None:
            name = self.name(node)
            below = rule.children.get(name)
            if below is None:
                self.unknown(node, name, rule)
                return
        special = self.special.get(below.name)
        if special is not None:
            second = any(isinstance(part, below.kind) for part in content)
            content.append(special(self, node, below, rule.name, second))
            return
        child = self.element(node, below)
        if not isinstance(child, Parameter):
            content.append(child)
        elif not child.name:
            self.warn(node, "A <Parameter> has no name; it is dropped.", 'Write name="…".')
        else:
            at = named.setdefault(child.name, len(content))
            if at < len(content):
                self._tell_repeated(node, child.name)
            content[at : at + 1] = [child]

    # What is wrong

    def unknown(self, node: Node, name: str, parent: Rule) -> None:
        """Report an element that may not stand where it does; it is left out.

        14300 is documented for Start and Stop only; under Connect it is a schema warning.
        """
        message, advice = self._unknown_child(name, parent)
        if parent.name in _14300:
            self.error(Code.UNKNOWN_NOUN, node, message, advice)
        else:
            self.warn(node, message, advice)

    def _unknown_child(self, written: str, parent: Rule) -> tuple[str, str]:
        name = _clip(written)
        message = f"<{parent.name}> cannot hold <{name}>; it is left out."
        if self.full:
            return message, ""
        if ":" in written:
            return message, "TwiML has no namespaces: write the name without a prefix."
        if parents := parents_of(written):
            return message, f"<{name}> stands in {listed(f'<{parent}>' for parent in parents)}."
        if near := nearest(written, parent.children):
            return message, f"Did you mean <{near}>? Upper and lower case count."
        if near := nearest(written, RULES):
            parents = tuple(f"<{parent}>" for parent in parents_of(near))
            where = f"stands in {listed(parents)}" if parents else "stands at the root, once"
            return message, f"<{near}> {where}."
        if parent.children:
            held = listed((f"<{child}>" for child in parent.children), "and")
            return message, f"It can hold {held}."
        return message, f"<{parent.name}> holds no elements."

    def _unknown_attribute(self, node: Node, rule: Rule, name: str) -> None:
        advice = "" if self.full else _attribute_advice(name, rule)
        message = f"<{rule.name}> has no attribute {quoted(name)}; it is ignored."
        self.warn(node, message, advice, name)

    def _misfit(self, node: Node, attribute: Attribute, written: str) -> Any:
        """Report a value that the schema does not have; returns what is meant, or `MISFIT`."""
        kind, name = attribute.kind, attribute.name
        assert kind is not None
        meant = kind.lenient(written) if kind.lenient else MISFIT
        if meant is not MISFIT:
            message = f"{name} is {quoted(written)}; it is read as {quoted(_shown(meant))}."
        elif attribute.default in (None, "", ()):
            message = f"{name} is {quoted(written)}; it is ignored."
        else:
            message = f"{name} is {quoted(written)}; {_shown(attribute.default)} is used."
        if not kind.options:
            advice = f"Write {kind.expected}."
        elif (near := nearest(written, kind.options)) and meant is MISFIT:
            advice = f"Did you mean {near}? Upper and lower case count."
        else:
            advice = f"Write {listed(kind.options)}."
        self.warn(node, message, advice, name)
        return meant

    def _check_no_text(self, node: Node, rule: Rule) -> None:
        texts = [node.text, *(child.tail for child in node)] if len(node) else [node.text]
        if any(text and not text.isspace() for text in texts):
            self.warn(
                node,
                f"There is text in <{rule.name}>, which takes none; it is ignored.",
                "Put words to be spoken into <Say>.",
            )

    def _tell_repeated(self, node: Node, name: str) -> None:
        self.warn(
            node,
            f"The parameter {quoted(name)} is given twice; the last value stands.",
            "Use each name once: customParameters is an object and can hold one.",
            "name",
        )

    def _check_action(self, node: Node, action: str) -> None:
        if action and absolute_http(action) is None:
            self.error(
                Code.RELATIVE_ACTION,
                node,
                f"The action of <{self.name(node)}> is relative in TwiML that updates a live call.",
                "Write an absolute URL: such TwiML has no URL of its own to read it against.",
                "action",
            )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _attribute_advice(name: str, rule: Rule) -> str:
    if near := nearest(name, rule.attributes):
        return f"Did you mean {near}? Upper and lower case count."
    if rule.attributes:
        return f"It has {listed(rule.attributes, 'and')}."
    return f"<{rule.name}> has no attributes."


def _clip(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"
