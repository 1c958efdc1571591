"""Arrays and metadata on disk, so that at every moment a whole checkpoint is there.

A checkpoint is two files of one number in a folder: `00000012.safetensors`, and `00000012.json` with the
metadata, the checksum of the tensors and its own. Each is written under another name, flushed to the disk and
renamed; the JSON comes last, and a checkpoint counts from when it is there. Older ones are deleted only then.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import checked
from ..errors import CheckpointError, explain
from ..origin import here
from ..types import as_dtype

FORMAT = 1
TENSORS, METADATA, TEMPORARY = ".safetensors", ".json", ".part"
_NUMBERED = re.compile(r"(\d{8,})\.(safetensors|json|safetensors\.part|json\.part)")

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Stored:
    """What a checkpoint holds, and the file of its metadata."""

    arrays: dict[str, Array]
    metadata: dict[str, Any]
    path: Path


@checked
def save(folder: str | Path, arrays: Mapping[str, Array], metadata: Mapping[str, Any], keep: int = 2) -> Path:
    """Write a new checkpoint into a folder, then delete all but the newest `keep`; the path of its metadata.

    `metadata` is anything that JSON can hold. Whatever happens on the way (a full disk, a kill, a power cut),
    the checkpoints that were there stay until the new one is whole and on the disk. One process writes into
    a folder at a time.

    Raises CheckpointError where it can't be written; what was written of it is then removed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(folder, {"w": np.ones(2)}, {"epoch": 3})
    ...     load(folder).arrays["w"], load(folder).metadata
    (array([1., 1.]), {'epoch': 3})
    """
    if keep < 1:
        raise CheckpointError(explain(f"keep={keep}", "at least 1 checkpoint to keep", here()))
    folder = Path(folder)
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = max([0, *_numbers(folder)]) + 1
        tensors, described = folder / f"{number:08d}{TENSORS}", folder / f"{number:08d}{METADATA}"
        data, kinds = _encoded(arrays)
        text = _document(tensors.name, data, kinds, metadata)
        for path, content in ((tensors, data), (described, text)):
            written += [path.with_name(path.name + TEMPORARY), path]
            _write(path, content)
    except BaseException as error:
        for path in reversed(written):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritten(folder, error) from error
        raise
    _delete_older(folder, number, keep)
    return described


@checked
def load(path: str | Path) -> Stored:
    """The newest whole checkpoint of a folder, or that of one JSON file.

    One that is truncated, corrupted or half written is passed over with a warning, and the one before it is
    taken. Raises CheckpointError where none is whole; the message says of each what is wrong with it.
    """
    path = Path(path)
    if _is_one(path):
        return _read(path.with_suffix(METADATA))
    faults: list[str] = []
    for number in sorted(_numbers(path), reverse=True) if path.is_dir() else ():
        try:
            found = _read(path / f"{number:08d}{METADATA}")
        except CheckpointError as error:
            faults.append(str(error))
            continue
        if faults:
            at = here()
            told = f"{faults[0]}\n  The checkpoint before it, {found.path}, is used."
            warnings.warn_explicit(told, RuntimeWarning, at.file, at.line)
        return found
    if faults:
        raise CheckpointError("\n".join(faults))
    do = "Pass the folder that checkpoints were saved to."
    raise CheckpointError(explain(f"no checkpoint in {path}", "a folder with one", here(), do))


def exists(path: str | Path) -> bool:
    """Whether a folder has a checkpoint that was once whole, not only what a kill left of the very first one;
    True for the name of a file."""
    path = Path(path)
    if path.is_dir():
        return any(re.fullmatch(r"\d{8,}\.json", each.name) for each in path.iterdir())
    return path.exists() or _is_one(path)


def _is_one(path: Path) -> bool:
    """Whether a path is that of one checkpoint, either file of it."""
    return path.suffix in (METADATA, TENSORS) and not path.is_dir()


# ----------------------------------------------------------------------------------------- writing


def _write(path: Path, content: bytes) -> None:
    """Write a file under another name, flush it to the disk, rename it, and flush the folder."""
    temporary = path.with_name(path.name + TEMPORARY)
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Make renames last; systems that can't open a folder (Windows) do so by themselves."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encoded(arrays: Mapping[str, Array]) -> tuple[bytes, dict[str, Any]]:
    """The arrays as safetensors, and the dtype and shape of each; a complex one is stored as pairs."""
    from safetensors.numpy import save as as_bytes

    ready: dict[str, Array] = {}
    kinds: dict[str, Any] = {}
    for name, given in arrays.items():
        array = np.array(given, order="C")
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        kinds[name] = [as_dtype(array.dtype).name, list(array.shape)]
        if array.dtype.kind == "c":
            array = array.reshape(*array.shape, 1).view(array.real.dtype)
        ready[name] = array
    return bytes(as_bytes(ready)), kinds


def _document(tensors: str, data: bytes, kinds: Mapping[str, Any], metadata: Mapping[str, Any]) -> bytes:
    from .. import __version__

    content = {
        "format": FORMAT,
        "irgraph": __version__,
        "tensors": {"file": tensors, "bytes": len(data), "sha256": _digest(data), "arrays": kinds},
        "metadata": metadata,
    }
    try:
        body = json.dumps(content)
    except (TypeError, ValueError) as error:
        found = f"metadata that JSON can't hold ({error})"
        raise CheckpointError(explain(found, "text, numbers, lists and dicts of these", here())) from error
    return f'{{"sha256": "{_digest(body.encode())}", "content":\n{body}\n}}\n'.encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _unwritten(folder: Path, error: OSError) -> CheckpointError:
    kept = _whole(folder)
    do = f"The one before is kept: {kept[-1]}." if kept else "There was none before."
    found = f"{error.strerror or error} while writing a checkpoint into {folder}"
    return CheckpointError(
        explain(found, "a folder and a disk that take it", do=f"What was written of it is removed. {do}")
    )


def _delete_older(folder: Path, number: int, keep: int) -> None:
    """Delete all but the newest `keep` checkpoints, and what was left of those that never became whole.

    The metadata go first, so that what is left at any moment is whole or does not count.
    """
    whole = [path for path in _whole(folder) if int(path.stem) <= number]
    kept = {path.stem for path in whole[-keep:]}
    doomed = [path for path in folder.iterdir() if (m := _NUMBERED.fullmatch(path.name)) and m[1] not in kept]
    for path in sorted(doomed, key=lambda path: (path.suffix != METADATA, path.name)):
        with suppress(OSError):  # what can't be deleted does no harm
            path.unlink()


# ----------------------------------------------------------------------------------------- reading


def _numbers(folder: Path) -> set[int]:
    """The numbers of all files, those of half-written checkpoints included."""
    return {int(found[1]) for path in folder.iterdir() if (found := _NUMBERED.fullmatch(path.name))}


def _whole(folder: Path) -> list[Path]:
    """The metadata of the checkpoints that have both files, oldest first."""
    with suppress(OSError):
        files = {path.name for path in folder.iterdir()}
        names = sorted(name for name in files if re.fullmatch(r"\d{8,}\.json", name))
        return [folder / name for name in names if name[: -len(METADATA)] + TENSORS in files]
    return []


def _read(path: Path) -> Stored:
    """One checkpoint, held against its checksums."""
    content = _content(path)
    described = content["tensors"]
    tensors = path.with_name(described["file"])
    try:
        data = tensors.read_bytes()
    except OSError as error:
        raise _damaged(path, f"{tensors.name} can't be read: {error.strerror or error}") from error
    if len(data) != described["bytes"]:
        raise _damaged(path, f"{tensors.name} has {len(data)} bytes of {described['bytes']}")
    if _digest(data) != described["sha256"]:
        raise _damaged(path, f"the checksum of {tensors.name} is another: its content has changed")
    return Stored(_decoded(data, described["arrays"]), content["metadata"], path)


def _content(path: Path) -> dict[str, Any]:
    """The JSON of a checkpoint, held against its own checksum."""
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise _damaged(path, "it was never finished: its JSON file is missing") from error
    except OSError as error:
        raise _damaged(path, f"it can't be read: {error.strerror or error}") from error
    head, _, rest = text.partition(b"\n")
    body, _, tail = rest.rpartition(b"\n}\n")
    if tail or head != f'{{"sha256": "{_digest(body)}", "content":'.encode():
        raise _damaged(path, "its JSON is truncated or has changed")
    content: dict[str, Any] = json.loads(body)
    if content.get("format") != FORMAT:
        found = f"{path}, of format {content.get('format')}, written by irgraph {content.get('irgraph', '?')}"
        raise CheckpointError(explain(found, f"format {FORMAT}", do="Read it with that version of irgraph."))
    return content


def _decoded(data: bytes, kinds: Mapping[str, Any]) -> dict[str, Array]:
    from safetensors import deserialize as from_bytes

    raw = {name: tensor["data"] for name, tensor in from_bytes(data)}  # type: ignore[no-untyped-call]
    arrays = {}
    for name, (dtype, shape) in kinds.items():
        flat = np.frombuffer(bytearray(raw[name]), as_dtype(dtype).numpy)  # a copy that may be written to
        arrays[name] = flat.reshape(shape)
    return arrays


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(explain(f"a damaged checkpoint, {path}: {why}", "a whole one"))
