"""Where a training stands, and what a checkpoint keeps of all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CheckpointError, explain
from ..origin import here
from .callbacks import Callback
from .history import History
from .structure import Structure
from .weights import state_arrays, write_state

if TYPE_CHECKING:
    from .storage import Stored
    from .trainer import Trainer

Array = np.ndarray[Any, Any]


@dataclass
class Position:
    """Whole epochs that are done, steps of the one under way, steps in all, the epoch that `fit` started
    with, and why a callback stopped it."""

    epoch: int = 0
    step: int = 0
    steps: int = 0
    first: int = 0
    stopped: str = ""


def packed(trainer: Trainer) -> tuple[dict[str, Array], dict[str, Any]]:
    """All that a training is, as arrays and metadata."""
    numbers, parts = trainer.sums.state()
    arrays = state_arrays(trainer.state) | {f"sums/{name}": part for name, part in parts.items()}
    kept: dict[str, Any] = {}
    for key, callback in keyed(trainer.callbacks).items():
        state = callback.state()
        kept[key] = {name: value for name, value in state.items() if not isinstance(value, np.ndarray)}
        arrays |= {f"{key}/{name}": a for name, a in state.items() if isinstance(a, np.ndarray)}
    x, y, weighted = trainer.data_form
    metadata = {
        "kind": "training",
        "variables": list(trainer.variables),
        "position": asdict(trainer.position),
        "sums": numbers,
        "history": trainer.history.to_dict(),
        "callbacks": kept,
        "seed": trainer.seed,
        "source": trainer.source_form,
        "data": {"x": x.described(), "y": y.described() if y else None, "weighted": weighted},
    }
    return arrays, metadata


def require_training(found: Stored) -> None:
    """Raise CheckpointError for a checkpoint of a state alone."""
    if found.metadata.get("kind") != "training":
        do = "Load the variables alone with irgraph.train.load_state."
        needed = "one that a Trainer saved"
        raise CheckpointError(explain(f"{found.path}, which holds variables only", needed, here(), do))


def unpack(trainer: Trainer, found: Stored) -> None:
    """Put a trainer, which is built, where it was. Raises CheckpointError, and changes nothing, where the
    checkpoint is of another model."""
    metadata = found.metadata
    what, own = f"the checkpoint {found.path}", (metadata["variables"], trainer.variables)
    write_state(trainer.state, found.arrays, what, own=own)
    trainer.position = Position(**metadata["position"])
    trainer.history = History.from_dict(metadata["history"])
    trainer.source_form = metadata["source"]
    trainer.sums.restore(metadata["sums"], below("sums", found.arrays))
    trainer.resumed = {
        key: dict(state) | below(key, found.arrays) for key, state in metadata["callbacks"].items()
    }


def data_form(metadata: Mapping[str, Any]) -> tuple[Structure, Structure | None, bool]:
    """The structures of the data that a training was fed."""
    data = metadata["data"]
    y = Structure.from_description(data["y"]) if data["y"] else None
    return Structure.from_description(data["x"]), y, bool(data["weighted"])


def below(head: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of one part, by their names in it."""
    return {name[len(head) + 1 :]: array for name, array in arrays.items() if name.startswith(f"{head}/")}


def keyed(callbacks: Sequence[Callback]) -> dict[str, Callback]:
    """The callbacks by class and number, under which a checkpoint keeps them."""
    found: dict[str, Callback] = {}
    for callback in callbacks:
        name = type(callback).__name__
        number = sum(key.rpartition(".")[0] == name for key in found)
        found[f"{name}.{number}"] = callback
    return found


def require_same_source(then: Mapping[str, Any], now: Mapping[str, Any], step: int) -> None:
    """Raise CheckpointError where a position within an epoch would mean something else now."""
    differ = [
        f"{key} {then.get(key)!r}, now {value!r}" for key, value in now.items() if then.get(key) != value
    ]
    if step and differ:
        do = "Pass to fit what was passed when the checkpoint was written."
        found = f"a checkpoint after step {step} of an epoch with {'; '.join(differ)}"
        raise CheckpointError(explain(found, "the same batches", here(), do))
