"""The book's page of figures: what was planned first, and what each figure asks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...ground import files
from .chapters import escaped

# Name of a figure -> its question; in each part of the page they stand in this order.
QUESTIONS = {
    "room": "What is each step worth, with few images per class and with many?",
    "first_look": "What does each step earn: to prune, to combine, and how a composite is seen?",
    "soft_vs_hard": "Which methods lead by soft labels, and which by hard ones?",
    "gaps": "How much of each method's accuracy goes when its soft labels go?",
    "windows": "Which difficulty is the best to keep, and does it depend on room?",
    "orders": "Is it better to keep easy images or hard ones, and who says which are easy?",
    "ablations": "PCA taken apart: which of its choices earns what?",
    "crops": "How small may a crop be, for each way of looking at a composite?",
    "architectures": "Is the best set still the best for another network?",
    "sets": "What do the sets look like, and how much is there to learn from their images?",
    "entropy": "How much is there to learn from the images of each set?",
    "curve": "Up to which crop do simple sets stay simple in training?",
    "price": "What is the accuracy worth that soft labels buy with their bytes?",
    "stress": "Do the gains survive corrupted images, an attack, and the worst class?",
    "ledger": "What was found of every claim that was planned, and how sure is it?",
    "speed-grid": "Where does the time of one run go?",
}
_PARTS = {
    "What was planned": "On photographs, by questions that were written down before the rows.",
    "Photographs, not planned": "Runs of the chapters: hints of what to ask next.",
    "Digits": "For playing: no claim of the paper is about them.",
    "The kit": "How the runs themselves behave.",
}
_PLAN, _PHOTOGRAPHS, _DIGITS, _KIT = _PARTS
_WHOLE_PLAN = ("ledger", "room")  # of several settings
_SHOWS = {
    **{"dataset": "{}", "size": "{} px", "ipc": "{} per class", "epochs": "{} epochs"},
    "student": "{}",
}
_INTRO = """# Figures

The committed figures. Those that show a figure or a table of the paper are drawn by `rdc figures
--results evidence`, from the tables of the evidence alone.
"""


def figures_page(folder: Path) -> str:
    """Every committed figure, with its question, and a caption made from the facts beside it.

    Args:
        folder: figures/evidence, as it lies beside this page.
    """
    order = list(QUESTIONS)
    shown: dict[str, list[tuple[int, str, str]]] = {part: [] for part in _PARTS}
    for path in sorted(folder.rglob("[!.]*.png")):
        facts = files.read_json(path.with_suffix(".json")) or {}
        name = _name(path.stem)
        place = order.index(name) if name in order else len(order)
        text = _figure(path, name, facts, folder.parents[1])
        shown[_part(path.stem, name, facts)].append((place, path.stem, text))
    parts = [_INTRO]
    for part, told in shown.items():
        if told:
            parts += [f"## {part}\n\n{_PARTS[part]}\n", *(text for *_, text in sorted(told))]
    return "\n".join(parts)


def _name(stem: str) -> str:
    """Name of a figure, from that of its files: planned_NAME-SETTING or 03_NAME-SETTING."""
    bare = re.sub(r"^(planned|[0-9]+)_", "", stem)
    return bare if bare in QUESTIONS else bare.partition("-")[0]


def _part(stem: str, name: str, facts: dict[str, Any]) -> str:
    datasets = _of_rows(facts)["dataset"]
    if stem.startswith("planned_") or name in _WHOLE_PLAN:
        return _PLAN
    if not datasets:
        return _KIT
    return _DIGITS if "digits" in datasets else _PHOTOGRAPHS


def _figure(path: Path, name: str, facts: dict[str, Any], root: Path) -> str:
    """The section of one figure."""
    place = path.relative_to(root).as_posix()
    of_rows = _of_rows(facts)
    setting = [_SHOWS[key].format(", ".join(values)) for key, values in of_rows.items() if values]
    known = name if setting or name in QUESTIONS else path.stem
    words = known.replace("_", " ").replace("-", " " if known in QUESTIONS else "-").capitalize()
    title = escaped(": ".join(filter(None, [words, ", ".join(setting)])))
    asked = f"{escaped(QUESTIONS[name])}\n\n" if name in QUESTIONS else ""
    told = []
    if re.match("Figure|Table|Theorem", facts.get("shows", "")):
        told.append(f"in the paper: {escaped(facts['shows'])}")
    if path.with_suffix(".csv").is_file():
        told.append(f"[the plotted numbers]({place.removesuffix('png')}csv)")
    if facts.get("git"):
        commit, dirty, _ = facts["git"].partition("-dirty")
        told.append(f"drawn by git {escaped(commit)}{' with uncommitted changes' * bool(dirty)}")
    caption = f"\n```{{container}} facts\n{'; '.join(told)}\n```\n" if told else ""
    return f"### {title}\n\n{asked}![{title}]({place})\n{caption}"


def _of_rows(facts: dict[str, Any]) -> dict[str, list[str]]:
    """What the rows behind a figure have in common; of a notebook's figure, its parameters."""
    own = facts.get("parameters", {})
    given = {key: [str(own[key])] if own.get(key) else [] for key in _SHOWS}
    return {key: facts.get(f"rows_{key}", given[key]) for key in _SHOWS}
