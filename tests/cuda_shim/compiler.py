"""Compiling CUDA C for the CPU with g++, and launching it on NumPy arrays."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SHIM = Path(__file__).with_name("shim.h")
GXX = shutil.which("g++")
FLAGS = ("-std=c++17", "-O1", "-shared", "-fPIC", "-w", "-fwrapv", "-ffp-contract=off")
KERNEL = re.compile(r'extern "C" __global__ void (\w+)\((.*?)\) \{(.*?)\n\}\n', re.DOTALL)
SIZES = {
    "bool": 1,
    "char": 1,
    "short": 2,
    "int": 4,
    "long long": 8,
    "float": 4,
    "double": 8,
    "float16": 2,
    "bfloat16": 2,
}


class ShimError(Exception):
    """What a real compiler or device would refuse."""


class Function:
    """One kernel, called as CuPy's functions are: grid, block, arguments."""

    def __init__(self, library: ctypes.CDLL, name: str, types: Sequence[str]) -> None:
        self._launch = library[f"launch_{name}"]
        self.name = name
        self.types = types
        self.launches = 0
        self.descending = False

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], arguments: Sequence[Any]) -> None:
        """Run all blocks. Raises ShimError for arguments that do not fit the parameters."""
        if len(arguments) != len(self.types):
            raise ShimError(f"{self.name}: {len(arguments)} arguments for {len(self.types)} parameters")
        if not (1 <= block[0] <= 1024 and 1 <= grid[0] < 1 << 31):
            raise ShimError(f"{self.name}: grid {grid}, block {block}")
        held = [_held(self.name, *pair) for pair in zip(arguments, self.types, strict=True)]
        pointers = (ctypes.c_void_p * len(held))(*[ctypes.addressof(each) for each in held])
        extents = [(ctypes.c_uint * 1)(each[0]) for each in (grid, block)]
        self.launches += 1
        if self._launch(*extents, pointers, int(self.descending)):
            raise ShimError(f"{self.name}: a barrier or shuffle that not all threads meet")


def _held(name: str, argument: Any, type: str) -> Any:
    """An argument in memory, as a launch wants it; strict where CuPy would take what does not fit."""
    if type.endswith("*"):
        if not hasattr(argument, "data"):
            raise ShimError(f"{name}: {argument!r} for a pointer {type}")
        wanted = SIZES.get(_plain(type.removeprefix("const ").removesuffix("*")))
        if wanted not in (None, argument.itemsize):
            raise ShimError(f"{name}: an array of {argument.dtype} for {type}")
        return ctypes.c_void_p(int(argument.data.ptr))
    if not isinstance(argument, np.generic) or argument.itemsize != SIZES[_plain(type)]:
        raise ShimError(f"{name}: {argument!r} for {type}")
    return ctypes.create_string_buffer(argument.tobytes(), argument.itemsize)


def _plain(type: str) -> str:
    return type.strip().removeprefix("unsigned ").removeprefix("signed ")


def compile_for_cpu(code: str) -> dict[str, Function]:
    """The kernels of a module of CUDA C, by name. Raises ShimError with the compiler's log."""
    found = {name: _types(parameters) for name, parameters, _ in KERNEL.findall(code)}
    waiting = {name for name, _, body in KERNEL.findall(code) if "__syncthreads" in body or "__shfl" in body}
    wrappers = [_wrapper(name, types, name in waiting) for name, types in found.items()]
    with tempfile.TemporaryDirectory() as folder:
        text, library = Path(folder, "kernels.cpp"), Path(folder, "kernels.so")
        text.write_text("\n".join([f'#include "{SHIM}"', code, *wrappers]))
        done = subprocess.run(
            [str(GXX), *FLAGS, str(text), "-o", str(library)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ShimError(done.stderr[:4000])
        loaded = ctypes.CDLL(str(library))
    return {name: Function(loaded, name, types) for name, types in found.items()}


def _types(parameters: str) -> list[str]:
    return [each.strip().rpartition(" ")[0] for each in parameters.split(",")]


def _wrapper(name: str, types: Sequence[str], waits: bool) -> str:
    given = ", ".join(f"*({_named(name, type)}*)a[{n}]" for n, type in enumerate(types))
    return (
        f"static void body_{name}(void** a) {{ of_{name}::{name}({given}); }}\n"
        f'extern "C" int launch_{name}(const unsigned* grid, const unsigned* block, void** a, int down) {{\n'
        f"  return shim::launch(body_{name}, {str(waits).lower()}, grid, block, a, down);\n}}\n"
    )


def _named(name: str, type: str) -> str:
    """A parameter's type as it is called outside of the kernel's namespace."""
    return type.replace("Acc", f"of_{name}::Acc")
