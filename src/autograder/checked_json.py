"""JSON that crosses processes and files: what is read is checked before it is believed."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, cast

T = TypeVar("T")
SCALARS: Mapping[Any, Any] = {str: str, bool: bool, int: int, float: int | float}


def versioned(raw: bytes, what: str, version: int) -> dict[str, Any]:
    """Return an object of JSON without its version.

    Raises:
        ValueError: it is no object, or one of another version.
    """
    try:
        values = json.loads(raw)
    except ValueError as error:
        raise ValueError(f"not a {what}: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"not a {what}: no object")
    if (other := values.pop("version", None)) != version:
        raise ValueError(f"not a {what}: of version {other}, not {version}")
    return values


def construct(cls: type[T], values: Mapping[str, Any]) -> T:
    """Return a dataclass of its fields by name.

    Raises:
        ValueError: it lacks some of them, has others, or a text where there should be a number.
    """
    for field in fields(cast(Any, cls)):
        if field.name in values and field.type in SCALARS:
            typed(values, field.name, SCALARS[field.type])
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(f"not a {cls.__name__}: {error}") from None


def typed(values: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return a value of an object.

    Raises:
        ValueError: it is missing, or of another type.
    """
    value = values.get(name)
    if not isinstance(value, kind):
        wanted = getattr(kind, "__name__", str(kind))
        raise ValueError(f"{name} is {type(value).__name__}, and {wanted} is expected")
    return value


def to_text(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return files as JSON takes them: in base64."""
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def to_bytes(files: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files that ``to_text`` made this of.

    Raises:
        ValueError: they are no base64.
    """
    try:
        return {name: base64.b64decode(text, validate=True) for name, text in files.items()}
    except (binascii.Error, TypeError) as error:
        raise ValueError(f"files that are no base64: {error}") from None
