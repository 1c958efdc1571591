"""irgraph: models as static graphs, built in Python before they run."""

from . import errors, init, losses, onnx, optim, view
from .autodiff.forward import jvp
from .autodiff.reverse import grad, value_and_grad, vjp
from .comparing import compare
from .dims import Dim
from .executor import find_executor
from .function import Function, compile, evaluate
from .graph import Graph
from .op import Cost, Op
from .ops.activations import elu, gelu, leaky_relu, silu
from .ops.along_axis import take_along_axis
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
from .ops.constants import arange, constant, full, ones, zeros
from .ops.conv import conv, conv_transpose
from .ops.cumulative import cumsum
from .ops.division import floor_divide, mod
from .ops.elementary import exp, expm1, log, log1p, relu, sigmoid, sqrt
from .ops.indexing import gather, one_hot, scatter_add
from .ops.logic import logical_and, logical_or, logical_xor
from .ops.matmul import matmul
from .ops.multi_index import gather_nd
from .ops.pooling import global_max_pool, max_pool
from .ops.powers import power, reciprocal, square
from .ops.random import dropout, random_normal, random_uniform
from .ops.reduce import argmax, argmin, max, mean, min, sum
from .ops.rounding import abs, ceil, floor, round, sign
from .ops.scatter import put_along_axis, scatter, scatter_nd
from .ops.shape import broadcast_to, expand_dims, reshape, transpose
from .ops.slicing import concatenate, pad
from .ops.softmax import log_softmax, logsumexp, softmax, softmax_cross_entropy
from .ops.sorting import argsort, median, quantile, searchsorted, sort, topk
from .ops.sources import input, parameter, state
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

__version__ = "0.1.0"

__all__ = [
    "Cost",
    "DType",
    "Dim",
    "Function",
    "Graph",
    "Node",
    "Op",
    "State",
    "TensorType",
    "Value",
    "__version__",
    "abs",
    "adaptive_average_pool",
    "add",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "average_pool",
    "broadcast_to",
    "cast",
    "ceil",
    "clip",
    "compare",
    "compile",
    "concatenate",
    "constant",
    "conv",
    "conv_transpose",
    "cos",
    "cosh",
    "cumsum",
    "divide",
    "draw",
    "dropout",
    "elu",
    "equal",
    "errors",
    "evaluate",
    "exp",
    "expand_dims",
    "expm1",
    "find_executor",
    "floor",
    "floor_divide",
    "full",
    "gather",
    "gather_nd",
    "gelu",
    "global_average_pool",
    "global_max_pool",
    "grad",
    "greater",
    "greater_equal",
    "init",
    "input",
    "jvp",
    "leaky_relu",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log_softmax",
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
    "min",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "not_equal",
    "one_hot",
    "ones",
    "onnx",
    "optim",
    "pad",
    "parameter",
    "parse",
    "power",
    "put_along_axis",
    "quantile",
    "random_normal",
    "random_uniform",
    "reciprocal",
    "relu",
    "reshape",
    "round",
    "scatter",
    "scatter_add",
    "scatter_nd",
    "searchsorted",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softmax_cross_entropy",
    "sort",
    "sqrt",
    "square",
    "state",
    "stop_gradient",
    "subtract",
    "sum",
    "summary",
    "take_along_axis",
    "tan",
    "tanh",
    "to_networkx",
    "topk",
    "transpose",
    "value_and_grad",
    "verify",
    "view",
    "vjp",
    "where",
    "with_update",
    "zeros",
]
