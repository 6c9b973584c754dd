"""The pages of the book that are no chapters, as Markdown for Sphinx, made from what is there."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Sequence

import pandas as pd

import rdc_kit

from ...ground.folders import PACKAGE
from ...study.verdicts.ledger import by_plan, ledger
from ...study.verdicts.ledger_text import MARK, by_claim, put_into
from ...study.verdicts.tables import collect
from .chapters import Chapter, escaped

_TERM = re.compile(r"^### (.+)\n\n(.+(?:\n.+)*)", re.MULTILINE)
_EVIDENCE = [
    *("data/evidence/findings", "notebooks/ledger", "figures"),
    *("data/evidence/speed", "data/evidence/README"),
]
_LEDGER = """# The ledger of claims

```{{container}} wide
What the committed evidence says of each claim of the paper, made by the same code as
[91](91_claims.ipynb) and `rdc claims --results evidence`; the words are in the
[glossary](glossary.md). In words, with a short table and the figure:
[what the evidence says](../data/evidence/findings.md).
```

## What was planned

{measured}

## What is pending

{pending}

## What else was measured

Not planned, so not judged: hints of what to ask next.

{others}
"""
_FOLDED = """<details><summary>Lines that wait for their rows: {count}</summary>

{tables}

</details>"""
_MODULE = """## {short}

```{{eval-rst}}
.. automodule:: {module}
   :members:
```
"""
_TREE = """```{{toctree}}
:hidden:
:caption: {caption}

{pages}
```
"""


def front(text: str, told: Sequence[Chapter]) -> str:
    """The front page: the recipe's text, with the course and the navigation of the whole book.

    Args:
        text: of front.md; `<!-- course -->` is where the course goes.
        told: the chapters.
    """
    lines = []
    for one in told:
        takes = f"about {max(1, round(one.minutes))} min on two cores; " if one.minutes else ""
        state = escaped(f"{takes}{one.state()}")
        lines.append(f"- [{escaped(one.title)}](notebooks/{one.name}.ipynb)\n")
        lines.append(f"  {escaped(one.question)}\n" if one.question else "")
        lines.append(f"  ```{{container}} facts\n  {state}\n  ```\n")
    trees = [
        ("The course", [f"notebooks/{one.name}" for one in told]),
        ("The evidence", _EVIDENCE),
        ("To look up", ["notebooks/glossary", "api/index"]),
    ]
    shown = [_TREE.format(caption=name, pages="\n".join(pages)) for name, pages in trees]
    return text.replace("<!-- course -->", "\n".join(lines)) + "\n" + "\n".join(shown)


def words_of(glossary: str) -> dict[str, str]:
    """Anchor of each word of the glossary, as JupyterLab makes it -> the word."""
    return {anchor(term): term for term, _ in _TERM.findall(glossary)}


def anchor(heading: str) -> str:
    """The name that JupyterLab gives to a heading, by which links find it; it is safe in html."""
    return re.sub(r'["<>]', "", heading).strip().replace(" ", "-")


def as_glossary(text: str) -> str:
    """The glossary with each `### word` and its explanation as a term that Sphinx can link to."""

    def term(found: re.Match[str]) -> str:
        explained = "\n".join(f"  {line}" for line in found[2].splitlines())
        return f"```{{glossary}}\n{found[1]}\n{explained}\n```"

    return _TERM.sub(term, text)


def ledger_page() -> str:
    """The ledger of the committed evidence."""
    measured, pending, others = by_plan(ledger(collect("evidence")))
    # No heading is folded: its section would end outside.
    waiting = _FOLDED.format(count=len(pending), tables=_claims(pending, "**{}**: {}"))
    shown = [_claims(rows, "### {}\n\n{}") for rows in (measured, others)]
    return _LEDGER.format(measured=shown[0], pending=waiting, others=shown[1])


def _claims(rows: pd.DataFrame, form: str) -> str:
    """Rows of the ledger, those of a claim below its name and sentence."""
    told = [f"{form.format(name, says)}\n\n{_small_print(t)}" for name, says, t in by_claim(rows)]
    return "\n\n".join(told)


def findings_page(text: str) -> str:
    """The findings; their table is wide, so it is in small print."""
    return put_into(text, _small_print(text.split(MARK)[1].strip()))


def _small_print(markdown: str) -> str:
    return f"````{{container}} ledger\n{markdown}\n````"


def api_pages() -> Iterator[tuple[str, str]]:
    """Name and text of each page of the API: the public names, then a page for each room."""
    rooms: dict[str, list[str]] = {}
    for module in modules():
        parts = module.split(".")[1:]
        rooms.setdefault(".".join(parts[:-1]) or parts[0], []).append(module)
    yield "index", _public_page(list(rooms))
    for room, inside in rooms.items():
        about = inspect.getdoc(importlib.import_module(f"rdc_kit.{room}")) or ""
        listed = [_MODULE.format(short=m.removeprefix("rdc_kit."), module=m) for m in inside]
        intro = about if len(inside) > 1 else ""
        yield room, "\n".join([f"# {room}\n\n{intro}\n", *listed])


def modules() -> list[str]:
    """Every module of the package but those of the command line."""
    paths = sorted(p.relative_to(PACKAGE.parent) for p in PACKAGE.rglob("[!.]*.py"))
    named = [".".join(path.with_suffix("").parts) for path in paths if path.stem[:2] != "__"]
    return [name for name in named if not name.startswith("rdc_kit.commands.")]


def _public_page(rooms: list[str]) -> str:
    """A line for each public name, which leads to its room."""
    lines = ["| name | what it is |", "|---|---|"]
    for name in rdc_kit.__all__:
        value, home = getattr(rdc_kit, name), f"rdc_kit.{rdc_kit._HOME_OF[name]}"
        if callable(value):
            told, target = inspect.getdoc(value) or "", f"{home}.{name}"
        else:
            told, target = inspect.getdoc(importlib.import_module(home)) or "", home
        lines.append(f"| {{py:obj}}`rdc.{name} <{target}>` | {told.splitlines()[0]} |")
    tree = _TREE.format(caption="Rooms", pages="\n".join(rooms))
    public = "\n".join(lines)
    return f"# API\n\nAfter `import rdc_kit as rdc`, the public names:\n\n{public}\n\n{tree}"
