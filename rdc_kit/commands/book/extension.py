"""What Sphinx does not do by itself: formulas without a script, and our form of docstrings."""

from __future__ import annotations

import html
import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml


def setup(app: Any) -> dict[str, bool]:
    """Register both with Sphinx, which calls this."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("autodoc-process-docstring", _flatten, priority=400)  # before napoleon's 500
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def as_mathml(tex: str, block: bool = False) -> str:
    """A formula as MathML, which browsers draw by themselves; as its text if it cannot be read.

    Sphinx's own renderer fetches MathJax from the network.
    """
    try:
        return tex2mathml(tex, as_block=block)
    except MathError:
        return f"<code>{html.escape(tex)}</code>"


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(as_mathml(node.astext()))
    raise nodes.SkipNode


def _block(writer: Any, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{as_mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def _flatten(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = with_paragraphs(lines)


def with_paragraphs(lines: list[str]) -> list[str]:
    """A docstring whose `Source:` and `Differs:` are paragraphs, whatever their lines' indent."""
    made: list[str] = []
    inside = False
    for line in lines:
        if starts := re.match(r"(Source|Differs): ", line):
            made += ["", f"**{starts[1]}:** {line[starts.end() :]}"]
            inside = True
        else:
            inside = inside and bool(line.strip())
            made.append(line.strip() if inside else line)
    return made
