"""Cases of reshape, transpose, broadcast_to, slice, pad and concatenate."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import DTypeError, ShapeError
from ...ops import shape as h
from ...ops import slicing as g
from ...ops.sources import input
from ..case import BadCase, Case, case, real, truth, whole


def _reshapes() -> list[Case]:
    targets: dict[str, tuple[tuple[int | str, ...], tuple[int | str, ...]]] = {
        "merge": (("n", 3, 2), ("n", 6)),
        "split": (("n", 6), ("n", 3, 2)),
        "not factoring": ((2, 3, 12), (8, 9)),
        "regroup the tail": (("n", 4, 6), ("n", 8, 3)),
        "ones": ((1, "n", 1), ("n",)),
        "new ones": (("n", 3), (1, "n", 1, 3, 1)),
        "flat": (("n", 3), (-1,)),
        "scalar": ((), (1, 1)),
        "to scalar": ((1, 1), ()),
        "the rest": (("n", 3, 2), (2, -1, 3)),
        "name last": (("n", 6), (6, "n")),
        "empty": ((0, 3), (3, 0)),
        "one element": ((1,), (1, 1)),
    }
    return [
        case(
            "reshape",
            name,
            lambda x, t=target: h.reshape(x, [x.type.size // 3 if s == "n" and name_last(t) else s for s in _static(x, t)]),
            lambda x, t=target: x.reshape(_numbers(x, t)),
            x=real(*source),
        )
        for name, (source, target) in targets.items()
    ]  # fmt: skip
