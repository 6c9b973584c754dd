"""The file of the plan: lines of the campaign, written down and committed before their rows."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from ...data.loading import check_size
from ...data.sources import check_source
from ...ground import store
from ...ground.folders import evidence_dir, expanded
from ...ground.kinds import check_kinds
from ...ground.names import check_known, unknown
from .campaign import MEASURES, Line, Setting
from .rows import ARM_NUMBERS
from .terms import CHANCE, Term, terms_of

PLAN = "plan.toml"
LEAST = 3  # replicates of a verdict; fewer are no evidence, for the interval of two says nothing
# What an effect can be of: numbers of a row.
VALUES = {
    "accuracy": ("top1", "top5", "seconds", "make_seconds", "image_bytes", "label_bytes"),
    "entropy": ("stored", "stored_nll", "seen", "seen_nll", "at_crop", "share"),
}

# Of what is in a list; all other lists are of texts.
_KINDS = {"ipc": "int", "crops": "float", "known": "int"}


class PlanError(ValueError):
    """The plan's file is wrong; the message says where."""


def plan_path(folder: Path | None = None) -> Path:
    """The plan in a folder; that of the committed evidence when left out."""
    folder = evidence_dir() if folder is None else expanded(folder, "the folder")
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
    own: dict[str, Any] = {}
    if path != plan_path():  # somebody's own, whose lines know more
        own = {"folder": path.parent, "planned_at": store.commit_of(path)}
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise PlanError(f"{path}: {error}") from None
    if path.is_symlink():
        raise PlanError(f"{path} is a link: rows lie beside the plan, name the folder of the file")
    _check_tables(content, path)
    settings = {name: _setting(name, given) for name, given in content.get("setting", {}).items()}
    lines: list[Line] = []
    for given in content.get("line", []):
        where = f"line {given.get('key', len(lines) + 1)!r}"
        name = str(given.get("setting"))
        if name not in settings:
            raise PlanError(unknown(f"setting of {where}", name, settings))
        line = _made(Line, {**given, "setting": settings[name]}, where)
        line = replace(line, **own)
        check_line(line, where)
        _check_verdict(line, where)
        lines.append(line)
    keys = [line.key for line in lines]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise PlanError(f"{path}: several lines are called {', '.join(sorted(twice))}")
    return lines


def _check_tables(content: dict[str, Any], path: Path) -> None:
    """Refuse a file that has anything but tables of settings and a list of lines."""
    for name in content:
        if name not in ("setting", "line"):
            raise PlanError(f"{path}: {unknown('table', name, ('setting', 'line'))}")
    settings, lines = content.get("setting", {}), content.get("line", [])
    if not (isinstance(settings, dict) and all(isinstance(s, dict) for s in settings.values())):
        raise PlanError(f"{path}: a setting is a table of its own, begin it with [setting.NAME]")
    if not (isinstance(lines, list) and all(isinstance(line, dict) for line in lines)):
        raise PlanError(f"{path}: lines are a list of tables, begin each with [[line]]")


def _setting(name: str, given: dict[str, Any]) -> Setting:
    """A setting; whether a folder is here is not asked, for rows can be read without it."""
    where = f"setting {name!r}"
    made: Setting = _made(Setting, {"name": name, **given}, where)
    try:
        check_size(made.size)
        if made.on_bad not in ("error", "skip"):
            raise ValueError(f"on_bad must be 'error' or 'skip', got {made.on_bad!r}")
        if made.dataset.partition(":")[0] not in ("folder", "parquet"):
            check_source(made.dataset)
    except ValueError as error:
        raise PlanError(f"{where}: {error}") from None
    return made


def _made(kind: Any, given: dict[str, Any], where: str) -> Any:
    known = [f.name for f in fields(kind) if f.name not in ("folder", "planned_at")]
    for name in given:
        if name not in known:
            raise PlanError(f"{where}: {unknown('field', name, known)}")
    needed = [f.name for f in fields(kind) if f.default is MISSING]
    if lacks := [name for name in needed if name not in given]:
        raise PlanError(f"{where} lacks {', '.join(lacks)}")
    try:
        check_kinds(where, {f.name: f.type for f in fields(kind)}, given)
        for name, value in given.items():
            for item in value if isinstance(value, list) else ():
                each = f"each of {name}"
                check_kinds(where, {each: _KINDS.get(name, "str")}, {each: item})
    except ValueError as error:
        raise PlanError(str(error)) from None
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


def check_line(line: Line, where: str) -> None:
    """Check that every word of a line means something.

    Args:
        line: of a plan. where: it stands, for the message.

    Raises:
        PlanError: a word that means nothing.
    """
    try:
        trials = line.trials
        _check_grid(line)
        check_known("measure", line.measure, MEASURES)
        check_known("value", line.value, VALUES[line.measure])
        for effect in line.effects:
            _check_effect(effect, line)
    except ValueError as error:
        raise PlanError(f"{where}: {error}") from None
    if len({(t.arm.key, t.ipc, t.protocol.name, t.seed) for t in trials}) < len(trials):
        raise PlanError(f"{where}: an arm, an ipc or a protocol is there twice")


def _check_grid(line: Line) -> None:
    """Refuse what names nothing, or a replicate that could never be complete."""
    for name in ("protocols", "effects"):  # arms and ipcs: see `trials_of`
        if not getattr(line, name):
            raise ValueError(f"{name} must name at least one")
    if min(line.ipcs) < 1:
        raise ValueError(f"ipc must be at least 1, got {line.ipc}")
    if line.n % line.trainings:
        raise ValueError(
            f"n must be a multiple of trainings, whose mean is a replicate: {line.n} is none of "
            f"{line.trainings}"
        )


def _check_verdict(line: Line, where: str) -> None:
    """Refuse a line that would never be judged, or that holds whatever comes out."""
    if line.n < LEAST * line.trainings:
        raise PlanError(
            f"{where}: n must be at least {LEAST * line.trainings}, for a verdict needs {LEAST} "
            f"replicates, got {line.n}"
        )
    most = line.n // line.trainings
    if line.known and (
        len(line.known) != len(line.effects) or not all(0 <= count <= most for count in line.known)
    ):
        raise PlanError(
            f"{where}: known must say of each of its {len(line.effects)} effects how many of the "
            f"first replicates were there before, 0 to {most}, got {list(line.known)}"
        )
    for effect in line.effects:
        terms = terms_of(effect)
        # A share of images counts cases, and one may be all that a claim needs.
        alone = len(terms) == 1 and not terms[0].best and line.value != "share"
        if alone and not line.anchor and line.least <= 0:
            raise PlanError(
                f"{where}: effect {effect!r} alone is always above 0: write '{effect} - random', "
                "say, or give an anchor, or a least above 0 (of an accuracy above chance)"
            )


def _check_effect(effect: str, line: Line) -> None:
    """Refuse an effect that the rows of a line could never give."""
    terms = terms_of(effect)
    for term in terms:
        _check_term(term, line, effect)
    if all(term.arm == CHANCE for term in terms):
        raise ValueError(f"effect {effect!r} must have an arm: chance is not measured")
    if line.anchor and (len(terms) > 1 or terms[0].best):
        raise ValueError(f"an anchor is the accuracy of one arm, and effect {effect!r} is none")


def _check_term(term: Term, line: Line, effect: str) -> None:
    if term.arm == CHANCE:
        return
    for what, given, several in (
        ("protocol", term.protocol, set(line.protocols)),
        ("ipc", term.ipc, set(line.ipcs)),
    ):
        if not given and len(several) > 1:
            raise ValueError(f"effect {effect!r} must say of which {what}: {term.arm}@soft#10")
        if given and given not in several:
            raise ValueError(f"effect {effect!r} is not of its {what}s")
    if term.best and term.best not in ARM_NUMBERS:
        what = "option with a best value"
        raise ValueError(f"effect {effect!r}: {unknown(what, term.best, ARM_NUMBERS)}")
    methods = {trial.arm.key: trial.arm.method for trial in line.trials}
    if term.arm not in methods:
        raise ValueError(f"effect {effect!r} is not of its arms")
    alike = list(methods.values()).count(methods[term.arm])
    if term.best and alike < 3:
        raise ValueError(
            f"effect {effect!r}: a best value is found among three or more, and of the arms "
            f"{alike} are made by {methods[term.arm]}"
        )
