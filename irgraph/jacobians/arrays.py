"""The numeric result of a compiled Jacobian: arrays in their structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dims import bind, names_of
from ..errors import FeedError, explain
from ..function import compile
from ..local_jacobian import Dense, Factor, Pick, Term, Terms
from ..ops.sources import input
from ..origin import here
from ..types import format_shape
from ..value import Value
from .result import Jacobian

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import LinearOperator

Array = np.ndarray[Any, Any]


class JacobianArray:
    """A Jacobian that has been computed: arrays, and how they lie in it.

    `np.asarray` writes it out, shaped as the output's axes followed by the input's. Products and transposes
    use the structure.

    >>> import irgraph as ig
    >>> x = ig.input("x", (3,))
    >>> J = ig.evaluate(ig.jacobian(x * x, x), x=[1.0, 2.0, 3.0])
    >>> J @ [1.0, 1.0, 1.0]
    array([2., 4., 6.], dtype=float32)
    >>> J.nbytes, J.todense().nbytes
    (12, 36)
    """

    __array_priority__ = 1000.0  # so that `array @ result` asks the result

    def __init__(self, jacobian: Jacobian, arrays: Sequence[Any], sizes: Mapping[str, int]) -> None:
        self._jacobian = jacobian
        self._arrays = [np.asarray(array) for array in arrays]
        self._sizes = sizes  # of the named dims that the call bound

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape when written out."""
        output, input = self._shapes()
        return output + input

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._jacobian.dtype.numpy

    @property
    def nbytes(self) -> int:
        """The bytes of the arrays that are kept."""
        return sum(array.nbytes for array in self._arrays)

    @property
    def terms(self) -> list[dict[str, Any]]:
        """The terms as data: the arrays of each, by what it covers."""
        return [{"term": str(term), "arrays": self._of(term)} for term in self._jacobian.terms]

    @property
    def T(self) -> JacobianArray:
        """The transpose: the input's axes come first."""
        return JacobianArray(self._jacobian.T, self._arrays, self._sizes)

    def structure(self) -> str:
        """What is known of it, in words."""
        return self._jacobian.structure()

    def todense(self) -> Array:
        """Every element, shaped as the output's axes followed by the input's."""
        return self._compute("todense", lambda jacobian: jacobian.todense())

    def diagonal(self) -> Array:
        """The elements at equal positions of output and input, in the output's shape."""
        return self._compute("diagonal", lambda jacobian: jacobian.diagonal())

    def __matmul__(self, other: Any) -> Array:
        """The product with an array of the input's shape. Raises FeedError for another shape."""
        wanted = self._jacobian.input
        operand = input("operand", wanted.shape, wanted.dtype)
        array = np.asarray(other)
        if array.ndim != len(wanted.shape):
            found = f"an operand of shape {array.shape} beside a Jacobian towards {wanted}"
            needed = f"shape {format_shape(wanted.shape)}"
            raise FeedError(explain(found, needed, here(), "For a matrix take .tocsr(), or .todense()."))
        return self._compute("product", lambda jacobian: jacobian @ operand, operand=array)

    def __rmatmul__(self, other: Any) -> Array:
        """The product of an array of the output's shape with this."""
        product: Array = self.T @ other
        return product

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self.todense().astype(dtype or self.dtype, copy=False)

    def tolist(self) -> Any:
        """Every element, as nested lists of numbers."""
        return self.todense().tolist()

    def tocsr(self) -> csr_matrix:
        """A SciPy CSR matrix of shape (output size, input size): what links and ties place, no zeros
        between.
        """
        from .sparse import to_csr

        output, input = self._shapes()
        size = int(np.prod(output)), int(np.prod(input))
        known = self._jacobian.patterns
        return to_csr(self._jacobian.terms, self._by_value(), self._names(), size, self.dtype, known)

    def aslinearoperator(self) -> LinearOperator:
        """A SciPy LinearOperator of shape (output size, input size), on flat vectors."""
        from scipy.sparse.linalg import LinearOperator

        output, input = self._shapes()
        size = int(np.prod(output)), int(np.prod(input))
        back = self.T
        return LinearOperator(
            size,
            matvec=lambda x: (self @ np.reshape(x, input)).ravel(),
            rmatvec=lambda c: (back @ np.reshape(c, output)).ravel(),
            dtype=self.dtype,
        )

    def __repr__(self) -> str:
        known = self._sizes.keys()
        bound = [bind(s, self._sizes) if names_of([s]) <= known else s for s in self._jacobian.shape]
        shape = ", ".join(map(str, bound))
        return f"<{self.dtype}[{shape}] Jacobian: {self.structure()}; {self.nbytes} bytes>"

    # -------------------------------------------------------------------------------------- inside

    def _by_value(self) -> dict[Value, Array]:
        return dict(zip(self._jacobian.values, self._arrays, strict=True))

    def _of(self, term: Term) -> list[Array]:
        arrays = self._by_value()
        return [arrays[factor.value] for factor in term.factors if isinstance(factor, Dense)]

    def _shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of output and input, in numbers."""
        names = self._names()
        output, input = (
            tuple(bind(size, names) for size in type.shape)
            for type in (self._jacobian.output, self._jacobian.input)
        )
        return output, input

    def _names(self) -> Mapping[str, int]:
        """The sizes of the named dims. Raises FeedError where the call did not bind all of them."""
        missing = names_of(self._jacobian.shape) - self._sizes.keys()
        if missing:
            names = ", ".join(sorted(missing))
            raise FeedError(
                explain(
                    f"no size for the named dims {names} of a Jacobian that depends on no feed",
                    "a feed that has them",
                    here(),
                    "Compile it with inputs=[x] for the x that has them, and feed x.",
                )
            )
        return self._sizes

    def _compute(self, name: str, build: Callable[[Jacobian], Value], **feeds: Array) -> Array:
        """A graph over the arrays, compiled once for each Jacobian.

        Named dims that no array tells are told by inputs that are not read.
        """
        known = self._jacobian.functions
        names = self._sizes if feeds else self._names()
        dims = tuple(sorted(names_of(self._jacobian.shape) & names.keys()))
        if (name, dims) not in known:
            sized = [input(f"size{n}", (dim,), "bool") for n, dim in enumerate(dims)]
            known[name, dims] = compile(build(_over_inputs(self._jacobian)), inputs=sized)
        function = known[name, dims]
        fed = {f"array{n}": array for n, array in enumerate(self._arrays)} | feeds
        fed |= {f"size{n}": np.zeros(names[dim], bool) for n, dim in enumerate(dims)}
        result: Array = function(**{key: fed[key] for key in function.inputs})
        return result


def _over_inputs(jacobian: Jacobian) -> Jacobian:
    """The same structure over inputs, to be fed with what was computed."""
    fed = {v: input(f"array{n}", v.shape, v.dtype) for n, v in enumerate(jacobian.values)}

    def exchanged(factor: Factor) -> Factor:
        match factor:
            case Dense(value, at):
                return Dense(fed[value], at)
            case Pick(index, at, whole):
                return Pick(fed[index], at, whole)
        return factor

    terms = Terms(Term(t.out, t.in_, tuple(map(exchanged, t.factors)), t.coefficient) for t in jacobian.terms)
    return Jacobian(terms, jacobian.output, jacobian.input, jacobian.format)
