"""Sums of products over named indices, and products of several matrices."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from ..contraction_order import Tree, contraction_order, matrix_chain_order
from ..dims import Size, estimate, same_size
from ..errors import DTypeError, ShapeError, explain
from ..local_jacobian import Dense, Label, Labels
from ..onnx_writer import OnnxWriter
from ..op import Op
from ..origin import here
from ..types import TensorType, bool_, float32, float64, format_shape, int32, int64
from ..value import Node, Value
from .arrange import reshaped
from .contract import contract
from .diagonal_blocks import take_diagonal
from .linear_solve import inv
from .matmul import matmul
from .matrices import as_matrices, identity_like
from .operands import operands
from .requirements import require_dtype
from .shape import broadcast_to

_RUN_BY_ONNX = (float32, float64, int32, int64)  # what ONNX Runtime's Einsum takes


@final
@dataclass(frozen=True)
class Einsum(Op):
    """out[o] = sum over the other letters of the product of the operands; `equation` has letters only.

    An axis of size 1 repeats along its letter. Expanded by `contract`, which derivatives are written by, too.
    """

    name: ClassVar[str] = "einsum"
    equation: str

    @property
    def subscripts(self) -> tuple[list[str], str]:
        """The letters of the operands and of the result."""
        before, _, after = self.equation.partition("->")
        return before.split(","), after

    def sizes(self, types: Sequence[TensorType]) -> dict[str, Size]:
        """The size of each letter. Raises ShapeError where two do not fit."""
        found: dict[str, Size] = {}
        for letters, type in zip(self.subscripts[0], types, strict=True):
            for letter, size in zip(letters, type.shape, strict=True):
                known = found.get(letter, 1)
                common = size if known == 1 else known if size == 1 else same_size(known, size)
                if common is None:
                    shapes = " and ".join(format_shape(one.shape) for one in types)
                    message = f"{self.equation} of shapes {shapes}"
                    raise ShapeError(explain(message, f"one size for {letter}, not {known} and {size}"))
                found[letter] = common
        return found

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        require_dtype("a dtype of numbers", lambda dtype: dtype != bool_, *inputs)
        if any(type.dtype != inputs[0].dtype for type in inputs):
            raise DTypeError(explain(" and ".join(map(str, inputs)), "one dtype", do="Cast one of them."))
        sizes = self.sizes(inputs)
        return (inputs[0].with_shape(sizes[letter] for letter in self.subscripts[1]),)

    def expand(self, *inputs: Value) -> Sequence[Value]:
        terms, after = self.subscripts
        sizes = self.sizes([x.type for x in inputs])
        labels = {letter: Label(size) for letter, size in sizes.items()}
        parts = [_without_repeats(x, letters, sizes) for x, letters in zip(inputs, terms, strict=True)]
        dense = [Dense(x, Labels(labels[letter] for letter in letters)) for x, letters in parts]
        target, dtype = Labels(labels[letter] for letter in after), inputs[0].dtype
        guesses = {label: estimate(label.size) for label in labels.values()}
        sets = [frozenset(part.labels) for part in dense]
        for i, j in contraction_order(sets, frozenset(target), guesses)[:-1]:
            rest = [part for n, part in enumerate(dense) if n not in (i, j)]
            needed = {*target, *(label for part in rest for label in part.labels)}
            both = dict.fromkeys((*dense[i].labels, *dense[j].labels))
            kept = Labels(label for label in both if label in needed)
            dense = [*rest, Dense(contract([dense[i], dense[j]], kept, dtype), kept)]
        return (contract(dense, target, dtype),)

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        """For two operands at most: runtimes take more from the left to the right. Sizes that repeat are left
        to the expansion, as the standard is silent on them."""
        dtype, types = node.outputs[0].dtype, [x.type for x in node.inputs]
        sizes, terms = self.sizes(types), self.subscripts[0]
        plain = all(
            size == sizes[letter]
            for letters, type in zip(terms, types, strict=True)
            for letter, size in zip(letters, type.shape, strict=True)
        )
        if len(types) > 2 or dtype not in _RUN_BY_ONNX or not plain:
            return None
        return [write.node("Einsum", *map(write.read, node.inputs), equation=self.equation)]


def _without_repeats(x: Value, letters: str, sizes: dict[str, Size]) -> tuple[Value, str]:
    """An operand whose letters occur once: without axes that only repeat, and with diagonals taken."""
    kept = [axis for axis, letter in enumerate(letters) if x.shape[axis] == sizes[letter]]
    kept += [axis for axis in range(x.ndim) if axis not in kept and x.shape[axis] != 1]  # equal by a guard
    kept.sort()
    x, letters = reshaped(x, [x.shape[axis] for axis in kept]), "".join(letters[axis] for axis in kept)
    for letter in letters:
        while letters.count(letter) > 1:
            one, other = letters.index(letter), letters.rindex(letter)
            x = take_diagonal(x, other, one)
            letters = letters[:other] + letters[other + 1 :]
    return x, letters


def einsum(subscripts: str, *values: Any) -> Value:
    """Sums of products over named indices, as numpy.einsum: `einsum("bij,bjk->bik", x, y)`.

    `...` stands for further axes, which broadcast; without `->` the result has the letters that occur once,
    in alphabetical order. A letter twice in one operand is its diagonal. More than two operands are
    multiplied in the order with the fewest multiplications (exact up to 8 operands, greedy beyond; named
    dims count as 256). Integers are summed as int64. Raises ShapeError for subscripts that do not fit.

    >>> from irgraph import input
    >>> einsum("...ij,...kj->...ik", input("q", ("batch", 8, 5, 4)), input("k", ("batch", 8, 6, 4)))
    <a result of einsum : float32[batch, 8, 5, 6]>
    """
    xs = operands("einsum", *values) if values else []
    xs = [x.astype(int64) if x.dtype.is_integer else x for x in xs]
    if not isinstance(subscripts, str):
        raise ShapeError(explain(f"the subscripts {subscripts!r}", "text such as 'ij,jk->ik'", here()))
    return Einsum(_canonical(subscripts, xs))(*xs)


def _canonical(subscripts: str, xs: Sequence[Value]) -> str:
    """The subscripts with letters for what `...` stands for, and with a right side."""

    def refuse(needed: str) -> ShapeError:
        shapes = ", ".join(format_shape(x.shape) for x in xs) or "none"
        return ShapeError(explain(f"the subscripts {subscripts!r} for shapes {shapes}", needed, here()))

    text = subscripts.replace(" ", "").replace("...", "*")
    before, arrow, after = text.partition("->")
    terms = before.split(",")
    if any(c not in string.ascii_letters + "*" for c in before.replace(",", "") + after):
        raise refuse("letters, commas, ... and one ->")
    if len(terms) != len(xs) or not xs:
        raise refuse(f"one group of letters for each operand, of which there are {len(xs)}")
    if any(term.count("*") > 1 for term in (*terms, after)):
        raise refuse("... once in a group")
    ranks = [x.ndim - len(term.replace("*", "")) for term, x in zip(terms, xs, strict=True)]
    if any(rank < 0 or (rank and "*" not in term) for term, rank in zip(terms, ranks, strict=True)):
        raise refuse("one letter for each axis, or ... for the others")
    most = max((rank for term, rank in zip(terms, ranks, strict=True) if "*" in term), default=0)
    free = [c for c in string.ascii_letters if c not in text]
    if most > len(free):
        raise refuse("at most 52 indices")
    dots = "".join(free[:most])
    spelled = [term.replace("*", dots[most - rank :]) for term, rank in zip(terms, ranks, strict=True)]
    if not arrow:
        after = "*" + "".join(sorted(c for c in set(before) - {"*", ","} if before.count(c) == 1))
    elif most and "*" not in after:
        raise refuse("... on the right, too, or letters for what is summed")
    after = after.replace("*", dots)
    if len(set(after)) < len(after) or not set(after) <= set("".join(spelled)):
        raise refuse("on the right letters from the left, each once")
    return f"{','.join(spelled)}->{after}"


def multi_dot(matrices: Sequence[Any]) -> Value:
    """The product of several matrices, in the order with the fewest multiplications.

    As numpy.linalg.multi_dot. The first and the last may be vectors. Named dims count as 256. Raises
    ShapeError for fewer than two, and where the sizes do not fit.

    >>> from irgraph import input
    >>> a, b, x = input("a", (100, 100)), input("b", (100, 100)), input("x", (100,))
    >>> multi_dot([a, b, x]).node.inputs[0].node.inputs[0]
    <a : float32[100, 100]>
    """
    if len(matrices) < 2:
        raise ShapeError(explain(f"multi_dot of {len(matrices)}", "at least two matrices", here()))
    xs = operands("multi_dot", *matrices)
    for n, x in enumerate(xs):
        if x.ndim != 2 and not (x.ndim == 1 and n in (0, len(xs) - 1)):
            raise ShapeError(
                explain(f"multi_dot of {x!r} at {n}", "matrices, and vectors at the ends", here())
            )
    rows = xs[0].shape[0] if xs[0].ndim == 2 else 1
    inner = [x.shape[0] for x in xs[1:]]
    sizes = [estimate(size) for size in (rows, *inner, xs[-1].shape[-1] if xs[-1].ndim == 2 else 1)]

    def product(tree: Tree) -> Value:
        return xs[tree] if isinstance(tree, int) else matmul(product(tree[0]), product(tree[1]))

    return product(matrix_chain_order(sizes)[1])


def matrix_power(a: Any, n: int) -> Value:
    """Square matrices to a whole power, by repeated squaring; negative powers are those of the inverse.

    >>> from irgraph import constant, evaluate
    >>> evaluate(matrix_power(constant([[1.0, 1.0], [0.0, 1.0]]), 5))
    array([[1., 5.], [0., 1.]], dtype=float32)
    """
    if not isinstance(n, int) or isinstance(n, bool):
        raise ShapeError(explain(f"the power {n!r}", "an integer", here()))
    square = as_matrices("matrix_power", a)
    square = square if n >= 0 else inv(square)
    result: Value | None = None
    left = abs(n)
    while left:
        if left % 2:
            result = square if result is None else result @ square
        left //= 2
        square = square @ square if left else square
    return broadcast_to(identity_like(square), square.shape) if result is None else result
