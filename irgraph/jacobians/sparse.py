"""A structured Jacobian as a CSR matrix: the places of its elements follow from ties and links."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dims import bind
from ..extras import import_extra
from ..local_jacobian import Dense, Label, Link, Map, Pick, Ravel, Slice, Term
from ..value import Value

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Array = np.ndarray[Any, Any]
Names = Mapping[str, int]
Sizes = frozenset[tuple[str, int]]


@dataclass
class Pattern:
    """Where the elements of a matrix lie, for as long as the indices that place them are the same."""

    indices: list[Array]
    columns: Array
    bounds: Array


def to_csr(
    terms: Sequence[Term],
    arrays: Mapping[Value, Array],
    names: Names,
    shape: tuple[int, int],
    dtype: Any,
    patterns: dict[Sizes, Pattern],
) -> csr_matrix:
    """The sum of the terms; elements that several terms have are added.

    `arrays` are those of the factors, `names` the sizes of the named dims; `patterns` keeps what can be used
    again. Raises MissingExtra without SciPy.
    """
    sparse = import_extra("scipy.sparse", "sparse", "hold sparse matrices")
    places = [_Places(term, arrays, names) for term in terms]
    if len(places) == 1 and places[0].by_rows:
        (only,) = places
        sizes = frozenset(names.items())  # the same shape may come of other sizes
        found = patterns.get(sizes)
        if found is None or not all(map(np.array_equal, found.indices, only.indices)):
            columns = only.columns().astype(_index_dtype(shape))
            bounds = np.arange(shape[0] + 1, dtype=columns.dtype) * (len(columns) // shape[0])
            found = patterns[sizes] = Pattern([index.copy() for index in only.indices], columns, bounds)
        data = only.elements(dtype)
        return sparse.csr_matrix((data, found.columns.copy(), found.bounds.copy()), shape)
    triplets = [(each.rows(), each.columns(), each.elements(dtype)) for each in places]
    rows, columns, data = (
        np.concatenate([np.zeros(0, kind), *(triplet[n] for triplet in triplets)]).astype(kind, copy=False)
        for n, kind in enumerate((_index_dtype(shape), _index_dtype(shape), dtype))
    )
    return sparse.coo_matrix((data, (rows, columns)), shape).tocsr()


def _index_dtype(shape: tuple[int, int]) -> Any:
    return np.int32 if max(*shape, 1) < 2**31 else np.int64


class _Places:
    """The positions of a term's elements: some labels run freely, links give the others."""

    def __init__(self, term: Term, arrays: Mapping[Value, Array], names: Names) -> None:
        self.term, self.arrays, self.names = term, arrays, names
        self.links: list[Link] = [f for f in term.factors if not isinstance(f, Dense)]
        self.dense = [f for f in term.factors if isinstance(f, Dense)]
        self.kept: Array | None = None
        free = self._free()
        grid = np.meshgrid(*(np.arange(self._size(label)) for label in free), indexing="ij", sparse=True)
        self.at: dict[Label, Array] = dict(zip(free, grid, strict=True))
        self.axes = {label: n for n, label in enumerate(free)}
        self._follow()
        self.whole = tuple(self._size(label) for label in free)

    def _size(self, label: Label) -> int:
        return bind(label.size, self.names)

    def _free(self) -> list[Label]:
        """Labels that run on their own: the others follow from them."""
        wholes = {link.whole for link in self.links if isinstance(link, Slice | Pick)}
        every = dict.fromkeys(
            label
            for group in (self.term.out, *(f.labels for f in self.term.factors), self.term.in_)
            for label in group
        )
        free: list[Label] = []
        known: set[Label] = set()
        for label in sorted(every, key=lambda label: label in wholes):
            if label not in known:
                free.append(label)
                known.add(label)
                while any(self._extend(link, known) for link in self.links):
                    pass
        return free

    @staticmethod
    def _extend(link: Link, known: set[Label]) -> bool:
        """Whether a link makes more labels known."""
        match link:
            case Slice(part, whole):
                new = {whole} if part in known else set()
            case Pick(_, at, whole):
                new = {whole} if known.issuperset(at) else set()
            case Ravel(left, right):
                new = {*right} if known.issuperset(left) else {*left} if known.issuperset(right) else set()
            case Map():
                raise AssertionError("a map has no places; it is written out first")
        grown = not new <= known
        known |= new
        return grown

    def _follow(self) -> None:
        """Give every label its position on the grid; links between known labels say where elements are."""
        waiting = list(self.links)
        while waiting:
            for link in waiting:
                found = self._positions(link)
                if found is not None:
                    waiting.remove(link)
                    break
            else:
                raise AssertionError("links that nothing determines")
            for label, position in found.items():
                if label not in self.at:
                    self.at[label] = position
                else:
                    agrees = self.at[label] == position
                    self.kept = agrees if self.kept is None else self.kept & agrees

    def _positions(self, link: Link) -> dict[Label, Array] | None:
        match link:
            case Slice(part, whole, start, step) if part in self.at:
                return {whole: bind(start, self.names) + step * self.at[part]}
            case Pick(index, at, whole) if all(label in self.at for label in at):
                return {whole: self.arrays[index][tuple(self.at[label] for label in at)]}
            case Ravel(left, right):
                for near, far in ((left, right), (right, left)):
                    if all(label in self.at for label in near):
                        flat = self._flat(near)
                        sizes = tuple(self._size(label) for label in far)
                        return dict(zip(far, np.unravel_index(flat, sizes), strict=True))
        return None

    @property
    def by_rows(self) -> bool:
        """Whether the elements come row by row, as many in each."""
        free = list(self.axes)
        return (
            tuple(free[: len(self.term.out)]) == self.term.out and self.kept is None and 0 not in self.whole
        )

    def _flat(self, labels: Sequence[Label]) -> Array:
        """Row-major positions over some labels."""
        flat: Array = np.zeros((1,) * len(self.axes), np.int64)
        for label in labels:
            flat = flat * self._size(label) + self.at[label]
        return flat

    def rows(self) -> Array:
        """The row of each element."""
        return self._spread(self._flat(self.term.out))

    def columns(self) -> Array:
        """The column of each element."""
        return self._spread(self._flat(self.term.in_))

    def elements(self, dtype: Any) -> Array:
        """The elements themselves."""
        coefficient = self.term.coefficient
        number = coefficient.number * bind(coefficient.times, self.names) / bind(coefficient.over, self.names)
        factors = [self._element(factor) for factor in self.dense]
        if number != 1 or not factors:
            factors.append(np.full((1,) * len(self.axes), number, dtype))
        return self._spread(reduce(operator.mul, factors)).astype(dtype, copy=False)

    def _spread(self, array: Array) -> Array:
        """On the whole grid, flat, without what no link agrees on."""
        whole = np.broadcast_to(array, self.whole)
        if self.kept is None:
            return whole.flatten()
        return np.asarray(whole[np.broadcast_to(self.kept, self.whole)])

    @property
    def indices(self) -> list[Array]:
        """The arrays that places depend on."""
        return [self.arrays[link.index] for link in self.links if isinstance(link, Pick)]

    def _element(self, factor: Dense) -> Array:
        """A factor's elements on the grid."""
        array = self.arrays[factor.value]
        if all(label in self.axes for label in factor.labels):
            order = np.argsort([self.axes[label] for label in factor.labels], kind="stable")
            shape = [1] * len(self.axes)
            for label in factor.labels:
                shape[self.axes[label]] = self._size(label)
            return array.transpose(order).reshape(shape)
        return np.asarray(array[tuple(self.at[label] for label in factor.labels)])
