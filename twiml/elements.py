"""Reading elements: each becomes its class, and what breaks the schema is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from twiml.actions import Element, Parameter, Stream, Text
from twiml.actions.values import MISFIT, Attribute, Kind, spelt
from twiml.diagnostics import UNUSABLE, Code, Diagnostic, Severity
from twiml.document import Limits
from twiml.hints import listed, nearest, quoted
from twiml.schema import RULES, Rule, parents_of
from twiml.source import Node, Source, name_of
from twiml.urls import absolute_http

Content = tuple[str | Element, ...]
_WITH_NOUNS = frozenset({"Start", "Connect", "Stop"})
_NONE = Text.NONE
_14300 = frozenset({"Start", "Stop"})


StreamReader = Callable[["Reading", Node, Rule, str, bool], Stream]
"""Reads a stream. Given beside it: the element it stands in, and whether that holds one already."""


@dataclass(slots=True)
class Reading:
    """One document being read: what holds for all of it, and what has been found so far."""

    source: Source
    limits: Limits
    base_url: str | None
    allow_plain_ws: bool
    read_stream: StreamReader
    started: dict[object, int] = field(default_factory=dict)
    """The one-way streams that have begun, if all goes well: their tracks, by name."""
    _found: list[Diagnostic] = field(default_factory=list)
    _hidden: int = 0
    _namespaced: bool = False
    _depth: int = 1
    _too_deep: bool = False

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
        return rule.kind.of(self.fields(node, rule))

    def fields(self, node: Node, rule: Rule) -> dict[str, Any]:
        """What an element's class is made of, for readers who add something of their own.

        These are `tag`, `attributes`, `content`, `line` and the typed fields that were written.
        """
        attributes = tuple(node.items())
        fields: dict[str, Any] = {
            "tag": rule.name,
            "attributes": attributes,
            "line": self.source.line(node),
        }
        for at, (name, value) in enumerate(attributes):
            attribute = rule.attributes.get(name)
            if attribute is None:
                if name.startswith("{") and fields["attributes"] is attributes:
                    fields["attributes"] = self.source.attributes(node)
                attribute = self._known_attribute(node, rule, fields["attributes"][at][0])
                if attribute is None:
                    continue
            kind = attribute.kind
            if kind is None:
                fields[attribute.field] = value
                continue
            meant = kind.read(value)
            if meant is MISFIT:
                meant = self._misfit(node, attribute, kind, value)
            if meant is not MISFIT:
                fields[attribute.field] = meant
        if self.limits.absolute_actions and "action" in fields:
            self._check_action(node, fields["action"])
        fields["content"] = self._content(node, rule)
        if rule.name in _WITH_NOUNS and not len(node):
            message = f"<{rule.name}> is empty and does nothing."
            self.warn(node, message, "Put a <Stream> into it.")
        return fields

    def name(self, node: Node) -> str:
        """An element's name as written. The first default namespace is reported."""
        name = node.tag
        if not name.startswith("{"):
            return name
        if not node.prefix and not self._namespaced:
            self._namespaced = True
            self.warn(
                node,
                "The document declares a default namespace; it is ignored.",
                "TwiML has no namespace: leave xmlns out.",
            )
        return name_of(node)

    def _content(self, node: Node, rule: Rule) -> Content:
        keep, content, stray = rule.text, list[str | Element](), False
        if (text := node.text) and not (keep is _NONE and text.isspace()):
            stray = self._text(node, text, keep, content)
        if len(node) and self._deeper(node):
            named: dict[str, int] = {}
            for child in node:
                below = rule.children.get(child.tag)
                if below is None:
                    below = self._known(child, rule)
                if below is not None:
                    if below.kind is Stream:
                        second = any(isinstance(part, Stream) for part in content)
                        content.append(self.read_stream(self, child, below, rule.name, second))
                    elif below.kind is Parameter:
                        self._parameter(child, below, content, named)
                    else:
                        content.append(self.element(child, below))
                if (text := child.tail) and not (keep is _NONE and (stray or text.isspace())):
                    stray = self._text(node, text, keep, content)
            self._depth -= 1
        return tuple(content)

    def _deeper(self, node: Node) -> bool:
        """Go down to the children of an element, unless that is too deep."""
        if self._depth < self.limits.max_depth:
            self._depth += 1
            return True
        if not self._too_deep:
            self._too_deep = True
            self.error(
                Code.UNPARSABLE,
                node,
                f"The document is nested more than {self.limits.max_depth} elements deep.",
                "TwiML is a few levels deep: look for a loop in what builds it.",
            )
        return False

    def _text(self, node: Node, text: str, keep: Text, content: list[str | Element]) -> bool:
        """Keep a text or report it; returns whether it was reported: once an element is enough."""
        if keep is _NONE:
            self.warn(
                node,
                f"There is text in <{self.name(node)}>, which takes none; it is ignored.",
                "Put words to be spoken into <Say>.",
            )
            return True
        if keep is Text.MIXED or not text.isspace():
            content.append(text)
        return False

    def _known(self, node: Node, parent: Rule) -> Rule | None:
        """The rule of a child that goes by another name, if only for a namespace; or report it."""
        name = self.name(node)
        rule = parent.children.get(name)
        if rule is None:
            self._unknown(node, name, parent)
        return rule

    def _parameter(
        self, node: Node, rule: Rule, content: list[str | Element], named: dict[str, int]
    ) -> None:
        """Add a parameter to `content`. `named` tells where there the others are, by name."""
        name = node.get("name")
        if not name:
            self.warn(node, "A <Parameter> has no name; it is dropped.", 'Write name="…".')
            return
        at = named.setdefault(name, len(content))
        if at < len(content):
            self.warn(
                node,
                f"The parameter {quoted(name)} is given twice; the last value stands.",
                "Use each name once: customParameters is an object and can hold one.",
                "name",
            )
        content[at : at + 1] = [self.element(node, rule)]

    # What is wrong

    def _unknown(self, node: Node, name: str, parent: Rule) -> None:
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

    def _known_attribute(self, node: Node, rule: Rule, name: str) -> Attribute | None:
        """An attribute by its name as written; or report it."""
        attribute = rule.attributes.get(name)
        if attribute is None:
            advice = "" if self.full else _attribute_advice(name, rule)
            message = f"<{rule.name}> has no attribute {quoted(name)}; it is ignored."
            self.warn(node, message, advice, name)
        return attribute

    def _misfit(self, node: Node, attribute: Attribute, kind: Kind, written: str) -> Any:
        """Report a value that the schema does not have; returns what is meant, or `MISFIT`."""
        name = attribute.name
        meant = kind.lenient(written) if kind.lenient else MISFIT
        if meant is not MISFIT:
            message = f"{name} is {quoted(written)}; it is read as {quoted(spelt(meant))}."
        elif attribute.default in (None, "", ()):
            message = f"{name} is {quoted(written)}; it is ignored."
        else:
            message = f"{name} is {quoted(written)}; {spelt(attribute.default)} is used."
        if not kind.options:
            advice = f"Write {kind.expected}."
        elif (near := nearest(written, kind.options)) and meant is MISFIT:
            advice = f"Did you mean {near}? Upper and lower case count."
        else:
            advice = f"Write {listed(kind.options)}."
        self.warn(node, message, advice, name)
        return meant

    def _check_action(self, node: Node, action: str) -> None:
        if action and absolute_http(action) is None:
            self.error(
                Code.RELATIVE_ACTION,
                node,
                f"The action of <{self.name(node)}> is relative in TwiML that updates a live call.",
                "Write an absolute URL: such TwiML has no URL of its own to read it against.",
                "action",
            )


def _attribute_advice(name: str, rule: Rule) -> str:
    if near := nearest(name, rule.attributes):
        return f"Did you mean {near}? Upper and lower case count."
    if rule.attributes:
        return f"It has {listed(rule.attributes, 'and')}."
    return f"<{rule.name}> has no attributes."


def _clip(name: str) -> str:
    return name if len(name) <= 40 else name[:39] + "…"
