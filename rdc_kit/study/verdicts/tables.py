"""Tables of finished notebook runs, or the committed evidence, by notebook and name.

A table is named "NN/NAME", such as "05/runs": the table NAME of notebook NN. The committed ones,
and those of somebody's own plan, come with a plan, and "plan/runs" are its rows.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from ...data.imagesets import DataError
from ...ground.folders import evidence_dir, home_dir
from ...ground.manifests import read_manifest, run_folders
from ...ground.names import command
from ..grid.campaign import Line
from ..grid.planfile import PLAN, plan_path, read_plan
from ..grid.rows import HASHES
from .comparable import comparable_rows

WHERE = ("runs", "evidence")
PLANNED = "plan/runs"
SETTING = ["dataset", "size", "ipc", "epochs", "student", "profile"]
_TEXT = ("profile", "pool", "order", "metric", "grouping", "spectrum", "teacher")  # may be empty
_EVIDENCE = re.compile(r"(\d\d)-(.+)-(\d+)px-(\w+)\.csv")


@dataclass(frozen=True)
class Table:
    """One file of results.

    Attributes:
        name: "NN/NAME".
        path: of the csv.
        rows: its content, with dataset, size and profile in every row.
    """

    name: str
    path: Path
    rows: pd.DataFrame


class Tables:
    """All tables of one place.

    Args:
        tables: one per file; tables with the same name are from several runs of one notebook.
        where: the place, see `collect`.

    Attributes:
        folder: of the plan that goes with them, and of its rows; None for runs.
        is_own: whether that plan is somebody's own.
    """

    def __init__(self, tables: list[Table], where: str = "runs") -> None:
        self.tables = tables
        self.is_own = where not in WHERE
        own = Path(where) if self.is_own else None
        self.folder = None if where == "runs" else plan_path(own).parent
        self._told: set[str] = set()

    def planned(self) -> list[Line]:
        """The lines of the plan, none for runs.

        Raises:
            PlanError: the plan is wrong.
        """
        return list(self._lines)

    @cached_property
    def _lines(self) -> list[Line]:
        return [] if self.folder is None else read_plan(self.folder / PLAN)

    def campaign(self) -> dict[str, str]:
        """The plan and its rows, as `inputs` names files."""
        if self.folder is None:
            return {}
        paths = [self.folder / PLAN, *sorted(self.folder.glob("campaign-*.csv"))]
        return {_short(path): content_hash(path) for path in paths}

    def get(self, name: str) -> pd.DataFrame:
        """All rows of a name, each trial once; empty if there are none.

        Of a trial that several runs have made otherwise, one row is left, see `_once`; what is left
        out is said on stderr.
        """
        parts = [table.rows for table in self._named(name)]
        if not parts:
            return pd.DataFrame()
        joined = pd.concat(parts, ignore_index=True)
        keys = [c for c in ("arm", "run_hash") if c in joined]
        rows = joined.drop_duplicates(keys if len(keys) == 2 else None).reset_index(drop=True)
        kept, told = _once(rows)
        if told and name not in self._told:
            print(f"{name}: {told}", file=sys.stderr, flush=True)
            self._told.add(name)
        return kept.reset_index(drop=True)

    def groups(self, name: str, merge: tuple[str, ...] = ()) -> Iterator[pd.DataFrame]:
        """The rows of a name, by setting: one dataset, size, ipc, epochs, network and profile each.

        An arm that stores fewer images than it may is among those that it may be compared with.

        Args:
            name: "NN/NAME".
            merge: settings that do not split the rows, such as ("ipc",).
        """
        rows = self.get(name)
        keys = [rows[key] for key in SETTING if key in rows and key not in merge]
        if "budget" in rows:
            allowed = rows["budget"].fillna(rows["ipc"])
            keys = [allowed if key.name == "ipc" else key for key in keys]
        if keys:
            yield from (group for _, group in rows.groupby(keys, sort=False, dropna=False))

    def inputs(self, name: str, rows: pd.DataFrame | None = None) -> dict[str, str]:
        """The files that a name is read from: path below the checkout or home -> hash of its bytes.

        Args:
            name: "NN/NAME".
            rows: only the files of these rows' datasets.
        """
        datasets = None if rows is None else set(rows["dataset"])
        return {
            _short(table.path): content_hash(table.path)
            for table in self._named(name)
            if datasets is None or datasets & set(table.rows["dataset"])
        }

    def _named(self, name: str) -> list[Table]:
        if name == PLANNED:
            return self._of_plan
        return [table for table in self.tables if table.name == name]

    @cached_property
    def _of_plan(self) -> list[Table]:
        """See `comparable.comparable_rows`: a table for each file."""
        found = comparable_rows(self.planned())
        return [Table(PLANNED, path, _filled(rows)) for path, rows in found.items()]


def _once(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Rows with each trial once, for two of one seed are no two replicates; and what is left out.

    Where a setting has trials in several precisions, or on both CPU and GPU, only the kind with
    most rows stays, so that arms are compared within one kind. Of what is twice all the same, such
    as with another extra measure or other images under one name, the row of the newest run stays.
    """
    if not {"arm", "seed", "run_hash"} <= set(rows.columns):
        return rows, ""  # no trials
    setting = [c for c in SETTING if c in rows]
    trial = [c for c in (*setting, "arm", "budget", "protocol", "seed") if c in rows]
    if not rows.duplicated(trial).any():
        return rows, ""
    kept: list[int] = []
    others: dict[str, str] = {}  # kind -> the one that stays in its place
    for _, part in rows.assign(_kind=_kinds(rows)).groupby(setting, sort=False, dropna=False):
        if part.drop_duplicates([*trial, "_kind"]).duplicated(trial).any():
            (most, _), *less = Counter(part["_kind"]).most_common()
            others |= {kind: most for kind, _ in less}
            part = part[part["_kind"] == most]
        kept.extend(part.drop_duplicates(trial, keep="last").index)
    return rows.loc[sorted(kept)], _said(len(rows) - len(kept), others)


def _said(count: int, others: dict[str, str]) -> str:
    """A sentence on rows that were left out."""
    if not others:
        return f"{count} rows are left out: newer runs have made the same trials"
    left, most = (" and ".join(sorted(set(kinds))) for kinds in (others, others.values()))
    return (
        f"{count} rows, {left}, are left out, so that no replicate counts twice: more are {most}; "
        "a home of their own (RDC_HOME) shows them"
    )


def _kinds(rows: pd.DataFrame) -> pd.Series:
    """Of each row the arithmetic that it was made with, as far as it is part of a run's hash."""
    precision, device = (rows.get(c, pd.Series("", rows.index)) for c in ("precision", "device"))
    where = device.str.startswith("CPU").map({True: "a CPU", False: "a GPU"})
    return precision.astype(str) + " on " + where


def content_hash(path: Path) -> str:
    """Hash of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def collect(where: str = "runs") -> Tables:
    """Read all tables of a place.

    Args:
        where: "runs" (notebooks on this machine that ended "ok"), "evidence" (the committed
            tables), or a folder with a plan of one's own, whose rows lie beside it.

    Raises:
        DataError: there are none; the message says what to do. ValueError: an unknown place.
    """
    check_where(where)
    if where not in WHERE:
        return Tables([], where)
    _tell_of_a_namesake(where)
    tables = list(_of_runs() if where == "runs" else _of_evidence())
    if not tables:
        remedy = 'results = "evidence" reads the committed ones and works at once; '
        remedy += f"`{command('study')}` makes your own"
        if where == "evidence":
            remedy = f"{evidence_dir()} holds no tables"
        raise DataError(f"there are no results in {where}: {remedy}")
    return Tables(tables, where)


def check_where(where: str) -> None:
    """Refuse with a ValueError what is no place of results."""
    if where not in WHERE and not plan_path(Path(where)).is_file():
        raise ValueError(
            f"results are in {', '.join(WHERE)} or a folder (its whole path) with a {PLAN} of "
            f"yours, got {where!r}"
        )


def _tell_of_a_namesake(where: str) -> None:
    """Say which results a name stands for, where a folder of that name holds a plan, too."""
    beside = plan_path(Path(where))
    if beside.is_file() and beside != plan_path():
        kits = "the runs of this machine" if where == "runs" else "the committed evidence"
        print(
            f"{where!r} is {kits}: the folder {beside.parent}, which has a {PLAN}, is named "
            f"by its path, ./{where}",
            file=sys.stderr,
            flush=True,
        )


def _of_runs() -> Iterator[Table]:
    manifests = {folder: read_manifest(folder) for folder in run_folders()}
    # The newest last: it is the one that stays where two have made the same trial.
    for folder in sorted(manifests, key=lambda folder: str(manifests[folder].get("ended", ""))):
        facts, number = manifests[folder], folder.name[:2]
        if facts.get("status") != "ok" or not number.isdigit() or not facts.get("setting"):
            continue
        for file in sorted(folder.glob("[!.]*.csv")):
            yield _table(number, file.stem, file, facts["setting"])


def _of_evidence() -> Iterator[Table]:
    for path in sorted(evidence_dir().glob("*.csv")):
        if match := _EVIDENCE.fullmatch(path.name):
            number, dataset, size, name = match.groups()
            setting = {"dataset": dataset, "size": int(size), "profile": "evidence"}
            yield _table(number, name, path, setting)


def _table(number: str, name: str, path: Path, setting: dict[str, object]) -> Table:
    rows = _filled(pd.read_csv(path, dtype=HASHES))
    missing = {key: setting[key] for key in ("dataset", "size", "profile") if key not in rows}
    return Table(f"{number}/{name}", path, rows.assign(**missing))


def _filled(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose texts are "" where they were empty."""
    empty = [c for c in _TEXT if c in rows]
    return rows.assign(**{c: rows[c].astype(object).fillna("") for c in empty})


def _short(path: Path) -> str:
    if path.parent == evidence_dir():
        return f"data/evidence/{path.name}"
    return str(path.relative_to(home_dir())) if path.is_relative_to(home_dir()) else path.name
