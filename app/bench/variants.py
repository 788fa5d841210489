"""The service's settings in a benchmark, as they are typed on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.bench.errors import BenchError
from app.settings import Settings

Environment = Mapping[str, str]
_PREFIX = str(Settings.model_config["env_prefix"])


def variable(written: str) -> tuple[str, str]:
    """`VARIABLE=VALUE`; raises BenchError for another form, or a setting that there is not."""
    name, found, value = written.partition("=")
    if not found or not name.isidentifier():
        raise BenchError(f"a variable is given as NAME=VALUE, not {written!r}")
    if name.startswith(_PREFIX) and name.removeprefix(_PREFIX).lower() not in Settings.model_fields:
        raise BenchError(f"there is no setting {name}")
    return name, value


def environment(written: Sequence[str]) -> Environment:
    """Each `VARIABLE=VALUE`."""
    return dict(map(variable, written))


def variants(written: Sequence[str]) -> dict[str, Environment]:
    """Each `NAME:VARIABLE=VALUE`: a candidate's name and, said once or more, its variables."""
    found: dict[str, dict[str, str]] = {}
    for text in written:
        name, colon, rest = text.partition(":")
        if not colon or not name.strip():
            raise BenchError(f"--also is given as NAME:VARIABLE=VALUE, not {text!r}")
        found.setdefault(name.strip(), {}).update((variable(rest),))
    return dict(found)
