"""The JSON messages of the sockets we speak on, one module per dialect. Pure."""


def shown(value: object) -> str:
    """A peer's value as a fault names it: a string's beginning, a number; of the rest the type."""
    if isinstance(value, str):
        return repr(value[:40])
    return f"a {type(value).__name__}" if isinstance(value, list | dict) else repr(value)
