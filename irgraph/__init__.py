"""irgraph: models as static graphs, built in Python before they run."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import arguments, errors, init, linalg, onnx, view
from .autodiff.forward import jvp
from .autodiff.reverse import grad, value_and_grad, vjp
from .comparing import compare
from .control_flow.tracing import scan
from .dims import Dim
from .executor import find_executor
from .function import Function, compile, evaluate
from .graph import Graph
from .jacobians.api import jacobian, plan_jacobian
from .jacobians.batch import batch_jacobian
from .jacobians.options import PlanOptions
from .jacobians.result import Jacobian
from .jacobians.second_order import gauss_newton_product, hessian, hessian_diagonal, hvp, laplacian
from .op import Cost, Op
from .ops.activations import gelu, mish, silu, softsign
from .ops.along_axis import take_along_axis
from .ops.angles import arctan2, deg2rad, hypot, rad2deg, sinc
from .ops.arithmetic import add, divide, multiply, negative, subtract
from .ops.average_pooling import adaptive_average_pool, average_pool, global_average_pool
from .ops.cast import cast, stop_gradient
from .ops.comparison import (
    clip,
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_not,
    maximum,
    minimum,
    not_equal,
    where,
)
from .ops.complex import angle, complex, conj, imag, real
from .ops.constants import constant, full, ones, zeros
from .ops.conv import conv, conv_transpose
from .ops.conv_ranks import (
    conv1d,
    conv1d_transpose,
    conv2d,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
)
from .ops.cumulative import cumsum
from .ops.diagonals import diag, diagonal, eye, trace, tril, triu
from .ops.division import floor_divide, mod
from .ops.einsum import einsum
from .ops.elementary import exp, log, relu, sigmoid, sqrt
from .ops.error_function import erf, erfc
from .ops.exponentials import exp2, log2, log10, log_sigmoid, logaddexp, softplus, xlogy
from .ops.floating import copysign, isfinite, isinf, isnan, signbit
from .ops.grids import arange, linspace, meshgrid, pad
from .ops.indexing import gather, one_hot, scatter_add
from .ops.logic import logical_and, logical_or, logical_xor
from .ops.matmul import matmul
from .ops.multi_index import gather_nd
from .ops.near_zero import expm1, log1p
from .ops.normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm
from .ops.pooling import global_max_pool, max_pool
from .ops.powers import cbrt, power, reciprocal, rsqrt, square
from .ops.products import cumprod, prod
from .ops.random import RandomStream, dropout, random_normal, random_uniform
from .ops.rearranging import (
    array_split,
    flip,
    moveaxis,
    repeat,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    tile,
    unstack,
)
from .ops.rectifiers import celu, elu, hard_sigmoid, hard_swish, hard_tanh, leaky_relu, prelu, relu6, selu
from .ops.reduce import argmax, argmin, max, mean, min, sum
from .ops.resize import depth_to_space, pixel_shuffle, resize, space_to_depth
from .ops.rounding import abs, ceil, floor, round, sign, trunc
from .ops.scatter import put_along_axis, scatter, scatter_nd
from .ops.shape import broadcast_to, expand_dims, reshape, transpose
from .ops.slicing import concatenate
from .ops.softmax import log_softmax, logsumexp, softmax, softmax_cross_entropy
from .ops.sorting import argsort, median, quantile, searchsorted, sort, topk
from .ops.sources import input, parameter, state
from .ops.statistics import all, any, norm, std, variance
from .ops.taps import print_value, tap
from .ops.tensor_products import dot, inner, kron, outer, tensordot, vdot
from .ops.trigonometric import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctanh,
    cos,
    cosh,
    sin,
    sinh,
    tan,
    tanh,
)
from .ops.update import with_update
from .parsing import parse
from .state import State
from .types import DType, TensorType
from .value import Node, Value
from .verify import verify
from .view import draw, summary, to_networkx

if TYPE_CHECKING:
    from . import losses, metrics, nn, optim, train
    from .train import Trainer

_LATE = {"losses", "metrics", "nn", "optim", "train", "Trainer"}
"""What is imported when it is first named: a graph that is only run needs none of it."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = (
        import_module(".train", __name__).Trainer
        if name == "Trainer"
        else import_module(f".{name}", __name__)
    )
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *_LATE]


__version__ = "0.1.0"

__all__ = [
    "Cost",
    "DType",
    "Dim",
    "Function",
    "Graph",
    "Jacobian",
    "Node",
    "Op",
    "PlanOptions",
    "RandomStream",
    "State",
    "TensorType",
    "Trainer",
    "Value",
    "__version__",
    "abs",
    "adaptive_average_pool",
    "add",
    "all",
    "angle",
    "any",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "array_split",
    "average_pool",
    "batch_jacobian",
    "batch_norm",
    "broadcast_to",
    "cast",
    "cbrt",
    "ceil",
    "celu",
    "clip",
    "compare",
    "compile",
    "complex",
    "concatenate",
    "conj",
    "constant",
    "conv",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "conv_transpose",
    "copysign",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "deg2rad",
    "depth_to_space",
    "diag",
    "diagonal",
    "divide",
    "dot",
    "draw",
    "dropout",
    "einsum",
    "elu",
    "equal",
    "erf",
    "erfc",
    "errors",
    "evaluate",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "eye",
    "find_executor",
    "flip",
    "floor",
    "floor_divide",
    "full",
    "gather",
    "gather_nd",
    "gauss_newton_product",
    "gelu",
    "global_average_pool",
    "global_max_pool",
    "grad",
    "greater",
    "greater_equal",
    "group_norm",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "hessian",
    "hessian_diagonal",
    "hvp",
    "hypot",
    "imag",
    "init",
    "inner",
    "input",
    "instance_norm",
    "isfinite",
    "isinf",
    "isnan",
    "jacobian",
    "jvp",
    "kron",
    "laplacian",
    "layer_norm",
    "leaky_relu",
    "less",
    "less_equal",
    "linalg",
    "linspace",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_sigmoid",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "losses",
    "matmul",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "metrics",
    "min",
    "minimum",
    "mish",
    "mod",
    "moveaxis",
    "multiply",
    "negative",
    "nn",
    "norm",
    "not_equal",
    "one_hot",
    "ones",
    "onnx",
    "optim",
    "outer",
    "pad",
    "parameter",
    "parse",
    "pixel_shuffle",
    "plan_jacobian",
    "power",
    "prelu",
    "print_value",
    "prod",
    "put_along_axis",
    "quantile",
    "rad2deg",
    "random_normal",
    "random_uniform",
    "real",
    "reciprocal",
    "relu",
    "relu6",
    "repeat",
    "reshape",
    "resize",
    "rms_norm",
    "roll",
    "round",
    "rsqrt",
    "scan",
    "scatter",
    "scatter_add",
    "scatter_nd",
    "searchsorted",
    "selu",
    "sigmoid",
    "sign",
    "signbit",
    "silu",
    "sin",
    "sinc",
    "sinh",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "softsign",
    "sort",
    "space_to_depth",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "state",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "summary",
    "swapaxes",
    "take_along_axis",
    "tan",
    "tanh",
    "tap",
    "tensordot",
    "tile",
    "to_networkx",
    "topk",
    "trace",
    "train",
    "transpose",
    "tril",
    "triu",
    "trunc",
    "unstack",
    "value_and_grad",
    "variance",
    "vdot",
    "verify",
    "view",
    "vjp",
    "where",
    "with_update",
    "xlogy",
    "zeros",
]

arguments.check_arguments(globals(), (name for name in __all__ if name not in _LATE))
