"""Cases of interpolation, and of channels that become space."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ShapeError
from ...ops import resize as r
from ...ops.sources import input
from ..case import Array, BadCase, Case, case, real, whole


def _interpolated(x: Array, sizes: Any, mode: str, coordinates: str) -> Array:
    """One axis after the other: by `numpy.interp` between the places, or the nearest place."""
    for axis, m in enumerate(sizes, 2):
        n, o = x.shape[axis], np.arange(m)
        if coordinates == "half_pixel":
            at = (o + 0.5) * n / m - 0.5
        else:
            at = o * (n - 1) / max(m - 1, 1) if coordinates == "align_corners" else o * n / m
        if mode == "nearest":
            index = np.floor(at + 1e-9) if coordinates == "asymmetric" else np.ceil(at - 0.5 - 1e-9)
            x = np.take(x, np.clip(index, 0, n - 1).astype(int), axis)
        else:
            rows = np.moveaxis(x, axis, -1)
            flat = [np.interp(at, np.arange(n), row) for row in rows.reshape(-1, n)]
            x = np.moveaxis(np.reshape(flat, (*rows.shape[:-1], m)), -1, axis)
    return x


def _resize(name: str, shape: Any, sizes: Any, mode: str, coordinates: str) -> Case:
    return case(
        "resize",
        f"{mode} {coordinates} {name}",
        lambda x: r.resize(x, sizes, mode=mode, coordinates=coordinates),
        lambda x: _interpolated(x, sizes, mode, coordinates),
        x=real(*shape),
    )


def _doubled(mode: str) -> Case:
    return case(
        "resize",
        f"{mode} named space",
        lambda x: r.resize(x, scale=2, mode=mode),
        lambda x: _interpolated(x, [2 * n for n in x.shape[2:]], mode, "half_pixel"),
        x=real(2, 1, "m", 3),
    )


CASES = [
    *[
        _resize(name, shape, sizes, mode, coordinates)
        for mode in r.MODES
        for coordinates in r.COORDINATES
        for name, shape, sizes in (
            ("up", (2, 2, 3, 2), (7, 4)),
            ("down", (2, 1, 5, 6), (3, 1)),
            ("one dimension", (1, 2, 4), (6,)),
            ("three dimensions", (1, 1, 2, 1, 3), (3, 2, 3)),
        )
    ],
    *map(_doubled, r.MODES),
    case(
        "resize",
        "named size of the result",
        lambda x, y: r.resize(x, y.shape[2:], mode="linear", coordinates="align_corners") * y.sum(),
        lambda x, y: _interpolated(x, y.shape[2:], "linear", "align_corners") * y.sum(),
        x=real(1, 2, 3, 2),
        y=real(1, 1, "m", 4),
    ),
    case(
        "resize",
        "nearest by whole factors",
        lambda x: r.resize(x, scale=(2, 3.0), mode="nearest"),
        lambda x: x.repeat(2, 2).repeat(3, 3),
        x=real("n", 1, 2, 3),
    ),
    case(
        "resize",
        "half as large",
        lambda x: r.resize(x, scale=0.5),
        lambda x: _interpolated(x, (2, 3), "linear", "half_pixel"),
        x=real(1, 1, 4, 6),
    ),
    case(
        "depth_to_space",
        "depth first",
        lambda x: r.depth_to_space(x, 2),
        lambda x: (
            x.reshape(-1, 2, 2, 2, 3, 2).transpose(0, 3, 4, 1, 5, 2).reshape(-1, 2, 6, 4)
            if len(x)
            else np.zeros((0, 2, 6, 4))
        ),
        x=real("n", 8, 3, 2),
    ),
    case(
        "depth_to_space",
        "depth last",
        lambda x: r.pixel_shuffle(x, 2),
        lambda x: (
            np.stack([[x[:, 4 * c + 2 * i : 4 * c + 2 * i + 2] for i in (0, 1)] for c in (0, 1)])
            .transpose(2, 0, 4, 1, 5, 3)
            .reshape(len(x), 2, 6, 4)
        ),
        x=real("n", 8, 3, 2),
    ),
    case(
        "depth_to_space", "integers", lambda x: r.depth_to_space(x, 1), lambda x: x, x=whole("n", 2, 1, 1)
    ).only("float32"),
    case(
        "space_to_depth",
        "named space",
        lambda x: r.space_to_depth(r.resize(x, scale=2, mode="nearest"), 2),
        lambda x: np.concatenate([x] * 4, 1),
        x=real("n", 2, "m", 1),
    ),
    case(
        "space_to_depth",
        "blocks",
        lambda x: r.space_to_depth(x, 2),
        lambda x: np.concatenate([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1),
        x=real("n", 3, 4, 2),
    ),
]

BAD_CASES = [
    BadCase(
        "resize",
        "neither",
        lambda: r.resize(input("x", (1, 1, 3))),
        ShapeError,
        r"found resize with neither sizes nor scale; needed one of them",
    ),
    BadCase(
        "resize",
        "mode",
        lambda: r.resize(input("x", (1, 1, 3)), 6, mode="cubic"),
        ShapeError,
        r"resize with mode='cubic'; needed one of nearest, linear",
    ),
    BadCase(
        "resize",
        "scale",
        lambda: r.resize(input("x", (1, 1, 3)), scale=1.5),
        ShapeError,
        r"resize with scale 1.5 of an axis of size 3; needed a whole size",
    ),
    BadCase(
        "resize",
        "sizes",
        lambda: r.resize(input("x", (1, 1, 3)), (6, 6)),
        ShapeError,
        r"resize of .* to \(6, 6\); needed one number, or 1",
    ),
    BadCase(
        "resize",
        "nothing",
        lambda: r.resize(input("x", (1, 1, 0)), 3),
        ShapeError,
        r"resize: found float32\[1, 1, 0\] to .*; needed at least one element",
    ),
    BadCase(
        "resize",
        "no image",
        lambda: r.resize(input("x", (1, 3)), 6),
        ShapeError,
        r"resize of .*; needed images \(N, C, …\)",
    ),
    BadCase(
        "depth_to_space",
        "channels",
        lambda: r.depth_to_space(input("x", (1, 6, 2, 2)), 2),
        ShapeError,
        r"depth_to_space: found 6 channels for blocks of 2 x 2; needed a multiple of 4",
    ),
    BadCase(
        "depth_to_space",
        "mode",
        lambda: r.depth_to_space(input("x", (1, 4, 2, 2)), 2, "RCD"),
        ShapeError,
        r'depth_to_space with mode=\'RCD\'; needed "DCR" or "CRD"',
    ),
    BadCase(
        "space_to_depth",
        "sizes",
        lambda: r.space_to_depth(input("x", (1, 4, 3, 2)), 2),
        ShapeError,
        r"space_to_depth: found an image of 3 x 2; needed sizes that are multiples of 2",
    ),
    BadCase(
        "space_to_depth",
        "block",
        lambda: r.space_to_depth(input("x", (1, 4, 3, 2)), 0),
        ShapeError,
        r"space_to_depth with blocks of 0; needed an integer of at least 1",
    ),
]
