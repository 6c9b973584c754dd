"""Kinds of values, as annotations say them."""

import pytest

import rdc_kit as rdc
from rdc_kit.ground.kinds import check_kinds, check_object

SAID = {
    "count": "int",
    "share": "float",
    "name": "str | None",
    "flip": "bool",
    "scores": "Scores | None",
}
SAID |= {"ipc": "int | tuple[int, ...]", "grid": "Grid", "arms": "tuple[str, ...]", "own": int}
SAID |= {"pairs": "list[tuple[int, int]] | None", "side": 'Literal["a", "b|c"] | None'}
SAID |= {"rows": "Sequence[int] | None", "file": "pathlib.Path | None", "asked": "str | Teacher"}


@pytest.mark.parametrize(
    "given",
    [
        {"count": 3, "share": 1, "name": None, "flip": False, "scores": object(), "free": "x"},
        {"ipc": 3, "grid": "2x2", "arms": ["a"], "own": 2},
        {"ipc": [1, 2], "grid": (1, 2), "arms": ("a", "b"), "share": 0.5, "name": "x"},
        {"pairs": [(1, 2)], "side": "a", "rows": [1, 2], "file": "x.pt", "asked": "x"},
    ],
)
def test_values_of_the_kind_are_let_through(given):
    check_kinds("here", SAID, given)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("count", "abc", "here: count must be a whole number, got 'abc'"),
        ("count", 1.5, "a whole number"),
        ("count", True, "a whole number"),
        ("share", "abc", "share must be a number"),
        ("share", True, "share must be a number"),
        ("name", 3, "name must be a text"),
        ("flip", "maybe", "flip must be True or False"),
        ("scores", "foo", "scores must be left out"),
        ("ipc", "x", "ipc must be a whole number or a list"),
        ("arms", "random", "arms must be a list"),
        ("own", "x", "own must be a whole number"),
        ("pairs", 3, "pairs must be a list"),
        ("asked", 3, "asked must be a text"),
    ],
)
def test_others_are_one_sentence(name, value, told):
    with pytest.raises(ValueError, match=told):
        check_kinds("here", SAID, {name: value})


@pytest.mark.parametrize("given", ["hard", rdc.protocols.hard, None, 3])
def test_another_object_is_one_sentence_that_says_how_the_right_one_is_made(given):
    shown = {"hard": "'hard'", None: "NoneType", 3: "3"}.get(given, "function")
    told = f"protocol must be of the kind Protocol, such as rdc.protocols.hard\\(\\), got {shown}$"
    with pytest.raises(ValueError, match=told):
        check_object("protocol", given, rdc.Protocol)
    check_object("protocol", rdc.protocols.hard(), rdc.Protocol)


@pytest.mark.parametrize("name", ["ImageSet", "Protocol", "Scores", "Teacher"])
def test_every_kind_that_can_be_meant_has_a_way_to_it(name):
    with pytest.raises(ValueError, match=rf"of the kind {name}, such as rdc\.\w"):
        check_object("it", object(), getattr(rdc, name))
