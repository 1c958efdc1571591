"""Cases of convolutions and their transposes."""

from __future__ import annotations

from typing import Any

from ...errors import DTypeError, ShapeError
from ...ops import conv as c
from ...ops.sources import input
from ...ops.windows import read_windows
from ..case import BadCase, Case, case, real
from .oracles import correlate, filter_gradient, spread


def _conv(name: str, x: Any, w: Any, *, pads: Any = 0, **more: Any) -> Case:
    return case(
        "conv",
        name,
        lambda x, w: c.conv(x, w, padding=pads, **more),
        lambda x, w: correlate(x, w, pads=pads, **more),
        x=real(*x),
        w=real(*w),
    )


def _transpose(name: str, x: Any, w: Any, *, pads: Any = 0, extra: Any = 0, **more: Any) -> Case:
    return case(
        "conv_input_gradient",
        name,
        lambda x, w: c.conv_transpose(x, w, padding=pads, output_padding=extra, **more),
        lambda x, w: spread(x, w, pads=pads, extra=extra, **more),
        x=real(*x),
        w=real(*w),
    )


def _filters(
    name: str, x: Any, g: Any, kernel: Any, stride: Any, pads: Any, dilation: Any, groups: int = 1
) -> Case:
    def build(x: Any, g: Any) -> Any:
        windows = read_windows("conv", x.shape[2:], kernel, stride, pads, dilation)
        return c.ConvFilterGradient(windows, groups)(x, g)

    return case(
        "conv_filter_gradient",
        name,
        build,
        lambda x, g: filter_gradient(x, g, kernel, stride, pads, dilation, groups),
        x=real(*x),
        g=real(*g),
    )


CASES = [
    _conv("one dimension", ("n", 2, 5), (3, 2, 2)),
    _conv("pairs of pads", ("n", 2, 5, 4), (3, 2, 3, 2), stride=(2, 1), pads=((1, 0), (0, 2))),
    _conv("dilation and groups", ("n", 4, 5, 6), (6, 2, 2, 2), dilation=(2, 3), groups=2),
    _conv("depthwise", ("n", 3, 4, 4), (3, 1, 3, 3), pads=1, groups=3),
    _conv("three dimensions", (2, 2, 3, 4, 3), (2, 2, 2, 2, 2), stride=2, pads=1),
    _conv("pointwise", ("n", 3, 2, 2), (2, 3, 1, 1)),
    _conv("pointwise, stride", ("n", 3, 3, 4), (2, 3, 1, 1), stride=2),
    _conv("named space", ("n", 2, "m", 4), (1, 2, 3, 3), stride=2, pads=1),
    _conv("same", ("n", 1, 5, 4), (2, 1, 3, 2), stride=2, pads="same"),
    _conv("same, named space", ("n", 1, "m", 4), (2, 1, 3, 2), stride=2, pads="same"),
    _conv("ones", (1, 1, 1), (1, 1, 1)),
    _conv("empty", (0, 2, 3), (2, 2, 2)),
    case(
        "conv",
        "bias",
        c.conv,
        correlate,
        x=real("n", 2, 3, 3),
        w=real(3, 2, 2, 2),
        b=real(3),
    ),
    case(
        "conv",
        "by itself",
        lambda x: c.conv(x, x, padding=1),
        lambda x: correlate(x, x, pads=1),
        x=real(2, 2, 3),
    ),
    _transpose("one dimension", ("n", 2, 4), (2, 3, 2)),
    _transpose(
        "stride and output padding", ("n", 2, 3, 2), (2, 3, 3, 2), stride=(3, 2), pads=1, extra=(2, 1)
    ),
    _transpose("pairs of pads", ("n", 2, 3, 3), (2, 1, 3, 3), pads=((0, 1), (2, 0))),
    _transpose("dilation and groups", ("n", 4, 3), (4, 2, 3), stride=3, dilation=2, groups=2, pads=1),
    _transpose("depthwise", ("n", 3, 3), (3, 1, 3), stride=2, groups=3),
    _transpose("gaps", ("n", 1, 3), (1, 2, 1), stride=3),
    _transpose("named space", ("n", 2, "m"), (2, 1, 3), stride=2, pads=1),
    _transpose("three dimensions", (1, 2, 2, 1, 2), (2, 1, 2, 2, 1), stride=2),
    case(
        "conv_input_gradient",
        "bias",
        c.conv_transpose,
        spread,
        x=real("n", 2, 3),
        w=real(2, 3, 2),
        b=real(3),
    ),
    _filters("two dimensions", ("n", 2, 4, 3), ("n", 3, 4, 3), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    _filters("inputs left over", ("n", 2, 6), ("n", 3, 3), (2,), (2,), ((0, 1),), (1,)),
    _filters("many taps", (2, 1, 8, 7), (2, 2, 2, 2), (6, 6), (2, 1), ((0, 0), (0, 0)), (1, 1)),
    _filters("inputs left over, many taps", ("n", 1, 36), ("n", 2, 2), (33,), (2,), ((0, 0),), (1,)),
    _filters("groups and dilation", ("n", 4, 6), ("n", 2, 2), (2,), (3,), ((1, 0),), (2,), 2),
]

BAD_CASES = [
    BadCase(
        "conv",
        "channels",
        lambda: c.conv(input("x", ("batch", 3, 8, 8)), input("w", (4, 5, 3, 3))),
        ShapeError,
        r"conv: found an image of 3 channels and filters float32\[4, 5, 3, 3\] for 5; needed as many",
    ),
    BadCase(
        "conv",
        "channels of groups",
        lambda: c.conv(input("x", (1, 6, 8)), input("w", (4, 2, 3)), groups=2),
        ShapeError,
        r"found an image of 6 channels and filters .* for 2 in 2 groups; needed 4 channels",
    ),
    BadCase(
        "conv",
        "filters of groups",
        lambda: c.conv(input("x", (1, 4, 8)), input("w", (5, 2, 3)), groups=2),
        ShapeError,
        r"found 5 filters in 2 groups; needed a multiple",
    ),
    BadCase(
        "conv",
        "kernel too large",
        lambda: c.conv(input("x", (1, 1, 4, 8)), input("w", (1, 1, 3, 3)), dilation=3, padding=(1, 0)),
        ShapeError,
        r"found a window of 7 on an axis of 6, padding included; needed a window that fits",
    ),
    BadCase(
        "conv",
        "stride of 0",
        lambda: c.conv(input("x", (1, 1, 4)), input("w", (1, 1, 3)), stride=0),
        ShapeError,
        r"found conv with stride 0; needed an integer of at least 1",
    ),
    BadCase(
        "conv",
        "three strides",
        lambda: c.conv(input("x", (1, 1, 4, 4)), input("w", (1, 1, 3, 3)), stride=(1, 1, 1)),
        ShapeError,
        r"stride \(1, 1, 1\); needed an integer of at least 1, or 2 of them",
    ),
    BadCase(
        "conv",
        "padding",
        lambda: c.conv(input("x", (1, 1, 4)), input("w", (1, 1, 3)), padding=-1),
        ShapeError,
        r"found conv with padding -1; needed an integer of at least 0, or 1 of them, or 1 pairs",
    ),
    BadCase(
        "conv",
        "name of a padding",
        lambda: c.conv(input("x", (1, 1, 4)), input("w", (1, 1, 3)), padding="full"),
        ShapeError,
        r"padding 'full'; needed .* \"same\" or \"valid\"",
    ),
    BadCase(
        "conv",
        "same where it can't be told",
        lambda: c.conv(input("x", (1, 1, "width")), input("w", (1, 1, 2)), stride=3, padding="same"),
        ShapeError,
        r"on an axis of size width; needed a size that is a number, or a window of at least the stride",
    ),
    BadCase(
        "conv",
        "ranks",
        lambda: c.conv(input("x", (3, 8, 8)), input("w", (4, 3, 3, 3))),
        ShapeError,
        r"needed \(N, C, …\) and \(O, C, …\), with as many axes of space",
    ),
    BadCase(
        "conv",
        "named kernel",
        lambda: c.conv(input("x", (1, 3, 8)), input("w", (4, 3, "k"))),
        ShapeError,
        r"needed a kernel of known sizes",
    ),
    BadCase(
        "conv",
        "groups",
        lambda: c.conv(input("x", (1, 3, 8)), input("w", (4, 3, 3)), groups=0),
        ShapeError,
        r"found conv with groups=0; needed an integer of at least 1",
    ),
    BadCase(
        "conv",
        "bias",
        lambda: c.conv(input("x", (1, 3, 8)), input("w", (4, 3, 3)), input("b", (3,))),
        ShapeError,
        r"found a bias of shape \(3,\) for 4 channels; needed shape \(4,\)",
    ),
    BadCase(
        "conv",
        "integers",
        lambda: c.conv(input("x", (1, 3, 8), "int64"), input("w", (4, 3, 3), "int64")),
        DTypeError,
        r"conv: found int64\[1, 3, 8\]; needed a float dtype",
    ),
    BadCase(
        "conv_input_gradient",
        "channels",
        lambda: c.conv_transpose(input("x", (1, 3, 8)), input("w", (4, 3, 3))),
        ShapeError,
        r"found 3 channels and filters float32\[4, 3, 3\] for 4; needed as many channels",
    ),
    BadCase(
        "conv_input_gradient",
        "output padding",
        lambda: c.conv_transpose(input("x", (1, 3, 8)), input("w", (3, 3, 3)), stride=2, output_padding=2),
        ShapeError,
        r"output_padding \(2,\) and stride \(2,\); needed less than the stride",
    ),
    BadCase(
        "conv_input_gradient",
        "nothing left",
        lambda: c.conv_transpose(input("x", (1, 3, 2)), input("w", (3, 3, 1)), padding=2),
        ShapeError,
        r"found sizes \(-2,\) of the result; needed none below 0",
    ),
    BadCase(
        "conv_input_gradient",
        "same",
        lambda: c.conv_transpose(input("x", (1, 3, 8)), input("w", (3, 3, 3)), padding="same"),
        ShapeError,
        r"conv_transpose with padding 'same'; needed integers or pairs",
    ),
    BadCase(
        "conv_filter_gradient",
        "results",
        lambda: c.ConvFilterGradient(read_windows("conv", (8,), (3,), 1, 0, 1), 1)(
            input("x", (1, 3, 8)), input("g", (1, 4, 7))
        ),
        ShapeError,
        r"found results of shape \(1, 4, 7\) for an image float32\[1, 3, 8\]; needed \(1, 4, 6\)",
    ),
]
