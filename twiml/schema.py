"""The voice schema: which elements TwiML has, where they may stand, what they may carry.

From Twilio's helper libraries (twilio-python 9.13.0, twilio-node 6.2.0). The classes of
`twiml.actions` declare it, each for its element; here it is put together for look-ups. Names are
case-sensitive.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from twiml import actions
from twiml.actions import Element, Text
from twiml.actions.values import Attribute, attributes_of

__all__ = ["ROOT", "RULES", "Attribute", "Rule", "Text", "parents_of", "rule_for"]

_VERBS = (
    "Connect Dial Echo Enqueue Gather Hangup Leave Pause Pay Play Prompt Queue Record Redirect "
    "Refer Reject Say Sms Start Stop"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What the schema says about one element; `kind` is the class that it becomes.

    `children` maps the name of each element that may stand in it to that element's rule.
    """

    name: str
    kind: type[Element]
    attributes: Mapping[str, Attribute]
    children: dict[str, Rule]
    text: Text

    @property
    def plain(self) -> frozenset[str]:
        """The names of the attributes whose text is taken as it is."""
        return frozenset(name for name, known in self.attributes.items() if known.kind is None)


def _rule(kind: type[Element]) -> Rule:
    # A class's `tag` is the default of that field, not an attribute of the class.
    name = inspect.signature(kind).parameters["tag"].default
    return Rule(name, kind, attributes_of(kind), {}, kind.TEXT)


_REFER_SIP = _rule(actions.ReferSip)

ROOT = Rule("Response", Element, {}, {}, Text.NONE)

RULES = MappingProxyType(
    {ROOT.name: ROOT}
    | {
        rule.name: rule
        for rule in map(_rule, actions.ELEMENTS)
        if rule.kind is not actions.ReferSip
    }
)


def _adopt(rule: Rule, names: str) -> None:
    for name in names.split():
        rule.children[name] = RULES[name]


for _each in RULES.values():
    _adopt(_each, _VERBS if _each is ROOT else _each.kind.CHILDREN)
RULES["Refer"].children["Sip"] = _REFER_SIP

_PARENTS = MappingProxyType(
    {name: tuple(rule.name for rule in RULES.values() if name in rule.children) for name in RULES}
)


def rule_for(name: str, parent: str) -> Rule | None:
    """The rule of an element below `parent`; None when it is unknown or may not stand there."""
    return RULES[parent].children.get(name)


def parents_of(name: str) -> tuple[str, ...]:
    """The elements that `name` may stand in; empty for the root and for unknown names."""
    return _PARENTS.get(name, ())
