"""Prints docs/settings.md: `.venv/bin/python scripts/settings.py > docs/settings.md`."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.settings import Settings

INTRO = """\
# Settings

Every setting is an environment variable, or a line of the same name in `.env` in the working
directory; the environment wins. An option on the command line wins over both. Names are the same
in upper and lower case. A secret is never printed.

This page is made from `app/settings` by `scripts/settings.py`; a test holds the two together.
"""


def page() -> str:
    """The whole page, with one row for each field of Settings, in their order."""
    prefix = Settings.model_config["env_prefix"]
    rows = ["| Name | Default | Meaning |", "|---|---|---|"]
    rows += [
        f"| `{prefix}{name.upper()}` | {_default(field)} | {_meaning(field)} |"
        for name, field in Settings.model_fields.items()
    ]
    return INTRO + "\n" + "\n".join(rows) + "\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        value = str(value).lower()
    return "" if value in (None, "") else f"`{value}`"


def _meaning(field: FieldInfo) -> str:
    text = (field.description or "").replace("|", "\\|")
    if get_origin(field.annotation) is Literal:
        choices = [f"`{choice}`" for choice in get_args(field.annotation)]
        text += f" {', '.join(choices[:-1])} or {choices[-1]}."
    return text


if __name__ == "__main__":
    print(page(), end="")
