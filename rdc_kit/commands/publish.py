"""The verb publish: a folder for the Hugging Face Hub from a saved set. Nothing is sent."""

from __future__ import annotations

import re
import shlex
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd

from ..data.cards import public, published_card, without_place
from ..data.imagesets import DataError, ImageSet
from ..data.loading import load
from ..data.saving import FACTS, INDEX
from ..ground import files, places, store


def publish(
    saved: Path, folder: Path, licence: str = "unknown", results: Path | None = None
) -> None:
    """Write a dataset folder for the Hub, and say how to send it there.

    It holds what `ImageSet.save` wrote, a card with recipe, hashes and licence, and the rows of
    `results` that are on this very set, by their set_hash. Places of this machine are left out.

    Args:
        saved: folder that `ImageSet.save` or `rdc compress` wrote.
        folder: a new one.
        licence: the Hub's name of it, such as "cc-by-4.0", in capitals or not; "unknown" is said.
        results: csv of runs, as grids and benchmarks write them.

    Raises:
        DataError: no saved set, or no results on this set. FileExistsError: `folder` exists.
        ValueError: a licence that the Hub would not read, or a folder that cannot be made.
    """
    places.check_new(folder)
    licence = licence.lower()  # so the Hub has them
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        raise ValueError(
            "license must be one of the Hub's names, of letters, digits, dots and dashes, such as "
            f"cc-by-4.0 or mit, got {licence!r}"
        )
    if not (saved / FACTS).is_file() or not (saved / "data").is_dir():
        raise DataError(f"{saved} is no saved set (no rdc.json): `rdc compress --out` writes one")
    images = load(f"parquet:{saved}").train
    if "read_from" not in images.provenance:
        raise DataError(f"{saved / 'rdc.json'} is not what save wrote: save the set again")
    rows = None if results is None else _rows_of(images, results)
    place = f"OWNER/{_hub_name(folder.name)}"
    _write(images, saved, folder, licence, rows, place)
    if licence == "unknown":
        print("the card says that the licence is unknown: --license mit, say, names one")
    print(f"send it: hf upload {place} {shlex.quote(str(folder))} . --repo-type dataset")
    print(f"publish: {images} in {folder}; nothing was sent")


def _hub_name(text: str) -> str:
    """A name that the Hub takes: of ASCII letters and digits, and single dashes."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub("-+", "-", files.safe_name(plain)).strip("-") or "dataset"


def _rows_of(images: ImageSet, results: Path) -> pd.DataFrame:
    """The rows of trainings on this very set."""
    if not results.is_file():
        raise DataError(f"{results} is no file: give the csv of a grid or a benchmark")
    try:
        table = pd.read_csv(results, dtype={"set_hash": str})
    except ValueError as error:
        raise DataError(f"{results} is no csv of runs ({str(error).splitlines()[0]})") from error
    needed = {"set_hash", "protocol", "labels", "student", "epochs", "top1"}
    if not needed <= set(table):
        lacks = ", ".join(sorted(needed - set(table)))
        raise DataError(f"{results} is no csv of runs: it lacks {lacks}")
    rows = table[table["set_hash"] == images.fingerprint()]
    if not len(rows):
        raise DataError(
            f"none of the {len(table)} rows in {results} was measured on this set, whose set_hash "
            f"is {images.fingerprint()}: leave --results out, or name the runs on this set"
        )
    return rows


def _write(
    images: ImageSet,
    saved: Path,
    folder: Path,
    licence: str,
    rows: pd.DataFrame | None,
    place: str,
) -> None:
    """The folder, whole or not at all."""
    facts: dict[str, Any] = files.read_json(saved / FACTS)
    facts["provenance"] = public(facts["provenance"])
    versions = facts.get("made_with", {})
    hashes = {"config_hash": store.config_hash(facts["provenance"])}
    hashes["set_hash"] = images.fingerprint()
    facts |= {"license": licence, **hashes}
    with_versions = ", ".join(f"{name} {version}" for name, version in versions.items())
    with files.atomic_path(folder, replace=False) as part:
        shutil.copytree(saved / "data", part / "data")
        if (saved / INDEX).is_file():
            shutil.copy(saved / INDEX, part / INDEX)
        if rows is not None:
            rows.map(without_place).to_csv(part / "results.csv", index=False)
        files.write_json(part / FACTS, facts)
        text = published_card(
            images, folder.name, place, licence, {"made with": with_versions} | hashes, rows
        )
        (part / "README.md").write_text(text)
