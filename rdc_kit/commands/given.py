"""Parameters given to a notebook as text: of what it declares, in the type it declares."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..ground.names import unknown
from ..notebook.parameters import PARAMETERS, check_parameter, from_here
from .typed import no_notebook


class UsageError(ValueError):
    """The call is wrong; nothing was run."""


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell: `name: type = default  # help`."""

    name: str
    kind: str
    default: Any


def named_once(pairs: Iterable[Sequence[str]]) -> dict[str, str]:
    """Name -> text of the parameters of a command line.

    Args:
        pairs: a name and its text each.

    Raises:
        UsageError: a name is given twice.
    """
    given = dict[str, str]()
    for name, text in pairs:
        if name in given:
            raise UsageError(
                f"parameter {name} is given twice, {given[name]!r} and {text!r}: leave one out"
            )
        given[name] = text
    return given


def declared(notebook: Path) -> dict[str, Parameter]:
    """Parameters of a notebook, read from its cell tagged `parameters` without running it.

    Raises:
        UsageError: not a notebook, no such cell, or a line that is not `name: type = value`.
    """
    try:
        cells = json.loads(notebook.read_text())["cells"]
        tagged = [c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])]
        source = "".join(tagged[0]["source"]) if tagged else None
    except FileNotFoundError:
        raise UsageError(f"notebook {str(notebook)!r} does not exist") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{str(notebook)!r} is not a notebook") from None
    if source is None:
        raise UsageError(f"{notebook} has no cell tagged `parameters`")
    return {parameter.name: parameter for parameter in _parameters(source, notebook)}


def _parameters(source: str, notebook: Path) -> Iterator[Parameter]:
    """Those of a parameters cell, line by line."""

    def wrong(text: str) -> UsageError:
        line = text.strip().partition("\n")[0]
        return UsageError(
            f"parameters cell of {notebook}: {line!r} is not `name: type = value` with a plain "
            "value, such as `epochs: int = 3`: write it so, or in another cell"
        )

    try:
        body = ast.parse(source).body
    except SyntaxError as error:  # a magic such as %matplotlib inline is one
        raise wrong(error.text or source) from None
    except ValueError:  # a zero byte, in Python 3.11
        raise wrong(source) from None
    for node in body:
        try:
            yield _parameter(node)
        except (ValueError, TypeError):
            raise wrong(ast.unparse(node)) from None


def _parameter(node: ast.stmt) -> Parameter:
    """What a line declares; ValueError or TypeError if it is no name with a plain value."""
    match node:
        case ast.AnnAssign(ast.Name(name), kind, ast.expr() as value):
            return Parameter(name, ast.unparse(kind), ast.literal_eval(value))
        case ast.Assign([ast.Name(name)], value):
            default = ast.literal_eval(value)
            return Parameter(name, type(default).__name__, default)
    raise ValueError


def typed(parameter: Parameter, text: str) -> Any:
    """Turn the command line's text into the parameter's type.

    "false" is False for a bool, "1e-3" is a float for a float; nothing is guessed.

    Raises:
        UsageError: the text is no value of that type.
    """
    wrong = UsageError(f"parameter {parameter.name} must be {parameter.kind}, got {text!r}")
    if parameter.kind == "str":
        return text
    if parameter.kind == "bool":
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in words:
            raise wrong
        return words[text.lower()]
    try:
        if parameter.kind in ("int", "float"):
            return {"int": int, "float": float}[parameter.kind](text)
        value = json.loads(text)
    except ValueError:
        raise wrong from None
    if type(value).__name__ != parameter.kind.partition("[")[0]:
        raise wrong
    return value


def check_parameters(notebook: Path, given: dict[str, str]) -> dict[str, Any]:
    """Names and types of the given parameters against the notebook's; values where the kit knows.

    Returns:
        The values. A dataset or results with a relative path have the whole one: it starts at this
        folder, and the notebook runs in its own.

    Raises:
        UsageError: an unknown name (with the near match), a wrong type, a value out of range.
    """
    if not notebook.is_file():
        raise UsageError(no_notebook(notebook))
    known = declared(notebook)
    for name in given:
        if name not in known:
            raise UsageError(unknown(f"parameter of {notebook.name}", name, known))
    values = {name: typed(known[name], text) for name, text in given.items()}
    for name in values.keys() & PARAMETERS:
        try:
            check_parameter(name, values[name])
        except (TypeError, ValueError) as error:
            raise UsageError(str(error)) from None
    return {name: from_here(name, value) for name, value in values.items()}
