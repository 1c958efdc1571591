"""Initial values of state variables.

An initializer is a frozen dataclass, printed and compared by value. The numbers come from NumPy's
Philox generator under a key made of the compile seed and the variable's name, so that they depend
on nothing else.
"""

from .distributions import Normal, TruncatedNormal, Uniform, normal, truncated_normal, uniform
from .initializer import (
    Constant,
    Initializer,
    Seed,
    Values,
    as_initializer,
    constant,
    initial_array,
    seed,
    zeros,
)
from .matrices import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
    Orthogonal,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    orthogonal,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LeCunNormal",
    "LeCunUniform",
    "Normal",
    "Orthogonal",
    "Seed",
    "TruncatedNormal",
    "Uniform",
    "Values",
    "as_initializer",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "initial_array",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "seed",
    "truncated_normal",
    "uniform",
    "zeros",
]
