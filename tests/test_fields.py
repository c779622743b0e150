"""Plain values become dataclasses, or a sentence says which value does not fit and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from pneumo_core.errors import RecipeError
from pneumo_core.fields import build


@dataclass(frozen=True)
class Wheel:
    size: float
    spokes: int = 32


@dataclass(frozen=True)
class Bicycle:
    colour: Literal["red", "blue"]
    wheels: tuple[Wheel, ...]
    bell: bool = False
    name: str = ""
    gears: tuple[float, ...] = ()
    spare: Wheel | None = None
    seats: int | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


def test_everything_fits():
    found = build(
        Bicycle,
        {
            "colour": "red",
            "wheels": [{"size": 28}, {"size": 26.5, "spokes": 24}],
            "bell": True,
            "name": "Rosinante",
            "gears": [1, "2e-1"],
            "spare": {"size": "1e1"},
            "seats": 2,
            "notes": {"bought": [2020, None, "spring"]},
        },
    )
    assert found == Bicycle(
        colour="red",
        wheels=(Wheel(28.0), Wheel(26.5, 24)),
        bell=True,
        name="Rosinante",
        gears=(1.0, 0.2),
        spare=Wheel(10.0),
        seats=2,
        notes={"bought": [2020, None, "spring"]},
    )
    assert type(found.wheels[0].size) is float


def test_what_may_be_missing_takes_its_default():
    found = build(Bicycle, {"colour": "blue", "wheels": [], "spare": None, "seats": None})
    assert found == Bicycle("blue", ())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"color": "red"}, "The recipe has no 'color': choose from colour, wheels, bell, name, "),
        ({"wheels": [{"size": 1}, {"sizes": 1}]}, "wheels.1 has no 'sizes': choose from size, "),
        ({"wheels": [{"spokes": 3}]}, "wheels.0 needs a value for size."),
        ({"wheels": [7]}, "wheels.0 must hold fields with values, not 7."),
        ({"wheels": {"size": 1}}, "wheels must be a list, not {'size': 1}."),
        ({"wheels": None}, "wheels must be a list, not None."),
        ({"gears": "12"}, "gears must be a list, not '12'."),
        ({"gears": [1, None]}, "gears.1 must be a finite number, not None."),
        ({"gears": [True]}, "gears.0 must be a finite number, not True."),
        ({"gears": ["inf"]}, "gears.0 must be a finite number, not 'inf'."),
        ({"spare": {"size": "big"}}, "spare.size must be a finite number, not 'big'."),
        ({"spare": {"size": float("nan")}}, "spare.size must be a finite number, not nan."),
        ({"spare": {"size": 1, "spokes": 3.0}}, "spare.spokes must be a whole number, not 3.0."),
        ({"seats": True}, "seats must be a whole number, not True."),
        ({"seats": "2"}, "seats must be a whole number, not '2'."),
        ({"bell": 1}, "bell must be true or false, not 1."),
        ({"name": 5}, "name must be text, not 5."),
        ({"colour": "green"}, "colour must be one of red, blue, not 'green'."),
        ({"colour": ["red"]}, "colour must be one of red, blue, not ['red']."),
        ({"notes": 5}, "notes must hold fields with values, not 5."),
        ({"notes": {"x": object}}, "notes must hold texts and finite numbers only."),
        ({"notes": {"x": float("nan")}}, "notes must hold texts and finite numbers only."),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(changes, sentence):
    with pytest.raises(RecipeError) as error:
        build(Bicycle, {"colour": "red", "wheels": [], **changes})
    assert str(error.value).startswith(sentence)


def test_a_missing_value_is_named():
    with pytest.raises(RecipeError, match=r"^The recipe needs a value for wheels\.$"):
        build(Bicycle, {"colour": "red"})


@pytest.mark.parametrize("values", [None, 5, "text", ["colour"]])
def test_something_else_than_fields_is_refused(values):
    with pytest.raises(RecipeError, match=r"^preprocess must hold fields with values, not "):
        build(Wheel, values, "preprocess")
