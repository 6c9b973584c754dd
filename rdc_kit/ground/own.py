"""A file of one's own: methods, scores, protocols and networks that the kit then knows.

It is plain Python that adds lines to registries, such as `methods.METHODS`. Processes that are
started later run it too, so that workers and notebooks know what their starter knows.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from .folders import expanded

ADDED = ("what --use FILE adds",)  # further names, in messages about an unknown one
_TOLD = "RDC_USE"  # the files, for notebooks that are started later
_PREFIX = "used_"  # of the names of modules, one for each version of a file
_CONTENT = "_content_of_this_file"
_used: dict[str, str] = {}  # file -> content that was run last


def run_file(path: str | Path) -> None:
    """Run a file that adds methods, scores, protocols or networks to the kit's registries.

    Notebooks and workers that this process starts run it too. Runs are kept by what the whole file
    says, so after a change of it they are made again; a file that has not changed is not run twice.

    Args:
        path: of the file, `my_method.py`.

    Raises:
        ValueError: there is no such file, or it fails; the message names the line.
    """
    file = expanded(path, "the file").resolve()
    if os.pathsep in str(file):
        raise ValueError(f"cannot use {file}: {os.pathsep!r} in a path divides {_TOLD}, rename it")
    _run(file, _read(file))
    told = [text for text in os.environ.get(_TOLD, "").split(os.pathsep) if text]
    os.environ[_TOLD] = os.pathsep.join(dict.fromkeys([*told, str(file)]))


def use_told() -> None:
    """Run the files that RDC_USE names: what the process that started this one uses.

    Raises:
        ValueError: as `run_file`, or a path is relative: a notebook runs in its own folder.
    """
    for text in filter(None, os.environ.get(_TOLD, "").split(os.pathsep)):
        file = expanded(text, _TOLD)
        if not file.is_absolute():
            raise ValueError(f"{_TOLD} must hold absolute paths, got {text!r}")
        _run(file.resolve(), _read(file))


def used() -> dict[str, str]:
    """The files that this process uses, and what they said when it ran them."""
    return dict(_used)


def use_contents(contents: Mapping[str, str]) -> None:
    """Run what `used` told in another process, whatever the files say by now."""
    for name, content in contents.items():
        _run(Path(name), content)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot use {file}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"cannot use {str(file)!r}: it is no text") from error


def _run(file: Path, content: str) -> None:
    if _used.get(str(file)) == content:
        return
    told = hashlib.sha256(os.fsencode(file) + b"\0" + content.encode()).hexdigest()[:12]
    module = ModuleType(f"{_PREFIX}{file.stem}_{told}")
    module.__file__, module.__dict__[_CONTENT] = str(file), content
    sys.modules[module.__name__] = module  # before it runs: dataclasses look their module up
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # last: nothing there hides a package
    try:
        exec(compile(content, str(file), "exec"), module.__dict__)
    except BaseException as error:
        del sys.modules[module.__name__]
        if not isinstance(error, Exception | SystemExit):
            raise  # an interrupt: the file was not run
        what = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
        raise ValueError(f"cannot use {file}{_line(error, str(file))}: {what}") from error
    _used[str(file)] = content


def _line(error: BaseException, file: str) -> str:
    """Where in a file an error came up, ", line 3"; "" where that is not known."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    line = lines[-1] if lines else None
    if isinstance(error, SyntaxError) and error.filename == file:
        line = error.lineno
    return f", line {line}" if line else ""


def where(error: BaseException) -> str:
    """Which line of a file that is used an error came from, "FILE, line 3: "; "" for none."""
    for file in _used:
        if line := _line(error, file):
            return f"{file}{line}: "
    return ""


def is_own(function: Callable[..., Any]) -> bool:
    """Whether a function is a user's and not the kit's."""
    if isinstance(function, functools.partial):
        return is_own(function.func)
    return not (getattr(function, "__module__", None) or "").startswith("rdc_kit.")


def own_code(function: Callable[..., Any]) -> str:
    """The code of a user's own function, "" for the kit's: a changed method is another method.

    The kit's code has a version of its own, `store.FORMAT`.

    Raises:
        ValueError: see `code_of`.
    """
    return code_of(function) if is_own(function) else ""


def code_of(function: Callable[..., Any]) -> str:
    """What a function does, equal in every process.

    For one of a file that is used, the whole file: what the function calls may have changed. For
    another one, its lines, defaults and closure, and the user's functions and plain values that it
    names.

    Raises:
        ValueError: it is an object whose code nobody can tell.
    """
    return _code_of(function, set())


def _code_of(function: Callable[..., Any], told: set[int]) -> str:
    told.add(id(function))
    if isinstance(function, functools.partial):
        given = (function.args, sorted(function.keywords.items()))
        return f"{_code_of(function.func, told)}\n{_constant(given)}"
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if content := getattr(module, _CONTENT, ""):
        return f"{getattr(function, '__qualname__', type(function).__qualname__)}\n{content}"
    code = getattr(function, "__code__", None)
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):  # typed in, or no plain function
        text = _instructions(code) if code else _constant(function)
    return "\n".join([text, *_leans_on(function, code, told)]) if code else text


def _leans_on(function: Any, code: CodeType, told: set[int]) -> Iterator[str]:
    """Defaults and closure of a function, and what it names of the place where it was defined."""
    values = [function.__defaults__, function.__kwdefaults__]
    values += [cell.cell_contents for cell in function.__closure__ or ()]
    named = [function.__globals__.get(name) for name in _names(code)]
    values += [v for v in named if isinstance(v, bool | int | float | str) or inspect.isfunction(v)]
    for value in values:
        if not (inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)):
            yield _constant(value)
        elif not inspect.isfunction(value) or value.__module__ != function.__module__:
            yield value.__name__
        elif id(value) not in told:
            yield _code_of(value, told)


def _names(code: CodeType) -> list[str]:
    """Global names that code and the functions inside it use."""
    inner = [name for c in code.co_consts if isinstance(c, CodeType) for name in _names(c)]
    own = [i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"]
    return sorted({*own, *inner})


def _constant(value: Any) -> str:
    if callable(tell := getattr(value, "fingerprint", getattr(value, "tolist", None))):
        value = tell()
    if " at 0x" in repr(value):
        raise ValueError(
            f"nobody can tell later what {value!r} did, so its runs could not be found again: "
            "register a function"
        )
    return repr(value)


def _instructions(code: CodeType) -> str:
    """What code does, with the names that it calls; equal in every process."""
    inner = [_instructions(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr((code.co_code, code.co_names, inner))
