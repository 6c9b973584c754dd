"""The gallery: finished notebook runs as pages that open from disk, without server or network."""

from __future__ import annotations

import base64
import html
import logging
import mimetypes
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from ..ground import files
from ..ground.folders import data_dir, notebooks_dir, runs_dir
from ..ground.manifests import read_status

# Scripts are left out: the browser would fetch them from the network, and the pages need none.
_PAGE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_css %}<style>{{ resources.style }}</style>{% endblock %}
{% block body_header %}{{ super() }}{{ resources.banner }}{% endblock %}
"""
_LINK = re.compile(r"(!\[[^]]*\]\()([^)\s]+)")  # to an image, in markdown
_BETWEEN = re.compile(r'href="(\d\d_\w+)\.ipynb')  # from one notebook to another
_LIVE = ("application/vnd.jupyter.widget-view+json", "application/javascript")
_STYLE = """
body { margin: 0; padding: 0; background: #fff; color: #222; font: 16px/1.5 sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
main img { max-width: 100%; height: auto; }
header.run { margin-bottom: 1rem; }
.facts { color: #666; font-size: 0.875rem; }
ul.runs { list-style: none; padding: 0; }
ul.runs li { padding: 0.75rem 0; border-top: 1px solid #ddd; }
ul.runs a { font-size: 1.125rem; }
header.run a { color: #1a5fb4; }
.jp-OutputArea-output, .jp-InputArea-editor, .jp-RenderedMarkdown { overflow-x: auto; }
@media (max-width: 45rem) {
  main { padding: 0.75rem; }
  .jp-Cell { padding: 0.25rem 0; }
  .jp-InputPrompt, .jp-OutputPrompt { display: none; }
}
"""
_INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rdc_kit: gallery</title><style>{style}</style></head>
<body><main><h1>Gallery</h1>
<p>Each notebook's newest finished run, as it was executed.</p>
<ul class="runs">
{entries}
</ul></main></body></html>
"""


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

    def line(self) -> str:
        """Dataset, size, profile, end, duration and commit: one line of text."""
        setting, ended = self._setting(), self.facts["ended"]
        parts = [f"{ended[:10]} {ended[11:16]} UTC", f"{self.facts['seconds']:,.0f} s"]
        parts += [f"git {self.facts.get('git') or 'unknown'}"]
        if self.dataset:
            size = f" at {setting['size']} px" if setting.get("size") else ""
            parts = [self.dataset + size, f"profile {setting.get('profile', '?')}", *parts]
        return " · ".join(parts)

    def _setting(self) -> dict[str, Any]:
        return self.facts.get("setting") or self.facts.get("parameters", {})


def finished(dataset: str = "") -> list[Finished]:
    """The newest run of each notebook that ended "ok", by name.

    Args:
        dataset: only runs on this dataset, and runs that only read results; all when empty.
    """
    newest: dict[str, Finished] = {}
    for path in runs_dir("notebooks").glob("*/manifest.json"):
        if read_status(path.parent) != "ok":
            continue
        facts = files.read_record(path, "name", "ended", "seconds")
        if facts is None:
            continue
        run = Finished(path.parent / f"{facts['name']}.ipynb", facts)
        # The cells of a notebook run by hand are saved by JupyterLab, not in this folder.
        if not run.notebook.is_file() or (dataset and run.dataset not in ("", dataset)):
            continue
        known = newest.get(facts["name"])
        if known is None or known.facts["ended"] < facts["ended"]:
            newest[facts["name"]] = run
    return [newest[name] for name in sorted(newest)]


def gallery(out: Path | None = None, dataset: str = "") -> int:
    """Write a page for each finished notebook, and index.html; print one line.

    No notebook is run. A page contains its images and needs no other file.

    Args:
        out: folder; data/gallery of the home when left out. Pages of the same name are replaced.
        dataset: see `finished`.

    Returns:
        0, or 1 when no notebook has finished.
    """
    out, runs = (out or data_dir() / "gallery").resolve(), finished(dataset)
    if not runs:
        where, choice = runs_dir("notebooks"), f" DATASET={dataset}" if dataset else ""
        what = f"finished notebook run on {dataset}" if dataset else "finished notebook run"
        message = f"gallery: there is no {what} in {where}: `make study{choice}` makes them"
        print(message, file=sys.stderr)
        return 1
    entries = []
    for run, (title, page) in [(run, export(run)) for run in runs]:  # all pages, then write
        name = f"{run.notebook.stem}.html"
        _write(out / name, page)
        entries.append(
            f'<li><a href="{html.escape(name)}">{html.escape(title)}</a>'
            f'<div class="facts">{html.escape(run.line())}</div></li>'
        )
    _write(out / "index.html", _INDEX.format(style=_STYLE, entries="\n".join(entries)))
    print(f"gallery: {len(runs)} notebooks, open {out / 'index.html'}")
    return 0


def export(run: Finished) -> tuple[str, str]:
    """Title of a finished notebook (its first heading), and its page."""
    content = _without_live_parts(nbformat.read(run.notebook, as_version=4))
    title = _title(content) or run.notebook.stem
    content.metadata["title"] = title
    origin = _origin(content)
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = _with_images(cell.source, origin)
    quiet = logging.getLogger(__name__)
    quiet.setLevel(logging.ERROR)  # nbconvert warns about every figure without a description
    exporter = HTMLExporter(raw_template=_PAGE, log=quiet)
    banner = (
        '<header class="run"><a href="index.html">All notebooks</a>'
        f'<div class="facts">{html.escape(run.line())}</div></header>'
    )
    facts = {"metadata": {"name": run.notebook.stem}, "style": _STYLE, "banner": banner}
    page, _ = exporter.from_notebook_node(content, facts)
    return title, _BETWEEN.sub(r'href="\1.html', page)


def _without_live_parts(content: Any) -> Any:
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


def _title(content: Any) -> str:
    for cell in content.cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("#"):
                return line.lstrip("#").strip()
    return ""


def _origin(content: Any) -> Path:
    """The folder that the notebook was in when it ran: its links to images are relative to it."""
    source = Path(content.metadata.get("papermill", {}).get("input_path") or "")
    return source.parent if source.is_file() else notebooks_dir()


def _with_images(markdown: str, origin: Path) -> str:
    """Markdown with the linked images inside it, where the file exists.

    nbconvert only does this for images below the notebook's folder, and figures/ is not.
    """

    def embedded(match: re.Match[str]) -> str:
        path, kind = origin / match[2], mimetypes.guess_type(match[2])[0] or ""
        if not kind.startswith("image/") or not path.is_file():
            return match[0]
        return f"{match[1]}data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"

    return _LINK.sub(embedded, markdown)


def _write(path: Path, text: str) -> None:
    with files.atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")
