"""The book: one static site from notebooks, words, ledger, figures and docstrings, by Sphinx."""

from __future__ import annotations

import io
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...ground import files
from ...ground.folders import data_dir, evidence_dir, notebooks_dir, runs_dir, source_dir
from ...ground.store import LOCKS
from . import pages, pictures
from .chapters import Chapter, chapters, linked_to_glossary, write_chapter, write_solutions

_RECIPE = Path(__file__).parent
_SETTINGS: dict[str, Any] = {
    "project": "rdc_kit",
    "html_title": "rdc_kit",
    "extensions": [
        "myst_nb",
        "sphinx.ext.autodoc",
        "sphinx.ext.napoleon",
        "rdc_kit.commands.book.extension",
    ],
    "html_theme": "furo",
    "html_static_path": [str(_RECIPE / "static")],
    "html_css_files": ["book.css"],
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_copyright": False,
    "html_show_sphinx": False,
    "html_show_search_summary": False,  # it is fetched, which a page on the disk cannot do
    "html_math_renderer": "mathml",
    "myst_enable_extensions": ["dollarmath"],
    "myst_heading_anchors": 4,
    "myst_heading_slug_func": "rdc_kit.commands.book.pages.anchor",
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_output_stderr": "remove",
    "nb_render_markdown_format": "myst",
    "nb_ipywidgets_js": {},  # it would be fetched, and pictures stand where widgets were
    "nb_code_prompt_show": "Code",
    "nb_code_prompt_hide": "Code",
    "smartquotes": False,  # text stays as it was written
    "add_module_names": False,
    "default_role": "code",
    "toc_object_entries_show_parents": "hide",
    "napoleon_use_ivar": True,
    "autodoc_typehints_format": "short",
    "autodoc_member_order": "bysource",
    "python_maximum_signature_line_length": 80,
    # Notebooks may go down two levels at once, and two classes may have an attribute of one name.
    "suppress_warnings": ["myst.header", "ref.python"],
}


def book(out: Path | None = None, dataset: str = "") -> int:
    """Write the book; it opens from disk, without a server or a network. No notebook is run.

    Args:
        out: folder; data/book of the home when left out. An older book there is replaced.
        dataset: only runs on this one; see `finished`.

    Returns:
        0; 1 when Sphinx is not installed, or when it found faults, such as a link to a heading that
        is not there: they are printed, and the book is written all the same.

    Raises:
        FileExistsError: the folder holds something else than a book.
    """
    out = (out or data_dir() / "book").resolve()
    if out.exists() and not (out / "objects.inv").is_file() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not a book: choose a folder that is empty or not there")
    try:
        import furo  # noqa: F401
        import myst_nb  # noqa: F401
    except ImportError:
        print("book: it is made by Sphinx: `pip install furo myst-nb` first", file=sys.stderr)
        return 1
    told = chapters(dataset)
    with tempfile.TemporaryDirectory() as folder, files.atomic_path(out) as part:
        write_sources(Path(folder) / "pages", told)
        faults = run_sphinx(Path(folder) / "pages", part, Path(folder) / "trees")
    for one in told:
        print(f"{one.name}: {one.state()}{' (changed since)' if one.changed else ''}")
    run = sum(one.run is not None for one in told)
    if not run:
        print(f"nothing has finished in {runs_dir('notebooks')} yet: `make study` runs them all")
    print(f"book: {len(told)} notebooks, {run} with results; open {out / 'index.html'}")
    for fault in faults:
        print(f"book: {fault}", file=sys.stderr)
    return 1 if faults else 0


def write_sources(folder: Path, told: Sequence[Chapter]) -> None:
    """Write what Sphinx reads. The folders lie as in the checkout, so that links lead on."""
    root, notebooks = source_dir(), folder / "notebooks"
    shutil.copytree(root / "figures" / "evidence", folder / "figures" / "evidence")
    locks = shutil.ignore_patterns(LOCKS)
    shutil.copytree(evidence_dir(), folder / "data" / "evidence", ignore=locks)
    own = notebooks_dir().glob("[!.]*.md")
    texts = {f"notebooks/{path.stem}": path.read_text() for path in own}
    words = pages.words_of(texts["notebooks/glossary"])
    texts = {name: f"---\norphan: true\n---\n\n{text}" for name, text in texts.items()} | {
        "index": pages.front((_RECIPE / "front.md").read_text(), told),
        "notebooks/glossary": texts["notebooks/glossary"],
        "notebooks/ledger": pages.ledger_page(),
        "data/evidence/findings": pages.findings_page((evidence_dir() / "findings.md").read_text()),
        "figures": pictures.figures_page(folder / "figures" / "evidence"),
        **{f"api/{name}": text for name, text in pages.api_pages()},
    }
    for name, text in texts.items():
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        linked = linked_to_glossary(text, words)
        path.write_text(pages.as_glossary(linked) if name == "notebooks/glossary" else linked)
    for one in told:
        write_chapter(one, notebooks, words)
    write_solutions(notebooks_dir() / "solutions", notebooks / "solutions", words)


def run_sphinx(folder: Path, out: Path, trees: Path) -> list[str]:
    """Have Sphinx make the site; returns its warnings, one line each."""
    from sphinx.application import Sphinx

    said = io.StringIO()
    app = Sphinx(folder, None, out, trees, "html", _SETTINGS, status=None, warning=said)
    app.build()
    told = re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue())
    return [line.replace(f"{folder}/", "") for line in told.splitlines() if line.strip()]
