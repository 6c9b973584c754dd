"""Chapters of the book: each notebook's newest finished run, or its text where there is none."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from ...ground.folders import notebooks_dir
from ..finished import (
    Finished,
    finished,
    origin_of,
    question_of,
    read_later,
    title_of,
    with_pictures,
    without_live_parts,
)
from ..study import minutes

_HEADING = re.compile(r"^# .*$", re.MULTILINE)
_WORD = re.compile(r"\[([^]]*)\]\((?:[^):]*/)?glossary\.md#([^)]*)\)")
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


@dataclass(frozen=True)
class Chapter:
    """A notebook as the book shows it.

    Attributes:
        name: of its file, without the ending.
        title, question: as its first cells say them; the question may be empty.
        content: its cells, as nbformat reads them; the executed ones where there is a run.
        run: the run, or None.
        changed: the notebook is not the one that was run.
        minutes: what it takes, by its own word; 0 if it does not say.
    """

    name: str
    title: str
    question: str
    content: Any
    run: Finished | None
    changed: bool
    minutes: float

    def state(self) -> str:
        """The facts of its run, in one line of text."""
        return self.run.line() if self.run else "not run here yet"


def chapters(dataset: str = "") -> list[Chapter]:
    """A chapter for each of the kit's notebooks, in the order of their names.

    Args:
        dataset: see `finished`.
    """
    runs = {run.notebook.stem: run for run in finished(dataset)}
    found = []
    for path in sorted(notebooks_dir().glob("[0-9]*.ipynb")):
        run, own = runs.get(path.stem), nbformat.read(path, as_version=4)
        content = nbformat.read(run.notebook, as_version=4) if run else own
        changed = _written(content) != _written(own)
        title = title_of(content) or path.stem
        facts = question_of(content), content, run, changed, minutes(path)
        found.append(Chapter(path.stem, title, *facts))
    return found


def _written(content: Any) -> list[str]:
    """What the author wrote: all cells but papermill's, without the pictures put into the text."""
    cells = [c for c in content.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    return [re.sub(r"!\[([^]]*)\]\([^)]*\)", r"\1", cell.source) for cell in cells]


def write_chapter(chapter: Chapter, folder: Path, words: Mapping[str, str]) -> None:
    """Write a chapter as a notebook that Sphinx reads, with its pictures as files beside it.

    Args:
        chapter: which.
        folder: to write into.
        words: anchor of each word of the glossary -> the word.
    """
    top = f"# {escaped(chapter.title)}\n\n{_facts(chapter)}"
    content = with_pictures(without_live_parts(chapter.content), origin_of(chapter.content))
    content = read_later(content, chapter.run) if chapter.run else content
    content.cells = _in_fewer_folds(content.cells)
    for cell in content.cells:  # its own title, instead of which there is the one on top
        if cell.cell_type == "markdown" and _HEADING.search(cell.source):
            cell.source = _HEADING.sub("", cell.source, count=1)
            break
    content.cells.insert(0, nbformat.v4.new_markdown_cell(top))
    _write(content, folder / f"{chapter.name}.ipynb", words)


def _in_fewer_folds(cells: list[Any]) -> list[Any]:
    """Code that shows nothing put before the code that it leads to: one fold for both."""
    made: list[Any] = []
    for cell in cells:
        before = made[-1] if made else None
        if before and _is_folded(before) and not before.get("outputs") and _is_folded(cell):
            cell.source = f"{before.source}\n\n{cell.source}"
            made.pop()
        made.append(cell)
    return made


def _is_folded(cell: Any) -> bool:
    return cell.cell_type == "code" and "exercise" not in cell.metadata.get("tags", [])


def write_solutions(source: Path, folder: Path, words: Mapping[str, str]) -> None:
    """Write the solutions of the exercises, pages that only the chapters lead to."""
    for path in sorted(source.glob("[0-9]*.ipynb")):
        content = nbformat.read(path, as_version=4)
        content.metadata["orphan"] = True
        folder.mkdir(exist_ok=True)
        _write(content, folder / path.name, words)


def _write(content: Any, path: Path, words: Mapping[str, str]) -> None:
    for number, cell in enumerate(content.cells):
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            _unpack(cell, path.parent, f"{path.stem}-{number}")
            cell.source = linked_to_glossary(cell.source, words)
        elif _is_folded(cell):  # the story leads
            cell.metadata["tags"] = [*tags, "hide-input"]
        elif "exercise" in tags:  # a reader's own code is not hidden, nor shown what it lacks
            cell.outputs = [o for o in cell.get("outputs", []) if o.output_type != "error"]
    nbformat.write(content, path)


def _unpack(cell: Any, folder: Path, start: str) -> None:
    """Attached pictures as files, which is what Sphinx can read."""
    for number, (name, kinds) in enumerate(cell.pop("attachments", {}).items()):
        ((kind, packed),) = list(kinds.items())[:1]
        file = f"{start}-{number}.{kind.rpartition('/')[2].partition('+')[0]}"
        (folder / file).write_bytes(base64.b64decode("".join(packed)))
        cell.source = cell.source.replace(f"(attachment:{name})", f"({file})")


def linked_to_glossary(markdown: str, words: Mapping[str, str]) -> str:
    """Markdown whose links to headings of glossary.md are links to Sphinx's terms."""

    def term(link: re.Match[str]) -> str:
        known = words.get(link[2])
        return f"{{term}}`{link[1]} <{known}>`" if known else link[0]

    return _WORD.sub(term, markdown)


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _PUNCTUATION.sub(r"\\\1", " ".join(text.split()))


def _facts(chapter: Chapter) -> str:
    """Where the numbers of a chapter come from, or how to make them."""
    if chapter.run is None:
        run = f"`rdc run notebooks/{chapter.name}.ipynb`"
        return _box(
            "{note}", f"Not run here yet, so there are no results: {run}, then `make book`."
        )
    parts = [_box("{container} facts", escaped(chapter.run.line()))]
    if chapter.run.smoke:
        parts.append(
            _box("{warning}", "A smoke run: it shows that all runs. Its numbers mean nothing.")
        )
    if chapter.changed:
        parts.append(
            _box("{note}", "The notebook has changed since this run; this is as it was run.")
        )
    return "\n\n".join(parts)


def _box(kind: str, text: str) -> str:
    return f"```{kind}\n{text}\n```"
