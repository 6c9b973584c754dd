"""Finished notebook runs: the newest of each notebook, and what its cells say of themselves."""

from __future__ import annotations

import base64
import html
import mimetypes
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..ground.folders import home_dir, notebooks_dir
from ..ground.manifests import read_manifest, read_status, run_folders

_PICTURE = re.compile(r"(!\[[^]]*\]\()([^)\s]+)")
_MARKED = re.compile(r"(\*\*|\*|`)(.+?)\1")  # bold, italic, code
_QUESTION = re.compile(r"\*\*([^*]+[.?!])\*\*")  # a bold sentence; bold words have no full stop
_LIVE = ("application/vnd.jupyter.widget-view+json", "application/javascript")


@dataclass(frozen=True)
class Finished:
    """A notebook run that ended "ok".

    Attributes:
        notebook: the executed copy.
        facts: its manifest.
    """

    notebook: Path
    facts: dict[str, Any]

    @property
    def dataset(self) -> str:
        """The dataset, as given; empty for a notebook that only reads results."""
        return self._setting().get("dataset", "")

    @property
    def smoke(self) -> bool:
        """Whether it only shows that everything runs: its numbers mean nothing."""
        return self._setting().get("profile") == "smoke"

    def line(self) -> str:
        """Dataset, size, profile, end, duration and commit: one line of text."""
        setting, ended = self._setting(), self.facts["ended"]
        parts = [f"{ended[:10]} {ended[11:16]} UTC", f"{self.facts['seconds']:,.0f} s"]
        parts += [f"git {self.facts.get('git') or 'unknown'}"]
        if self.dataset:
            named = _place_of(self.dataset).sub(r"\1", self.dataset)
            parts = [
                f"{named} at {setting['size']} px",
                f"profile {setting['profile']}",
                *parts,
            ]
        return " · ".join(parts)

    def _setting(self) -> dict[str, Any]:
        return self.facts.get("setting") or {}


def finished(dataset: str = "") -> list[Finished]:
    """The newest run of each notebook that ended "ok", by name.

    A smoke run is only taken where there is no other.

    Args:
        dataset: only runs on this dataset, and runs that only read results; all when empty.
    """
    best: dict[str, Finished] = {}
    for folder in run_folders():
        if read_status(folder) != "ok":
            continue
        facts = read_manifest(folder, "name", "ended", "seconds")
        if not facts:
            continue
        run = Finished(folder / f"{facts['name']}.ipynb", facts)
        # The cells of a notebook run by hand are saved by JupyterLab, not in this folder.
        if not run.notebook.is_file() or (dataset and run.dataset not in ("", dataset)):
            continue
        known = best.get(facts["name"])
        if known is None or _rank(known) < _rank(run):
            best[facts["name"]] = run
    return [best[name] for name in sorted(best)]


def _rank(run: Finished) -> tuple[bool, str]:
    return not run.smoke, run.facts["ended"]


def title_of(content: Any) -> str:
    """First heading of a notebook, as plain text; "" if it has none."""
    return next((text for _, text in headings_of(content)), "")


def headings_of(content: Any) -> list[tuple[int, str]]:
    """Level and plain text of every heading of a notebook, in order; code blocks hold none."""
    found = []
    for cell in content.cells:
        fenced = False
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            fenced ^= line.lstrip().startswith("```")
            if not fenced and (match := re.match(r"(#{1,6})\s+(.*\S)", line)):
                found.append((len(match[1]), _MARKED.sub(r"\2", match[2])))
    return found


def heading_now(executed: Path) -> str:
    """The last heading above the cell that papermill executes now; "" while nobody can say."""
    import nbformat  # late: not every verb needs it

    try:
        content = nbformat.read(executed, as_version=4)
    except (OSError, ValueError):  # not there yet, or half written
        return ""
    states = [cell.metadata.get("papermill", {}).get("status") for cell in content.cells]
    content.cells = content.cells[: states.index("running")] if "running" in states else []
    return next((text for _, text in reversed(headings_of(content))), "")


def question_of(content: Any) -> str:
    """The question that a notebook asks: the first bold sentence of the text under its title."""
    for cell in content.cells:
        if cell.cell_type == "markdown" and cell.source.lstrip().startswith("#"):
            match = _QUESTION.search(cell.source)
            return " ".join(match[1].split()) if match else ""
    return ""


def first_picture(content: Any) -> bytes:
    """The first PNG that a notebook's code has made and that is no mere strip; empty without any.

    A strip is at most a fifth as high as it is wide; it is taken where there is nothing else.
    """
    found = [
        base64.b64decode("".join(png))
        for cell in content.cells
        for output in cell.get("outputs", [])
        if (png := output.get("data", {}).get("image/png"))
    ]
    return next((png for png in found if not _is_strip(png)), found[0] if found else b"")


def _is_strip(png: bytes) -> bool:
    wide, high = (int.from_bytes(png[start : start + 4]) for start in (16, 20))  # of its header
    return 5 * high <= wide


def without_live_parts(content: Any) -> Any:
    """The notebook without widgets and scripts; a widget's static picture stays, if it has one."""
    content.metadata.pop("widgets", None)
    for cell in content.cells:
        kept = []
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            live = [data.pop(kind) for kind in _LIVE if kind in data]
            if not live or data.keys() - {"text/plain"}:
                kept.append(output)
        if cell.cell_type == "code":
            cell.outputs = kept
    return content


def read_later(content: Any, run: Finished) -> Any:
    """The outputs of a run as they are read when it is over, and on another machine perhaps.

    Places in its home are told from there, without the folders above, which are the writer's own;
    so is the folder or file of its dataset, in the code too. Where a monitor saw the run itself
    running, it says how that ended.
    """
    homes = {str(home_dir()), *_home_of(content)}
    above = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, homes))})/(?=(?:data|figures)/)")
    named = _place_of(run.dataset)
    seen = re.compile(rf"(\b{re.escape(run.notebook.parent.name)}(?:</td>\s*<td>|\s+))(running)\b")

    def told(text: str | list[str]) -> str:
        short = above.sub("", named.sub(r"\1", "".join(text)))
        return seen.sub(lambda found: found[1] + "ok".rjust(len(found[2])), short)

    for cell in content.cells:
        if cell.cell_type == "code":
            cell.source = named.sub(r"\1", cell.source)
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = told(output["text"])
            data = output.get("data", {})
            data.update({kind: told(data[kind]) for kind in data if kind.startswith("text/")})
    return content


def _place_of(dataset: str) -> re.Pattern[str]:
    """The path of a dataset that is a folder or file, its name as a group; of others nothing."""
    above, _, name = dataset.partition(":")[2].rstrip("/").rpartition("/")
    if not above.startswith("/"):
        return re.compile("(?!)()")
    above, name = (f"(?:{re.escape(t)}|{re.escape(html.escape(t))})" for t in (above, name))
    return re.compile(rf"(?<![\w./-]){above}/({name})(?![\w-])")


def _home_of(content: Any) -> list[str]:
    """The home that an executed copy was written into, HOME/data/runs/notebooks/RUN/FILE."""
    written = Path(content.metadata.get("papermill", {}).get("output_path") or "")
    ours = written.parts[-5:-2] == ("data", "runs", "notebooks")
    return [str(written.parents[4])] if ours and written.is_absolute() else []


def origin_of(content: Any) -> Path:
    """The folder that the notebook was in when it ran: its links are relative to it."""
    source = Path(content.metadata.get("papermill", {}).get("input_path") or "")
    return source.parent if source.is_file() else notebooks_dir()


def with_pictures(content: Any, origin: Path) -> Any:
    """The notebook with the pictures that its text links to inside it, as attachments.

    An executed copy lies in another folder, from which `../figures/x.png` leads nowhere.

    Args:
        content: a notebook's json, or what nbformat reads of it.
        origin: the folder that its links are relative to. What is not there stays a link.
    """
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _PICTURE.sub(partial(_attach, origin, cell), "".join(cell["source"]))
    return content


def _attach(origin: Path, cell: Any, match: re.Match[str]) -> str:
    path, kind = origin / match[2], mimetypes.guess_type(match[2])[0] or ""
    if ":" in match[2] or not kind.startswith("image/") or not path.is_file():
        return match[0]
    name = f"{len(cell.get('attachments', {}))}-{path.name}"
    packed = base64.b64encode(path.read_bytes()).decode()
    cell["attachments"] = {**cell.get("attachments", {}), name: {kind: packed}}
    return f"{match[1]}attachment:{name}"
