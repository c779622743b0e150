"""Dataclasses from the plain values of YAML and JSON, checked against their type hints."""

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pneumo_core.errors import DataError, RecipeError

T = TypeVar("T")

_PLAIN = {bool: "true or false", int: "a whole number", str: "text"}


def build(kind: type[T], values: Any, place: str = "") -> T:
    """Build a dataclass, and the dataclasses within it, from nested mappings and lists.

    Args:
        kind: A dataclass whose fields are numbers, texts, Literals, mappings, dataclasses, tuples
            of one of these, or one of these or None.
        values: What YAML or JSON holds for it.
        place: Where that stands, with dots for nesting; "" for the recipe itself.

    Raises:
        RecipeError: For a key that is unknown or missing and a value of the wrong type; says
            where it stands. What the dataclass itself refuses comes through.
    """
    name = place or "The recipe"
    if not isinstance(values, Mapping):
        raise RecipeError(f"{name} must hold fields with values, not {values!r}.")
    hints = get_type_hints(kind)
    for key in values:
        if key not in hints:
            raise RecipeError(f"{name} has no {key!r}: choose from {', '.join(hints)}.")
    for field in fields(kind):
        required = field.default is MISSING and field.default_factory is MISSING
        if required and field.name not in values:
            raise RecipeError(f"{name} needs a value for {field.name}.")
    prefix = f"{place}." if place else ""
    return kind(**{key: _fitted(hints[key], values[key], f"{prefix}{key}") for key in values})


def build_from_file(kind: type[T], values: Any, place: str) -> T:
    """As `build`, of what a file holds that is no recipe.

    Raises:
        DataError: Where `build` raises RecipeError.
    """
    try:
        return build(kind, values, place)
    except RecipeError as error:
        raise DataError(str(error)) from error


def _fitted(hint: Any, value: Any, place: str) -> Any:
    """`value` as the type hint wants it."""
    kind, options = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):  # a Literal or None is the former
        wanted = next(option for option in options if option is not NoneType)
        return None if value is None else _fitted(wanted, value, place)
    if is_dataclass(hint):
        return build(hint, value, place)
    if kind is tuple:
        if not isinstance(value, list | tuple):
            raise RecipeError(f"{place} must be a list, not {value!r}.")
        return tuple(_fitted(options[0], item, f"{place}.{i}") for i, item in enumerate(value))
    if kind is Literal:
        if value not in options:
            raise RecipeError(f"{place} must be one of {', '.join(options)}, not {value!r}.")
        return value
    if hint is float:
        return _number(value, place)
    if hint in _PLAIN:
        # bool is an int in Python, but "epochs: true" is a slip.
        if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
            raise RecipeError(f"{place} must be {_PLAIN[hint]}, not {value!r}.")
        return value
    return _json_mapping(value, place)


def _number(value: Any, place: str) -> float:
    # YAML 1.1 reads 1e-4 as text, for want of a point.
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise RecipeError(f"{place} must be a finite number, not {value!r}.")
    return number


def _json_mapping(value: Any, place: str) -> Mapping[str, Any]:
    """Fields of no fixed kind; `run.json` has to be able to hold them when training is over."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise RecipeError(f"{place} must hold texts and finite numbers only.") from None
    if not isinstance(value, Mapping):
        raise RecipeError(f"{place} must hold fields with values, not {value!r}.")
    return value
