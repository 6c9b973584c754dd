"""The gallery: finished notebook runs as pages that open from disk, without server or network."""

from __future__ import annotations

import base64
import html
import io
import logging
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter
from PIL import Image

from ..ground import files
from ..ground.folders import data_dir, runs_dir
from ..ground.manifests import read_manifest, read_status, run_folders
from ..ground.names import command
from .finished import (
    Finished,
    finished,
    first_picture,
    headings_of,
    origin_of,
    question_of,
    read_later,
    title_of,
    with_pictures,
    without_live_parts,
)

# Scripts are left out: the browser would fetch them from the network, and the pages need none.
_PAGE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_css %}<style>{{ resources.style }}</style>{% endblock %}
{% block body_header %}{{ super() }}{{ resources.header }}{% endblock %}
{% block body_footer %}{{ resources.footer }}{{ super() }}{% endblock %}
"""
# To a file of the notebooks' folder, from wherever this one lies.
_BETWEEN = re.compile(r'href="((?:[^":]*/)?)([\w-]+)\.(?:ipynb|md)(#[^"]*)?"')
_PREVIEW = 480  # pixels of a picture of the index, twice its width there
_STYLE = """
body { margin: 0; padding: 0; background: #fff; color: #222; font: 16px/1.5 sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
main img { max-width: 100%; height: auto; }
.facts { color: #666; font-size: 0.875rem; }
ul.runs { list-style: none; padding: 0; }
ul.runs li { display: flex; gap: 1.25rem; padding: 1rem 0; border-top: 1px solid #ddd; }
ul.runs a { font-size: 1.125rem; }
ul.runs .look { flex: 0 0 15rem; }
ul.runs .look img { max-height: 11rem; object-fit: contain; object-position: left top; }
ul.runs p { margin: 0.25rem 0; }
nav.ways { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; justify-content: space-between; }
nav.ways, .contents { margin: 0.75rem 0; }
nav.ways a, .contents a, ul.runs a { color: #1a5fb4; }
.contents ul { margin: 0.25rem 0; padding-left: 1.25rem; }
.jp-OutputArea-output, .jp-InputArea-editor, .jp-RenderedMarkdown { overflow-x: auto; }
@media (max-width: 45rem) {
  main { padding: 0.75rem; }
  .jp-Cell { padding: 0.25rem 0; }
  .jp-InputPrompt, .jp-OutputPrompt { display: none; }
  ul.runs li { flex-direction: column-reverse; gap: 0.5rem; }
  ul.runs .look { flex-basis: auto; }
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
        message += _without_copy()
        print(message, file=sys.stderr)
        return 1
    read = {run.notebook.stem: _read(run) for run in runs}
    titles = {name: title_of(content) or name for name, content in read.items()}
    pages = {run.notebook.stem: export(run, read[run.notebook.stem], titles) for run in runs}
    for name, page in pages.items():  # all of them were made: now write
        files.write_text(out / f"{name}.html", page)
    entries = "\n".join(_entry(run, read[run.notebook.stem], titles) for run in runs)
    files.write_text(out / "index.html", _INDEX.format(style=_STYLE, entries=entries))
    print(f"gallery: {len(runs)} notebooks, open {out / 'index.html'}")
    return 0


def _without_copy() -> str:
    """What else to say where runs ended well whose executed copies are elsewhere; "" for none."""
    ended = [folder for folder in run_folders() if read_status(folder) == "ok"]
    names = [(folder, read_manifest(folder).get("name", "")) for folder in ended]
    count = sum(not (folder / f"{name}.ipynb").is_file() for folder, name in names)
    if not count:
        return ""
    return (
        f"; {count} ended ok by other means, without the executed copy there that "
        f"`{command('run')}` leaves"
    )


def _read(run: Finished) -> Any:
    """The cells of a run without live parts, with the pictures that its text links to."""
    content = without_live_parts(nbformat.read(run.notebook, as_version=4))
    return with_pictures(read_later(content, run), origin_of(content))


def export(run: Finished, content: Any, titles: dict[str, str]) -> str:
    """The page of a finished notebook.

    Args:
        run: which.
        content: its cells, with their pictures.
        titles: of all pages, by name, in their order.
    """
    name = run.notebook.stem
    content.metadata["title"] = titles[name]
    quiet = logging.getLogger(__name__)
    quiet.setLevel(logging.ERROR)  # nbconvert warns about every figure without a description
    exporter = HTMLExporter(raw_template=_PAGE, log=quiet)
    ways, facts = _ways(name, titles), f'<div class="facts">{html.escape(run.line())}</div>'
    around = {"header": ways + facts + _contents(content), "footer": ways, "style": _STYLE}
    page, _ = exporter.from_notebook_node(content, {"metadata": {"name": name}, **around})
    return _BETWEEN.sub(lambda link: _to_page(link, titles), page)


def _to_page(link: re.Match[str], titles: dict[str, str]) -> str:
    """A link to a notebook made one to its page; where there is no such page it leads nowhere."""
    folder, name, heading = link.groups(default="")
    if name == "contents":
        return 'href="index.html"'
    known = name in titles and not folder.endswith("solutions/")
    return f'href="{name}.html{heading}"' if known else ""


def _ways(name: str, titles: dict[str, str]) -> str:
    """Links to the page before, to all pages, and to the next one."""
    names = list(titles)
    k = names.index(name)
    before, after = names[:k][-1:], names[k + 1 :][:1]
    links = [(one, f"← {html.escape(titles[one])}") for one in before]
    links += [("index", "All notebooks")]
    links += [(one, f"{html.escape(titles[one])} →") for one in after]
    shown = "\n".join(f'<a href="{html.escape(to)}.html">{text}</a>' for to, text in links)
    return f'<nav class="ways">{shown}</nav>'


def _contents(content: Any) -> str:
    """Links to the headings of a page, but its title."""
    lines = [
        f'<li><a href="#{html.escape(text.replace(" ", "-"))}">{html.escape(text)}</a></li>'
        for level, text in headings_of(content)
        if level == 2
    ]
    listed = "\n".join(lines)
    return f'<details class="contents"><summary>Contents</summary><ul>{listed}</ul></details>'


def _entry(run: Finished, content: Any, titles: dict[str, str]) -> str:
    """A notebook in the index: its first picture, title, question and facts."""
    name = run.notebook.stem
    smoke = "<p><em>A smoke run: its numbers mean nothing.</em></p>" if run.smoke else ""
    return (
        f'<li><div class="look">{_preview(first_picture(content))}</div><div>'
        f'<a href="{html.escape(name)}.html">{html.escape(titles[name])}</a>'
        f"<p>{html.escape(question_of(content))}</p>{smoke}"
        f'<div class="facts">{html.escape(run.line())}</div></div></li>'
    )


def _preview(png: bytes) -> str:
    """A small copy of a picture, all of it, as html; empty without one."""
    if not png:
        return ""
    picture, small = Image.open(io.BytesIO(png)), io.BytesIO()
    picture.thumbnail((_PREVIEW, _PREVIEW))
    picture.save(small, "png", optimize=True)
    packed = base64.b64encode(small.getvalue()).decode()
    return f'<img alt="" src="data:image/png;base64,{packed}">'
