"""What a State holds, saved and loaded; a checkpoint of another model says what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import checked
from ..errors import CheckpointError, explain
from ..origin import here
from ..state import State
from ..types import TensorType, as_dtype
from . import storage

PREFIX = "state/"
SHOWN = 5  # names of each kind of difference

Array = np.ndarray[Any, Any]


@checked
def save_state(path: str | Path, state: State, names: Iterable[str] | None = None) -> Path:
    """Save all variables of a state, or those of `names`, to a folder; the path of the new checkpoint.

    The folder holds a `.safetensors` file, which other libraries read, and a JSON file with checksums. What
    was saved there before is kept until the new one is whole. Raises CheckpointError where it can't be
    written.

    >>> import tempfile
    >>> import irgraph as ig
    >>> f = ig.compile(ig.parameter("w", (2,), init=3.0) * 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_state(folder, f.state)
    ...     f.state["w"] = [0.0, 0.0]
    ...     load_state(folder, f.state)
    >>> f()
    array([6., 6.], dtype=float32)
    """
    return storage.save(path, state_arrays(state, names), {"kind": "state"}, keep=1)


@checked
def load_state(path: str | Path, state: State, names: Iterable[str] | None = None) -> None:
    """Load all variables of a state, or those of `names`, from a folder that `save_state` or a trainer wrote.

    Without `names` the checkpoint must have the state's variables and no others. Raises CheckpointError for
    a checkpoint of another model, with what is missing, what is unexpected, and which shapes or dtypes
    differ, and for one that is damaged: nothing is written then.
    """
    found = storage.load(path)
    chosen = None if names is None else list(names)
    write_state(state, found.arrays, f"the checkpoint {found.path}", chosen)


def state_arrays(state: State, names: Iterable[str] | None = None) -> dict[str, Array]:
    """Copies of the variables under the names that they have in a checkpoint."""
    with state.lock:
        state.require_idle("saving")
        return {PREFIX + name: state[name] for name in (state if names is None else names)}


def write_state(
    state: State,
    arrays: Mapping[str, Array],
    what: str,
    names: Iterable[str] | None = None,
    own: tuple[Iterable[str], Iterable[str]] | None = None,
) -> None:
    """Write the variables from a checkpoint's arrays, all or none. Raises CheckpointError for others.

    `own` are the names that must be there, as the checkpoint has them and as they are now; of others, of
    which a shared state may have some, those are written that are in both.
    """
    stored = {name[len(PREFIX) :]: array for name, array in arrays.items() if name.startswith(PREFIX)}
    if names is not None:
        wanted = [str(state.type_of(name)) and name for name in names]
        stored = {name: array for name, array in stored.items() if name in wanted}
    elif own is not None:
        then, now = (list(each) for each in own)
        wanted = now + [name for name in state if name in stored and name not in now]
        stored = {name: array for name, array in stored.items() if name in wanted or name in then}
    else:
        wanted = list(state)
    wrong = differences(stored, state, wanted)
    if wrong:
        found = f"{what}, which is of another model: {'; '.join(wrong)}"
        do = "Build the model that it was saved from, or load some variables only with names=[...]."
        raise CheckpointError(explain(found, "the variables of the state", here(), do))
    state.update(stored)


def differences(stored: Mapping[str, Array], state: State, wanted: list[str]) -> list[str]:
    """What is missing, what is unexpected, and which types differ, in words; empty where all is well."""
    missing = [f"{name} {state.type_of(name)}" for name in wanted if name not in stored]
    unexpected = [f"{name} {_type(array)}" for name, array in stored.items() if name not in wanted]
    other = [
        f"{name} is {_type(stored[name])}, and {state.type_of(name)} in the state"
        for name in wanted
        if name in stored and _type(stored[name]) != str(state.type_of(name))
    ]
    return [
        f"{word} {_listed(names)}"
        for word, names in (("it lacks", missing), ("it has besides", unexpected), ("of other types:", other))
        if names
    ]


def _type(array: Array) -> str:
    return str(TensorType(as_dtype(array.dtype), array.shape))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
