"""Checkpoints: everything that changes during a training, and its way to disk and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

import torch
from torch import Tensor, nn

from ..ground.arrays import load_if_whole, save_arrays
from ..ground.files import set_aside
from ..ground.folders import data_dir


class Recorder(Interface):
    """Something that watches training: every image once per epoch, as the network saw it."""

    def update(self, epoch: int, rows: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Take positions [B], logits float32 [B, C] and labels [B] of one batch."""

    def state(self) -> dict[str, Tensor]:
        """Tensors to keep in a checkpoint."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from a checkpoint's tensors."""


@dataclass
class State:
    """Everything that changes during training; what a checkpoint holds."""

    model: nn.Module
    optimiser: torch.optim.Optimizer
    recorders: Sequence[Recorder]
    epoch: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    what: str = ""  # of the training: its set, protocol, network, seed, arithmetic and teacher

    def save(self, path: Path) -> None:
        """Write all that `load` needs."""
        content = {
            "what": self.what,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "recorders": [r.state() for r in self.recorders],
            "progress": [self.epoch, self.seconds, self.losses],
        }
        save_arrays(path, content)

    def load(self, path: Path, device: torch.device) -> None:
        """Go on from a checkpoint; one that is damaged is set aside.

        So is one in the kit's own folders that does not fit any more: an earlier version left it.

        Raises:
            ValueError: it belongs to another training, or is a folder.
        """
        if path.is_dir():
            raise ValueError(
                f"checkpoint {path} is a folder: name a file in it, {path / 'checkpoint.npz'}"
            )
        content = load_if_whole(path)
        if content is None:
            return
        if not self._fits(content):
            if path.resolve().is_relative_to((data_dir() / "runs").resolve()):
                set_aside(path, "it belongs to another training or version")
                return
            raise ValueError(
                f"{path} belongs to another training (another set, protocol, network, seed, "
                "precision, device or teacher): name another checkpoint, or delete it"
            )
        self.model.load_state_dict(content["model"])
        self.optimiser.load_state_dict(content["optimiser"])
        for group in self.optimiser.param_groups:
            if "capturable" in group:  # what was saved may come from where no step is recorded
                group["capturable"] = device.type != "cpu"
        for recorder, state in zip(self.recorders, content["recorders"], strict=True):
            recorder.restore({name: value.to(device) for name, value in state.items()})
        self.epoch, self.seconds, self.losses = content["progress"]

    def _fits(self, content: Any) -> bool:
        if not isinstance(content, dict) or content.get("what") != self.what:
            return False
        alike = len(content.get("recorders", ())) == len(self.recorders)
        return alike and content["model"].keys() == self.model.state_dict().keys()
