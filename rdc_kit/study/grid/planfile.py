"""The file of the plan: lines of the campaign, written down and committed before their rows."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ...ground import store
from ...ground.folders import evidence_dir, expanded
from ...ground.kinds import check_kinds
from ...ground.names import unknown
from .campaign import MEASURES, Line, Setting
from .terms import CHANCE, Term, terms_of

PLAN = "plan.toml"
# What an effect can be of: numbers of a row.
VALUES = {
    "accuracy": ("top1", "top5", "seconds", "make_seconds", "image_bytes", "label_bytes"),
    "entropy": ("stored", "stored_nll", "seen", "seen_nll", "at_crop", "share"),
}


class PlanError(ValueError):
    """The plan's file is wrong; the message says where."""


def plan_path(folder: Path | None = None) -> Path:
    """The plan in a folder; that of the committed evidence when left out."""
    folder = evidence_dir() if folder is None else expanded(str(folder), "the folder")
    return folder.resolve() / PLAN


def read_plan(path: Path | None = None) -> list[Line]:
    """The lines of a plan, in the order of its file; their rows are kept beside it.

    Args:
        path: plan.toml of the committed evidence when left out. Lines of any other one know at
            which commit of its repository it was read.

    Raises:
        PlanError: the file is missing or wrong; the message names the line and the field.
    """
    path = plan_path() if path is None else plan_path(path.parent)
    own = {} if path == plan_path() else _own(path)
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise PlanError(f"{path}: {error}") from None
    if path.is_symlink():
        raise PlanError(f"{path} is a link: rows lie beside the plan, name the folder of the file")
    settings = {
        name: _made(Setting, {"name": name, **given}, f"setting {name!r}")
        for name, given in content.get("setting", {}).items()
    }
    lines: list[Line] = []
    for given in content.get("line", []):
        where = f"line {given.get('key', len(lines) + 1)!r}"
        if given.get("setting") not in settings:
            raise PlanError(unknown(f"setting of {where}", str(given.get("setting")), settings))
        line = _made(Line, {**given, "setting": settings[given["setting"]]}, where)
        line = replace(line, **own)
        check_line(line, where)
        lines.append(line)
    keys = [line.key for line in lines]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise PlanError(f"{path}: several lines are called {', '.join(sorted(twice))}")
    return lines


def _own(path: Path) -> dict[str, Any]:
    """What lines of somebody's own plan know besides."""
    return {"folder": path.parent, "planned_at": store.commit_of(path)}


def _made(kind: Any, given: dict[str, Any], where: str) -> Any:
    known = [f.name for f in fields(kind) if f.name not in ("folder", "planned_at")]
    for name in given:
        if name not in known:
            raise PlanError(f"{where}: {unknown('field', name, known)}")
    try:
        check_kinds(where, {f.name: f.type for f in fields(kind)}, given)
    except ValueError as error:
        raise PlanError(str(error)) from None
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    except TypeError as error:
        raise PlanError(f"{where}: {error}") from None


def check_line(line: Line, where: str) -> None:
    """Check that every word of a line means something.

    Args:
        line: of a plan. where: it stands, for the message.

    Raises:
        PlanError: a word that means nothing.
    """
    try:
        trials = line.trials
        if line.measure not in MEASURES:
            raise ValueError(unknown("measure", line.measure, MEASURES))
        if line.value not in VALUES[line.measure]:
            raise ValueError(unknown("value", line.value, VALUES[line.measure]))
        for effect in line.effects:
            for term in terms_of(effect):
                _check_term(term, line, effect)
    except ValueError as error:
        raise PlanError(f"{where}: {error}") from None
    if len({(t.arm.key, t.ipc, t.protocol.name, t.seed) for t in trials}) < len(trials):
        raise PlanError(f"{where}: an arm, an ipc or a protocol is there twice")


def _check_term(term: Term, line: Line, effect: str) -> None:
    ipcs = {line.ipc} if isinstance(line.ipc, int) else set(line.ipc)
    if term.arm == CHANCE:
        return
    for what, given, several in (
        ("protocol", term.protocol, set(line.protocols)),
        ("ipc", term.ipc, ipcs),
    ):
        if not given and len(several) > 1:
            raise ValueError(f"effect {effect!r} must say of which {what}: {term.arm}@soft#10")
        if given and given not in several:
            raise ValueError(f"effect {effect!r} is not of its {what}s")
    if not term.best and term.arm not in {trial.arm.key for trial in line.trials}:
        raise ValueError(f"effect {effect!r} is not of its arms")
