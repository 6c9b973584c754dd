"""A file of one's own: methods, scores, protocols and networks that the kit then knows.

It is plain Python that adds lines to registries, such as `methods.METHODS`. Processes that are
started later run it too, so that workers and notebooks know what their starter knows.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from .folders import expanded

_TOLD = "RDC_USE"  # the files, for processes that are started later
_PREFIX = "used_"  # of the names of their modules


def use(path: str | Path) -> None:
    """Run a file that adds methods, scores, protocols or networks to the kit's registries.

    Notebooks and workers that this process starts run it too. Runs are kept by what the whole file
    says, so after a change of it they are made again; a file that has not changed is not run twice.

    Args:
        path: of the file, `my_method.py`.

    Raises:
        ValueError: there is no such file, or it fails; the message names the line.
    """
    file = expanded(str(path), "the file").resolve()
    _run(file)
    told = [text for text in os.environ.get(_TOLD, "").split(os.pathsep) if text]
    os.environ[_TOLD] = os.pathsep.join(dict.fromkeys([*told, str(file)]))


def use_told() -> None:
    """Run the files that RDC_USE names: what the process that started this one uses.

    Raises:
        ValueError: as `use`, or a path is relative: a notebook runs in its own folder.
    """
    for text in os.environ.get(_TOLD, "").split(os.pathsep):
        file = expanded(text, _TOLD)
        if text and not file.is_absolute():
            raise ValueError(f"{_TOLD} must hold absolute paths, got {text!r}")
        if text:
            _run(file.resolve())


def _run(file: Path) -> None:
    name = f"{_PREFIX}{file.stem}_{hashlib.sha256(os.fsencode(file)).hexdigest()[:8]}"
    try:
        content = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"cannot use {file}: {why}") from error
    if _content_of(name) == content:
        return
    module = ModuleType(name)
    module.__file__, module.__dict__["_content"] = str(file), content
    sys.modules[name] = module  # before it runs: dataclasses look their module up
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # last: nothing there hides a package
    try:
        exec(compile(content, str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        what = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
        raise ValueError(f"cannot use {file}{_place(error, file)}: {what}") from error


def _place(error: BaseException, file: Path) -> str:
    """Where in a file an error came up, ", line 3"; "" where that is not known."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    return f", line {line}" if line else ""


def _content_of(module: str) -> str:
    """Of a file that is used, by its module's name; "" for any other module."""
    return getattr(sys.modules.get(module), "_content", "") if module.startswith(_PREFIX) else ""


def is_own(function: Callable[..., Any]) -> bool:
    """Whether a function is a user's and not the kit's."""
    return not (getattr(function, "__module__", None) or "").startswith("rdc_kit.")


def own_code(function: Callable[..., Any]) -> str:
    """The code of a user's own function, "" for the kit's: a changed method is another method.

    For a function of a file that is used, the whole file: what it calls may have changed. The kit's
    code has a version of its own, `store.FORMAT`.
    """
    if not is_own(function):
        return ""
    if content := _content_of(getattr(function, "__module__", None) or ""):
        return content
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):  # typed in, or no plain function
        code = getattr(function, "__code__", None)
        return _instructions(code) if code else repr(function)


def _instructions(code: CodeType) -> str:
    """What code does, with the names that it calls; equal in every process."""
    inner = [_instructions(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr((code.co_code, code.co_names, inner))
