"""Tensors on disk: plain arrays and JSON in one npz file, and never a pickle.

A pickle can run code when it is read. This format holds numbers only, and the archive's own
checksums tell when one of them has changed.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .files import Damaged, atomic_path, set_aside

_TREE = "tree"  # name of the JSON that says where each array belongs


def save_arrays(path: Path, value: Any) -> None:
    """Write nested dicts and lists of tensors, numbers, texts and None.

    Raises:
        TypeError: it holds anything else.
    """
    arrays: dict[str, np.ndarray] = {}
    tree = json.dumps(_taken_apart(value, arrays))
    arrays[_TREE] = np.frombuffer(tree.encode(), np.uint8)
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def load_arrays(path: Path) -> Any:
    """What `save_arrays` wrote; tuples come back as lists, arrays as tensors on the CPU.

    Raises:
        Damaged: the file is not whole, or not of this format. FileNotFoundError: it is absent.
        IsADirectoryError: it is a folder, of which nobody must think that it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        tree = json.loads(arrays[_TREE].tobytes())
        return _put_together(tree, arrays)
    except (FileNotFoundError, IsADirectoryError):
        raise
    except (
        *(OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile),
        *(NotImplementedError, RuntimeError, zlib.error),  # zipfile's, over a changed bit
    ) as error:
        raise Damaged(f"{path} cannot be read: {error}") from error


def load_if_whole(path: Path) -> Any:
    """What `save_arrays` wrote; None where it is absent, or damaged and therefore set aside."""
    try:
        return load_arrays(path)
    except FileNotFoundError:
        return None
    except Damaged as error:
        set_aside(path, str(error))
        return None


def _taken_apart(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """JSON in which {"array": NAME} stands for a tensor and {"dict": pairs} for a dict."""
    if isinstance(value, torch.Tensor | np.ndarray):
        name = f"a{len(arrays)}"
        array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
        if array.dtype.hasobject:
            raise TypeError("arrays of objects are not saved")
        arrays[name] = array
        return {"array": name}
    if isinstance(value, dict):
        return {"dict": [[key, _taken_apart(one, arrays)] for key, one in value.items()]}
    if isinstance(value, list | tuple):
        return [_taken_apart(one, arrays) for one in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} is not saved: use tensors, numbers, texts or None")


def _put_together(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(tree, list):
        return [_put_together(one, arrays) for one in tree]
    if not isinstance(tree, dict):
        return tree
    if "array" in tree:
        return torch.from_numpy(arrays[tree["array"]].copy())
    return {key: _put_together(one, arrays) for key, one in tree["dict"]}
