"""The weights of a layer on disk, beside what else a state holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..arguments import checked
from ..errors import CheckpointError, GraphError, explain
from ..origin import here
from ..state import State
from ..train import storage
from ..train.weights import PREFIX, Array, differences, state_arrays
from .layer import Layer

KIND = "weights"


@checked
def save_weights(layer: Layer, path: str | Path, state: State) -> Path:
    """Save a layer's variables; see `Layer.save_weights`."""
    names = _variables(layer, state)
    return storage.save(path, state_arrays(state, names), {"kind": KIND, "layer": layer.path}, keep=1)


@checked
def load_weights(layer: Layer, path: str | Path, state: State) -> None:
    """Load a layer's variables; see `Layer.load_weights`."""
    names = _variables(layer, state)
    found = storage.load(path)
    stored = {name[len(PREFIX) :]: array for name, array in found.arrays.items() if name.startswith(PREFIX)}
    if found.metadata.get("kind") == KIND:
        stored = _as_named(stored, found.metadata["layer"], layer.path, names)
    else:  # of a whole state, with slots of optimizers and other layers
        stored = {name: array for name, array in stored.items() if name in names}
    wrong = differences(stored, state, names)
    if wrong:
        what = f"the checkpoint {found.path}, which is of another layer: {'; '.join(wrong)}"
        do = "Build the layer as it was when it was saved. Nothing was changed in the state."
        raise CheckpointError(explain(what, f"the variables of {_told(layer)}", here(), do))
    state.update(stored)


def _variables(layer: Layer, state: State) -> list[str]:
    """The names of a layer's parameters and states. Raises GraphError where it or the state has none."""
    names = [*layer.parameters, *layer.states]
    if not names:
        do = "Parameters are made when a layer is called first."
        raise GraphError(explain(f"no variables in {_told(layer)}", "a layer that was called", here(), do))
    lacking = [name for name in names if name not in state]
    if lacking:
        found = f"a state without {', '.join(map(repr, lacking))}"
        do = "Compile the layer on that state first: compile(layer(x), state=state)."
        raise GraphError(explain(found, f"the variables of {_told(layer)}", here(), do))
    return names


def _told(layer: Layer) -> str:
    return repr(layer.path) if layer.path else f"the {type(layer).__name__}"


def _as_named(stored: Mapping[str, Array], saved: str, layer: str, names: list[str]) -> dict[str, Array]:
    """What a layer saved, under the names of another: the same one, a part of it, or one of another path."""
    if saved != layer and all(name in stored for name in names):
        return {name: stored[name] for name in names}
    return {_moved(name, saved, layer): array for name, array in stored.items()}


def _moved(name: str, saved: str, layer: str) -> str:
    """A variable's name with the layer's path in place of the one that it was saved under."""
    if saved and not name.startswith(f"{saved}."):
        return name  # of a layer that another one owns
    inner = name[len(saved) + 1 :] if saved else name
    return f"{layer}.{inner}" if layer else inner
