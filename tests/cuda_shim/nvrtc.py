"""NVIDIA's run-time compiler, called directly: it needs neither a GPU nor CuPy, only its wheel."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def find_library() -> Path | None:
    """Where `pip install nvidia-cuda-nvrtc` put the compiler."""
    spec = find_spec("nvidia")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [path for folder in folders for path in sorted(Path(folder).glob("cu*/lib/libnvrtc.so.*"))]
    return found[0] if found else None


def compile_for_gpu(library: Path, code: str, options: Sequence[str]) -> bytes:
    """The machine code of a module. Raises ValueError with the compiler's log."""
    for needed in library.parent.glob("libnvrtc-builtins.so.*"):  # which it looks for by name
        ctypes.CDLL(str(needed))
    nvrtc = ctypes.CDLL(str(library))
    program = ctypes.c_void_p()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), code.encode(), b"kernels.cu", 0, None, None) == 0
    written = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    if nvrtc.nvrtcCompileProgram(program, len(options), written):
        raise ValueError(_read(nvrtc, program, "ProgramLog").decode()[:4000])
    return _read(nvrtc, program, "CUBIN")


def _read(nvrtc: Any, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    assert nvrtc[f"nvrtcGet{what}Size"](program, ctypes.byref(size)) == 0
    content = ctypes.create_string_buffer(size.value)
    assert nvrtc[f"nvrtcGet{what}"](program, content) == 0
    return content.raw
