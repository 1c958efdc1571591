"""A Jacobian in a graph: a sum of terms whose structure is known, and what it can do without being written
out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..autodiff.emit import total
from ..autodiff.structure import Compound
from ..dims import Shape, Size
from ..errors import ShapeError, explain
from ..local_jacobian import Dense, Factor, Label, Labels, Map, Pick, Slice, Term, Terms
from ..ops.arrange import scaled
from ..ops.constants import zeros
from ..ops.networks import volume
from ..ops.operands import as_value
from ..origin import carrying, here
from ..types import DType, TensorType, format_shape
from ..value import Value
from .links import determined, simplified
from .products import product, settled
from .sums import contracted, in_order, tidied, ties, weighted, written_out
from .unsupported import ProductsOnly

if TYPE_CHECKING:
    from ..function import Function
    from .plan import JacobianPlan
    from .sparse import Pattern, Sizes


class Jacobian(ProductsOnly, Compound):
    """The derivative of an output towards an input, of shape `output.shape + input.shape`, kept as its
    structure.

    A sum of terms; each holds arrays over some of the axes, ties between axes of the output and of the input
    (a batch, a diagonal), and links (a slice, a gather) that need no storage. It can be multiplied,
    transposed, compiled as an output, and written out with `todense`.

    >>> import irgraph as ig
    >>> x = ig.input("x", (3,))
    >>> J = ig.jacobian(ig.tanh(x), x)
    >>> J
    <Jacobian float32[3, 3]: diagonal; 12 bytes>
    >>> ig.evaluate(J.todense(), x=[0.0, 0.0, 0.0])
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        terms: Terms,
        output: TensorType,
        input: TensorType,
        format: str,
        plan: JacobianPlan | None = None,
    ) -> None:
        self.terms = terms
        self.output = output
        self.input = input
        self.format = format
        self.plan = plan
        self.functions: dict[object, Function] = {}  # what its results have compiled
        self.patterns: dict[Sizes, Pattern] = {}  # where the elements of sparse results lie

    @property
    def shape(self) -> Shape:
        """The shape when written out: the output's axes, then the input's."""
        return self.output.shape + self.input.shape

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return self.output.dtype

    @property
    def values(self) -> list[Value]:
        """The arrays that it consists of."""
        found = (
            f.value if isinstance(f, Dense) else f.index
            for t in self.terms
            for f in t.factors
            if isinstance(f, Dense | Pick)
        )
        return list(dict.fromkeys(found))

    @property
    def nbytes(self) -> Size:
        """The bytes of its arrays."""
        total: Size = 0
        for value in self.values:
            total = total + value.type.nbytes
        return total

    def assemble(self, arrays: Sequence[Any], sizes: Mapping[str, int]) -> Any:
        """The numeric result of these arrays; see `JacobianArray`."""
        from .arrays import JacobianArray

        result = JacobianArray(self, arrays, sizes)
        return result.tocsr() if self.format == "sparse" else result

    # ------------------------------------------------------------------------------ as values

    def todense(self) -> Value:
        """Every element, shaped `output.shape + input.shape`."""
        with _built():
            if not self.terms:
                return zeros(self.shape, self.dtype)
            return written_out(self.terms, self.dtype, kept=())[0].astype(self.dtype)

    def __matmul__(self, other: Any) -> Any:
        """The product with a value or array of the input's shape, or with the Jacobian of the input towards
        something.

        Raises ShapeError for other shapes, and DTypeError for what is no array.
        """
        if isinstance(other, Jacobian):
            _require(other.output.shape, self.input.shape, "the output of the right Jacobian")
            with _built():
                made = product(self.terms, other.terms, self.dtype)
            return Jacobian(made, self.output, other.input, self.format)
        other = other if isinstance(other, Value) else as_value(other).astype(self.dtype)
        _require(other.shape, self.input.shape, "the right operand")
        with _built():
            parts = [
                weighted([Dense(other, t.in_), *t.factors], t.out, t.coefficient, self.dtype)
                for t in self.terms
            ]
            return total(parts) if parts else zeros(self.output.shape, self.dtype)

    def __rmatmul__(self, other: Any) -> Value:
        """The product of a value or array of the output's shape with this; raises as `J @ v` does."""
        made: Value = self.T @ other
        return made

    @property
    def T(self) -> Jacobian:
        """The transpose: the input's axes come first."""
        return Jacobian(self.terms.T, self.input, self.output, self.format, self.plan)

    def diagonal(self) -> Value:
        """The elements whose position in the output and in the input are equal, in the output's shape.

        Raises ShapeError unless both have one shape.
        """
        _require(self.input.shape, self.output.shape, "an input")
        with _built():
            return diagonal_of(self.terms, self.output)

    # ------------------------------------------------------------------------------- structure

    def stored(self) -> Jacobian:
        """The same with its terms in the form that the format asks for."""
        with _built():
            terms = self.terms if self.format == "factored" else tidied(self.terms, self.dtype)
            terms = Terms(_stored(term, self.format, self.dtype) for term in terms)
        return Jacobian(terms, self.output, self.input, self.format, self.plan)

    def structure(self) -> str:
        """What is known of it, in words: diagonal, blocks, gathered rows, low rank, …"""
        return " + ".join(sorted({_kind(term) for term in self.terms})) or "zero"

    def __repr__(self) -> str:
        kind = f"{self.dtype}[{format_shape(self.shape)[1:-1]}]".replace("[]", "[]")
        return f"<Jacobian {kind}: {self.structure()}; {self.nbytes} bytes>"


def _built() -> carrying:
    return carrying(here().derived("tangent"))


def _require(found: Shape, needed: Shape, what: str) -> None:
    if found != needed:
        raise ShapeError(explain(f"{what} of shape {format_shape(found)}", format_shape(needed), here()))


def diagonal_of(terms: Iterable[Term], type: TensorType) -> Value:
    """The elements of a sum of terms at equal positions of output and input, which are of one type."""
    on_diagonal = [found for found in map(_on_diagonal, terms) if found is not None]
    parts = [weighted(t.factors, t.out, t.coefficient, type.dtype) for t in on_diagonal]
    return total(parts) if parts else zeros(type.shape, type.dtype)


def _on_diagonal(term: Term) -> Term | None:
    """The term at equal positions of output and input."""
    at = Labels(Label(label.size) for label in term.out)
    links = dict.fromkeys(Slice(a, b) for side in (term.out, term.in_) for a, b in zip(at, side, strict=True))
    return simplified(Term(at, Labels(), (*term.factors, *links), term.coefficient))


def _stored(term: Term, format: str, dtype: DType) -> Term:
    """A term whose dense factors are one array, unless they are to stay, or are far smaller, apart."""
    if any(isinstance(factor, Map) for factor in term.factors):
        value, held = written_out([term], dtype)
        in_ = [Label(label.size) for label in term.in_]
        for p, q in held:
            in_[q] = term.out[p]
        free = [label for q, label in enumerate(in_) if q not in {q for _, q in held}]
        return Term(term.out, Labels(in_), (Dense(value, Labels((*term.out, *free))),))
    dense = [factor for factor in term.factors if isinstance(factor, Dense)]
    known = determined(term)
    covered = in_order({label for factor in dense for label in factor.labels if label in known}, term)
    apart = sum(volume(factor.labels) for factor in dense)
    if format == "factored" or (format == "auto" and 4 * apart < volume(covered)) or not dense:
        return term
    if not known.issuperset(label for factor in dense for label in factor.labels):
        return _stored(settled(term, dtype), format, dtype)
    if len(dense) == 1 and dense[0].value.dtype.is_float and term.coefficient.number == 1:
        return term
    links: list[Factor] = [factor for factor in term.factors if not isinstance(factor, Dense)]
    value = scaled(contracted(dense, covered, dtype), term.coefficient)
    return Term(term.out, term.in_, (Dense(value, covered), *links))


def _kind(term: Term) -> str:
    """The structure of one term in a word or two."""
    tied = ties(term)
    dense = [factor for factor in term.factors if isinstance(factor, Dense)]
    links = [factor for factor in term.factors if not isinstance(factor, Dense)]
    if links:
        return "linked " + "/".join(sorted({type(link).__name__.lower() for link in links}))
    outside = {*term.out, *term.in_}
    if len(tied) == len(term.out) == len(term.in_):
        return "identity" if not dense else "diagonal"
    if len(dense) > 1 and not any(outside <= set(f.labels) for f in dense):
        return "factored"
    return "blocks" if tied else "dense"
