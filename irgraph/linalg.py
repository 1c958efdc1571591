"""Linear algebra, as numpy.linalg: float matrices on the last two axes, one for each position of the others.

>>> import irgraph as ig
>>> ig.linalg.cholesky(ig.input("covariance", ("batch", 3, 3)))
<a result of cholesky : float32[batch, 3, 3]>
"""

from . import arguments
from .ops.determinants import det, logdet, lstsq, pinv, slogdet
from .ops.einsum import matrix_power, multi_dot
from .ops.factorizations import cholesky, eigh, eigvalsh, qr, svd
from .ops.linear_solve import inv, solve, triangular_solve

__all__ = [
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "logdet",
    "lstsq",
    "matrix_power",
    "multi_dot",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "triangular_solve",
]

arguments.check_arguments(globals(), __all__)
