"""Cases of pooling."""

from __future__ import annotations

from typing import Any

from ...errors import DTypeError, ShapeError
from ...ops import average_pooling as a
from ...ops import pooling as p
from ...ops.sources import input
from ..case import BadCase, Case, case, real, spaced, whole
from . import oracles

_WINDOWS: dict[str, tuple[Any, Any, Any, Any, Any]] = {
    # the image's shape, kernel, stride, pads, dilation
    "tiles": (("n", 2, 4, 6), (2, 3), (2, 3), [(0, 0)] * 2, (1, 1)),
    "left over": (("n", 1, 5, 3), (2, 2), (2, 2), [(0, 0)] * 2, (1, 1)),
    "overlapping": (("n", 1, 5), (3,), (1,), [(1, 1)], (1,)),
    "pairs of pads": (("n", 1, 4, 3), (3, 2), (2, 1), [(2, 1), (0, 1)], (1, 1)),
    "dilation": (("n", 1, 6, 4), (2, 2), (3, 1), [(1, 0), (0, 0)], (3, 2)),
    "gaps": (("n", 1, 7), (1,), (3,), [(0, 0)], (1,)),
    "three dimensions": ((2, 1, 2, 3, 4), (2, 2, 2), (1, 2, 2), [(1, 0), (0, 0), (0, 0)], (1, 1, 1)),
    "named space": (("n", 1, "m", 4), (2, 2), (2, 2), [(1, 1), (0, 0)], (1, 1)),
    "ones": ((1, 1, 1), (1,), (1,), [(0, 0)], (1,)),
    "empty": ((0, 1, 3), (2,), (1,), [(0, 0)], (1,)),
}


def _max_cases() -> list[Case]:
    cases = []
    for name, (shape, kernel, stride, pads, dilation) in _WINDOWS.items():
        window = (kernel, stride, pads, dilation)

        def build(x: Any, w: Any = window) -> Any:
            kernel, stride, pads, dilation = w
            return p.max_pool(x, kernel, stride, pads, dilation)

        def scatter(x: Any, g: Any, build: Any = build) -> Any:
            y = build(x)
            return p.MaxPoolScatter(y.node.op.windows)(x, y, (g * y).astype(x.dtype) * 0.5)

        def gather(x: Any, t: Any, build: Any = build) -> Any:
            y = build(x)
            return p.MaxPoolGather(y.node.op.windows)(x, y, t)

        def scatter_oracle(x: Any, g: Any, w: Any = window) -> Any:
            return oracles.to_maximum(x, g * oracles.max_pool(x, *w) * 0.5, *w)

        x = real(*shape, draw=spaced(0.2))
        cases += [
            case("max_pool", name, build, lambda x, w=window: oracles.max_pool(x, *w), x=x),
            case("max_pool_scatter", name, scatter, scatter_oracle, x=x, g=real()),
            case(
                "max_pool_gather",
                name,
                gather,
                lambda x, t, w=window: oracles.at_maximum(x, t, *w),
                x=x,
                t=real(*shape),
            ),
        ]
    return cases


def _average_cases() -> list[Case]:
    cases = []
    for name, (shape, kernel, stride, pads, dilation) in _WINDOWS.items():
        if max(dilation) > 1:
            continue
        for counts in (True, False):
            counted = pads if counts else [(0, 0)] * len(pads)
            cases.append(
                case(
                    "average_pool",
                    f"{name}{'' if counts else ', padding left out'}",
                    lambda x, k=kernel, s=stride, b=pads, c=counts: a.average_pool(x, k, s, b, False, c),
                    lambda x, k=kernel, s=stride, b=pads, c=counted: oracles.average_pool(x, k, s, b, c),
                    x=real(*shape),
                )
            )
    return cases


CASES = [
    *_max_cases(),
    *_average_cases(),
    case(
        "max_pool",
        "ceil_mode",
        lambda x: p.max_pool(x, 2, ceil_mode=True),
        lambda x: oracles.max_pool(x, (2, 2), (2, 2), [(0, 1), (0, 0)], (1, 1)),
        x=real("n", 1, 5, 4, draw=spaced(0.2)),
    ),
    case(
        "max_pool",
        "ceil_mode without a window in the padding",
        lambda x: p.max_pool(x, 2, 3, 1, ceil_mode=True),
        lambda x: oracles.max_pool(x, (2,), (3,), [(1, 0)], (1,)),
        x=real("n", 1, 5, draw=spaced(0.2)),
    ),
    case(
        "max_pool",
        "integers",
        lambda x: p.max_pool(x, 2, 1, 1),
        lambda x: oracles.max_pool(x.astype(float), (2,), (1,), [(1, 1)], (1,)).astype(x.dtype),
        x=whole("n", 1, 4, dtype="int8"),
    ).only("float32"),
    case(
        "average_pool",
        "ceil_mode",
        lambda x: a.average_pool(x, 3, 2, 1, ceil_mode=True),
        lambda x: oracles.average_pool(x, (3,), (2,), [(1, 2)], [(1, 1)]),
        x=real("n", 1, 6),
    ),
    case(
        "average_pool",
        "named space, padding left out, ceil_mode",
        lambda x: a.average_pool(x, 3, 2, 1, True, False),
        lambda x: oracles.average_pool(x, (3,), (2,), [(1, 2 - x.shape[2] % 2)], [(0, 0)]),
        x=real("n", 1, "m"),
    ),
    case(
        "average_pool",
        "adaptive",
        lambda x: a.adaptive_average_pool(x, (2, 1)),
        lambda x: x.reshape(*x.shape[:2], 2, 2, 3).mean((3, 4)).reshape(*x.shape[:2], 2, 1),
        x=real("n", 2, 4, 3),
    ),
    case(
        "mean",
        "global average pool",
        a.global_average_pool,
        lambda x: x.mean((2, 3), keepdims=True),
        x=real("n", 2, "m", 3),
    ),
    case(
        "max",
        "global max pool",
        p.global_max_pool,
        lambda x: x.max((2, 3), keepdims=True),
        x=real("n", 2, "m", 3, draw=spaced(0.2)),
    ),
]

BAD_CASES = [
    BadCase(
        "max_pool",
        "kernel too large",
        lambda: p.max_pool(input("x", (1, 1, 3, 8)), 4),
        ShapeError,
        r"max_pool: found a window of 4 on an axis of 3, padding included; needed a window that fits",
    ),
    BadCase(
        "max_pool",
        "padding only",
        lambda: p.max_pool(input("x", (1, 1, 3)), 2, padding=2),
        ShapeError,
        r"padding 2 and windows of \(2,\); needed less padding, so that each window sees the image",
    ),
    BadCase(
        "max_pool",
        "stride of 0",
        lambda: p.max_pool(input("x", (1, 1, 3)), 2, 0),
        ShapeError,
        r"max_pool with stride 0; needed an integer of at least 1",
    ),
    BadCase(
        "max_pool",
        "kernels",
        lambda: p.max_pool(input("x", (1, 1, 3)), (2, 2)),
        ShapeError,
        r"max_pool with kernel \(2, 2\); needed an integer of at least 1, or 1 of them",
    ),
    BadCase(
        "max_pool",
        "no image",
        lambda: p.max_pool(input("x", (1, 3)), 2),
        ShapeError,
        r"needed images \(N, C, …\)",
    ),
    BadCase(
        "max_pool",
        "bools",
        lambda: p.max_pool(input("x", (1, 1, 3), "bool"), 2),
        DTypeError,
        r"max_pool: found bool\[1, 1, 3\]; needed a dtype of numbers",
    ),
    BadCase(
        "max_pool",
        "ceil_mode where it can't be told",
        lambda: p.max_pool(input("x", (1, 1, "m")), 2, 3, ceil_mode=True),
        ShapeError,
        r"ceil_mode with windows of 2 and stride 3 on an axis of m; needed known sizes",
    ),
    BadCase(
        "average_pool",
        "adaptive",
        lambda: a.adaptive_average_pool(input("x", (1, 1, 5)), 2),
        ShapeError,
        r"adaptive_average_pool to \(2,\) of .*; needed known sizes that are multiples",
    ),
    BadCase(
        "mean",
        "global average pool",
        lambda: a.global_average_pool(input("x", (1, 3))),
        ShapeError,
        r"global_average_pool of .*; needed images",
    ),
]
