"""Origins: what is known of a set's originals, found by their row in the source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:  # imagesets imports this file, and pandas is slow to import
    import pandas as pd

    from .imagesets import ImageSet

FILE, CONTENT = "file_name", "content"
# Columns of an index list; every further one is a score.
PLACE = ("image", "cell", "row_id", FILE, CONTENT, "label", "class")


@dataclass(frozen=True, eq=False)
class Origins:
    """Columns about images of a source.

    Attributes:
        row_ids: int64 [M], increasing.
        columns: "file_name" (below the source's folder), "content" (see `content_hashes`), and a
            float32 column for each score that had a say in the choice; [M] each.
    """

    row_ids: np.ndarray
    columns: dict[str, np.ndarray]

    def of(self, row_ids: np.ndarray) -> dict[str, np.ndarray]:
        """The columns for some rows, any shape; "" or NaN where a row is not known."""
        places = np.searchsorted(self.row_ids, row_ids).clip(max=len(self.row_ids) - 1)
        known = self.row_ids[places] == row_ids
        return {
            name: np.where(known, column[places], "" if column.dtype == object else np.nan)
            for name, column in self.columns.items()
        }


def content_hashes(images: Tensor) -> np.ndarray:
    """Names of images by their pixels alone: equal names, equal images.

    Args:
        images: uint8 [N, 3, S, S].

    Returns:
        [N] texts of 16 hexadecimal digits: BLAKE2b of 8 bytes.
    """
    pixels = images.cpu().numpy()
    names = [hashlib.blake2b(np.ascontiguousarray(p).data, digest_size=8) for p in pixels]
    return np.array([name.hexdigest() for name in names], dtype=object)


def first_copies(images: Tensor) -> Tensor:
    """Position of the first image with the same pixels, int64 [N]; its own where there is none.

    Args:
        images: uint8 [N, 3, S, S].
    """
    seen: dict[str, int] = {}
    names = content_hashes(images)
    return torch.tensor([seen.setdefault(name, row) for row, name in enumerate(names)])


def file_names(images: ImageSet) -> np.ndarray:
    """The file that each image came from, [N] texts; "" where there is none, as for composites."""
    if images.origins is None or images.members is not None:
        return np.full(len(images), "", dtype=object)
    return images.origins.of(images.row_ids.numpy())[FILE]


def names_of(images: ImageSet) -> list[str]:
    """Names for people: the file of each image, or source and row; for composites, of all cells."""
    ids = images.row_ids[:, None] if images.members is None else images.members
    rows, source = ids.numpy(), images.provenance.get("source", "")
    known = images.origins
    files = np.full(rows.shape, "", dtype=object) if known is None else known.of(rows)[FILE]
    named = [
        [file or f"{source} row {row}".strip() for file, row in zip(*pair, strict=True)]
        for pair in zip(files.tolist(), rows.tolist(), strict=True)
    ]
    return [" + ".join(names) for names in named]


def origins_of(pool: ImageSet, rows: Tensor, scores: Mapping[str, Tensor]) -> Origins | None:
    """What a set should remember of the originals that it was made from.

    Of composites it is what they remember already: a score of one is no score of its cells.

    Args:
        pool: the set that was chosen from.
        rows: int64 [n], positions of the chosen images in it.
        scores: name -> float [len(pool)], what they were chosen by.
    """
    if pool.members is not None:
        return pool.origins
    rows = rows[pool.row_ids[rows].argsort(stable=True)]
    row_ids = pool.row_ids[rows].numpy()
    columns = {} if pool.origins is None else pool.origins.of(row_ids)
    columns.setdefault(FILE, np.full(len(rows), "", dtype=object))
    if CONTENT not in columns:
        columns[CONTENT] = content_hashes(pool.images[rows])
    columns |= {name: values[rows].float().numpy() for name, values in scores.items()}
    return Origins(row_ids, columns)


def index_list(images: ImageSet) -> pd.DataFrame:
    """Which originals a set was made of: a row for each cell of each image.

    Returns:
        Columns PLACE, and one per score: the position of the stored image, the cell in it (row by
        row), the original's row, file name and content where they are known, its class. No rows at
        all for a set that is not made of originals, such as images recovered from noise.
    """
    import pandas as pd

    row_ids = (images.row_ids[:, None] if images.members is None else images.members).numpy()
    count, cells = row_ids.shape
    table: dict[str, Any] = {
        "image": np.arange(count).repeat(cells),
        "cell": np.tile(np.arange(cells), count),
        "row_id": row_ids.ravel(),
        **dict.fromkeys((FILE, CONTENT), ""),
        "label": images.labels.numpy().repeat(cells),
        "class": images.named_labels.repeat(cells),
    }
    if images.origins is not None:
        table |= images.origins.of(table["row_id"])
    listed = pd.DataFrame(table, index=range(count * cells))
    if images.members is None and (listed[CONTENT] == "").all():
        listed[CONTENT] = content_hashes(images.images)
    return listed if (listed["row_id"] >= 0).any() else listed[:0]


def read_index(listed: pd.DataFrame) -> Origins | None:
    """The origins that `index_list` wrote, from texts; None where it has no row.

    Raises:
        ValueError: it is no index list.
    """
    if not set(PLACE) <= set(listed):
        raise ValueError("columns are missing")
    if not len(listed):
        return None
    listed = listed.assign(row_id=listed["row_id"].astype(np.int64))
    listed = listed.drop_duplicates("row_id").sort_values("row_id")
    columns = {name: listed[name].to_numpy(object) for name in (FILE, CONTENT)}
    for name in listed.columns.drop(list(PLACE)):
        columns[name] = listed[name].replace("", "nan").to_numpy(np.float32)
    return Origins(listed["row_id"].to_numpy(), columns)
