"""A training step that is recorded once on a GPU, and replayed from then on.

A step of a small network is hundreds of operations of a few microseconds each. Python starts them
more slowly than a GPU makes them, so the GPU waits. A recorded step (a CUDA graph) is started as
one. It makes the same operations on the same memory, so whatever changes from step to step stands
in tensors that stay where they are: the rows of the batch, the learning rate, the random draws.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor], tuple[Tensor, Tensor]]  # rows [B] to the loss and the logits [B, C]
_FIRST = 3  # steps made one by one: libraries choose their ways, the optimiser makes its state
_LEAST = 16  # steps; to record costs about as much as ten that are not replayed


class Replayed:
    """A step that behaves like the one that it is made from, and starts faster.

    The loss and the logits that it returns are overwritten by the next step.

    Args:
        step: makes one optimiser step on rows of the set. It must wait for nothing.
        draws: the generator that the step draws from.
        device: a GPU, where all of it happens.
    """

    def __init__(self, step: Step, draws: torch.Generator, device: torch.device) -> None:
        self.step, self.draws, self.device = step, draws, device
        self.made = 0
        self.rows = torch.empty(0)
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Make one step on rows int64 [B]; B is the same in every call."""
        if self.made < _FIRST:
            return self._alone(rows)
        if self.graph is None:
            self._record(rows)
        else:
            self.rows.copy_(rows)
        self.graph.replay()  # type: ignore[union-attr]
        return self.loss, self.logits

    def _alone(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """One of the first steps, on the stream where a step will be recorded."""
        self.made += 1
        usual, own = torch.cuda.current_stream(self.device), _own_stream(self.device)
        own.wait_stream(usual)
        with torch.cuda.stream(own):
            found = self.step(rows)
        usual.wait_stream(own)
        return found

    def _record(self, rows: Tensor) -> None:
        """Record a step on these rows, without making it.

        Raises:
            RuntimeError: an operation of the step cannot be recorded.
        """
        self.rows, self.graph = rows.clone(), torch.cuda.CUDAGraph()
        self.graph.register_generator_state(self.draws)
        own = _own_stream(self.device)
        try:
            with (
                torch.cuda.device(self.device),  # of several, the one that it is for
                torch.cuda.graph(self.graph, stream=own, capture_error_mode="thread_local"),
            ):
                self.loss, self.logits = self.step(self.rows)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise RuntimeError(
                f"a training step could not be recorded as a CUDA graph ({error}): "
                "set RDC_REPLAY=0, which makes steps one by one"
            ) from error


@functools.cache
def _own_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all trainings: cuBLAS keeps tens of MB of workspace for every stream that it saw."""
    return torch.cuda.Stream(device)


def pays(device: torch.device, steps: int) -> bool:
    """Whether so many steps are worth a recording; never on a CPU, nor with RDC_REPLAY=0."""
    return device.type == "cuda" and steps >= _LEAST and os.environ.get("RDC_REPLAY") != "0"
