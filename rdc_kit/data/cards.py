"""Dataset cards: what is in a set, how it was made, how to use it, for people and for the Hub."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..ground.names import in_markdown

if TYPE_CHECKING:  # saving imports this file, and imagesets that one; pandas is slow to import
    import pandas as pd

    from .imagesets import ImageSet

_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
_PLACES = ("mapped", "read_from")  # of this machine
# What facts are called in a card; others by their keys.
_WORDS = {
    "ipc": "images per class",
    "size": "side in pixels",
    "resize": "made square by",
    "skipped": "images that could not be decoded",
    "clipped": "images with values above white, cut off",
    "image_column": "column of images",
    "label_column": "column of labels",
    "tie_mass": "share of a class with the score at the cut",
    "passed_over": "share of a class passed over first",
    "combine_seed": "seed of the combining",
    "originals_per_class": "originals per class",
    "scoring_seed": "seed of the scoring run",
    "teacher_seed": "seed of the teacher",
    "teacher_epochs": "epochs of the teacher",
    "teacher_top1": "accuracy of the teacher on the pool, %",
}
# Where a file of this machine begins a text, or is an option's value: "mine set=/home/me/s.pt".
_PATH = re.compile(r"(^|=)(?:~|\.{1,2}|[A-Za-z]:)?[/\\][^=]*[/\\]")
_TRAINING = """import torch, torchvision
from datasets import load_dataset
from torchvision.transforms.functional import normalize, pil_to_tensor

rows = load_dataset("{place}", split="train")
x = torch.stack([pil_to_tensor(image.convert("RGB")) for image in rows["image"]]) / 255
x, y = normalize(x, {mean}, {std}), torch.tensor(rows["label"][:])
{cells}model = torchvision.models.resnet18(num_classes={classes})
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
for step in range(3000):
    batch = torch.randint(len(x), (100,))
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
    optimiser.step()"""
_CELLS = """x = x.unfold(2, {height}, {height}).unfold(3, {width}, {width})  # each cell an image
x = torch.nn.functional.interpolate(x.permute(0, 2, 3, 1, 4, 5).flatten(0, 2), {size})
y = y.repeat_interleave({count})
"""


def card(images: ImageSet, name: str) -> str:
    """The card of a saved set: what is inside, how it was made, how to read it back."""
    head = _front_matter(images, name)
    return f"""{head}
{_inside(images)}

{_listed(public(images.provenance))}

The licence of the source's images applies.
Read it with `datasets.load_dataset("parquet", data_files="<this folder>/data/*")`, for by its name
alone `datasets` mixes up folders of one name, or with `rdc_kit.load("parquet:<this folder>")`.
"""


def published_card(
    images: ImageSet,
    name: str,
    place: str,
    licence: str,
    made: dict[str, Any],
    results: pd.DataFrame | None = None,
) -> str:
    """The card of a set on the Hub.

    Args:
        images: the set. name: its title. place: OWNER/NAME on the Hub.
        licence: an identifier of the Hub, "unknown" where nobody has said.
        made: facts beside the provenance: versions and hashes.
        results: rows of trainings on this very set, as a grid writes them.
    """
    method = images.provenance.get("method")
    tags = ["dataset-compression", "rdc_kit", *([str(method)] if method else [])]
    head = _front_matter(images, name, {"license": licence}, tags)
    words = (
        f"The licence is {in_markdown(licence)}."
        if licence != "unknown"
        else "The licence is not known."
    )
    return f"""{head}
{_inside(images)}

## How it was made

{_listed(public(images.provenance) | made)}

`originals.csv`, where it is here, lists the original of every image or cell.

## Accuracy

{_accuracy(results)}

## Load

```python
from datasets import load_dataset

rows = load_dataset("{place}", split="train")  # on disk: "parquet", data_files="FOLDER/data/*"
```

## Train

```python
{_training(images, place)}
```

Test images are scaled to 0..1 and normalised by the same numbers.

## Licence

{words} The licence of the source's images applies too.
"""


def _front_matter(
    images: ImageSet, name: str, more: dict[str, Any] | None = None, tags: list[str] | None = None
) -> str:
    """The YAML that the Hub reads, and the title."""
    import yaml

    size = next((text for most, text in _SIZES.items() if len(images) < most), "1M<n<10M")
    facts = {
        **(more or {}),
        "pretty_name": name,
        "task_categories": ["image-classification"],
        "size_categories": [size],
        **({"tags": tags} if tags else {}),
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "data/train-*"}],
            }
        ],
    }
    head = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n# {in_markdown(name)}\n"


def _inside(images: ImageSet) -> str:
    """What the columns hold."""
    text = (
        f"{len(images):,} images of {images.size} x {images.size} pixels, {images.num_classes} "
        f"classes, {len(images) / images.num_classes:g} per class; PNG, hard labels in `label`, "
        "which `class_id` repeats for the command of the benchmark's authors."
    )
    if images.members is None:
        return f"{text} `row_id` is the row of the image in its source."
    rows, columns = images.grid
    return (
        f"{text} Every image is a composite of {rows} x {columns} cells; `members` holds the row "
        "of the original in each cell, row by row."
    )


def public(facts: dict[str, Any]) -> dict[str, Any]:
    """Provenance without places of this machine, see `without_place`."""
    return {k: without_place(v) for k, v in facts.items() if k not in _PLACES}


def without_place(value: Any) -> Any:
    """A fact without folders of this machine: of a local source or a file its last name is told.

    Args:
        value: a text, or a list or table of some; anything else stays as it is.
    """
    if isinstance(value, dict):
        return {key: without_place(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_place(one) for one in value]
    if not isinstance(value, str):
        return value
    kind, colon, place = value.partition(":")
    if kind in ("folder", "parquet") and colon:
        return f"{kind}:{place.rstrip('/').rpartition('/')[2]}"
    return _PATH.sub(r"\1", value)


def _listed(facts: dict[str, Any]) -> str:
    told = ((_WORDS.get(key, key), value) for key, value in facts.items())
    return "\n".join(f"- {in_markdown(key)}: {in_markdown(value)}" for key, value in told)


def _accuracy(results: pd.DataFrame | None) -> str:
    """A table with a line for each way of training."""
    if results is None:
        return "None was given."
    columns = ["protocol", "labels", "student", "epochs"]
    heads, tests = ["protocol", "labels", "network", "epochs", "top-1, %", "runs"], list[str]()
    if "tests" in results:
        heads, tests = [*heads, "test images"], ["tests"]
    lines = [heads, ["---"] * len(heads)]
    for way, top1 in results.groupby([*columns, *tests], sort=False)["top1"]:
        spread = f" (sd {top1.std():.1f})" if len(top1) > 1 else ""
        found = [f"{top1.mean():.1f}{spread}", len(top1)]
        lines.append([*map(str, [*way[:4], *found, *way[4:]])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _training(images: ImageSet, place: str) -> str:
    """A training in plain PyTorch; cell by cell where all cells of the composites are alike."""
    rows, columns = images.grid
    high, wide = images.size // rows, images.size // columns
    alike = images.view == "cell" and rows * high == images.size == columns * wide
    cells = _CELLS.format(height=high, width=wide, size=images.size, count=rows * columns)
    return _TRAINING.format(
        place=place,
        mean=list(images.traits.mean),
        std=list(images.traits.std),
        cells=cells if alike else "",
        classes=images.num_classes,
    )
