"""In which order to multiply a chain of Jacobians: exact, on plain integers.

A chain is y = F_p(… F_2(F_1(x))). Factor i has a Jacobian of `rows` × `columns` that exists as products
only: `cost` is that of one tangent (J t) or one adjoint (c J), and also the size of the tape that an
adjoint needs. A part of the chain is accumulated in the cheapest of three ways:

* multiply two accumulated parts, the matrices being dense;
* push the accumulated right part forward through the factors before it: one tangent for each column;
* pull the accumulated left part back through the factors after it: one adjoint for each row, if the tape
  of those factors fits into the memory.

The dynamic program over all parts is exact (Naumann, "On the computational complexity of the chain rule of
differential calculus"; Naumann, Griewank et al., generalized dense Jacobian chain product bracketing).
Nothing here knows of graphs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np


class Factor(NamedTuple):
    """One Jacobian: its sizes, and what one product with it costs."""

    rows: int
    columns: int
    cost: int


@dataclass(frozen=True, slots=True)
class Accumulate:
    """The Jacobian of one factor, from its products with the rows or columns of an identity."""

    factor: int
    mode: Literal["forward", "reverse"]


@dataclass(frozen=True, slots=True)
class Multiply:
    """The product of two matrices: factors `first` … `split` on the right, the others on the left."""

    first: int
    split: int
    last: int


@dataclass(frozen=True, slots=True)
class Push:
    """The matrix of factors `first` … `split`, forward through `split + 1` … `last`."""

    first: int
    split: int
    last: int


@dataclass(frozen=True, slots=True)
class Pull:
    """The matrix of factors `split + 1` … `last`, back through `split` … `first`."""

    first: int
    split: int
    last: int


Step = Accumulate | Multiply | Push | Pull


@dataclass(frozen=True)
class ChainPlan:
    """The cheapest order and what it costs, beside the plain modes.

    `steps` are in an order in which they can be made. `forward` and `reverse` are the costs of one sweep
    with all columns or rows (None: the tape of the reverse sweep does not fit), `preaccumulation` that
    of the best order of products of all Jacobians, each accumulated first.
    """

    cost: int
    steps: tuple[Step, ...]
    forward: int
    reverse: int | None
    preaccumulation: int


def plan_chain(
    factors: Sequence[tuple[int, int, int]], memory: int | None = None, ready: Collection[int] = ()
) -> ChainPlan:
    """The cheapest way to the Jacobian of a chain; factor 0 is applied first.

    `memory` limits the tape of any adjoint; the matrices of factors in `ready` exist already. Raises
    ValueError for an empty chain, sizes that do not meet, or negative numbers.

    >>> plan = plan_chain([(3, 3, 29), (1, 3, 14), (2, 1, 7)])
    >>> plan.cost, plan.forward, plan.reverse
    (56, 150, 100)
    >>> print(*plan.steps, sep=chr(10))
    Accumulate(factor=1, mode='reverse')
    Pull(first=0, split=0, last=1)
    Accumulate(factor=2, mode='forward')
    Multiply(first=0, split=1, last=2)
    """
    chain = _checked(factors)
    table = _Table(chain, memory, ready)
    total = sum(factor.cost for factor in chain)
    return ChainPlan(
        int(table.best[0, -1]),
        tuple(table.steps()),
        chain[0].columns * total,
        chain[-1].rows * total if memory is None or total <= memory else None,
        int(_Table(chain, memory, ready, sweeps=False).best[0, -1]),
    )


def _checked(factors: Sequence[tuple[int, int, int]]) -> list[Factor]:
    chain = [Factor(*factor) for factor in factors]
    if not chain:
        raise ValueError("found a chain without factors; needed one at least.")
    for position, factor in enumerate(chain):
        if min(factor) < 0:
            raise ValueError(f"found {factor} at {position}; needed sizes and costs of 0 or more.")
        if position and factor.columns != chain[position - 1].rows:
            raise ValueError(
                f"found {factor.columns} columns of factor {position} after {chain[position - 1].rows} rows "
                f"of factor {position - 1}; needed equal sizes."
            )
    return chain


class _Table:
    """`best[i, j]`: the least cost of the matrix of factors i … j; `choice[i, j]`: how, see `_chosen`."""

    def __init__(
        self, chain: Sequence[Factor], memory: int | None, ready: Collection[int], sweeps: bool = True
    ) -> None:
        self.chain = chain
        count = len(chain)
        self.dtype = _exact_dtype(chain)
        self.rows, self.columns, costs = (self._array(column) for column in zip(*chain, strict=True))
        self.sums = np.concatenate([np.zeros(1, self.dtype), np.cumsum(costs, dtype=self.dtype)])
        self.memory = memory
        self.best = self._array([[0] * count] * count)
        self.choice = np.zeros((count, count), np.int64)
        for position, factor in enumerate(chain):
            fits = memory is None or factor.cost <= memory
            products = min(factor.rows, factor.columns) if fits else factor.columns
            self.best[position, position] = 0 if position in ready else factor.cost * products
        for length in range(2, count + 1):
            self._fill(length, sweeps)

    def _array(self, numbers: object) -> np.ndarray[Any, Any]:
        return np.array(numbers, self.dtype)

    def _fill(self, length: int, sweeps: bool) -> None:
        """All parts of one length at once: axis 0 their first factors, axis 1 the splits."""
        first = np.arange(len(self.chain) - length + 1)
        last = first + length - 1
        split = first[:, None] + np.arange(length - 1)
        right = self.best[first[:, None], split]
        left = self.best[split + 1, last[:, None]]
        rows, columns = self.rows[last][:, None], self.columns[first][:, None]
        options = [left + right + rows * self.rows[split] * columns]
        if sweeps:
            options.append(right + columns * (self.sums[last + 1][:, None] - self.sums[split + 1]))
            tape = self.sums[split + 1] - self.sums[first][:, None]
            pulled = left + rows * tape
            if self.memory is not None:  # one more than another way costs is never chosen
                pulled = np.where(tape <= self.memory, pulled, options[0] + 1)
            options.append(pulled)
        stacked = np.concatenate(options, axis=1)
        self.choice[first, last] = stacked.argmin(axis=1)
        self.best[first, last] = stacked.min(axis=1)

    def steps(self) -> Iterator[Step]:
        """The steps of the whole chain, each after those whose matrices it uses."""
        made: list[Step] = []
        stack = [(0, len(self.chain) - 1)]
        while stack:
            first, last = stack.pop()
            step = self._chosen(first, last)
            made.append(step)
            match step:
                case Multiply(first, split, last):
                    stack += [(first, split), (split + 1, last)]
                case Push(first, split, _):
                    stack.append((first, split))
                case Pull(_, split, last):
                    stack.append((split + 1, last))
        return reversed(made)

    def _chosen(self, first: int, last: int) -> Step:
        if first == last:
            factor = self.chain[first]
            fits = self.memory is None or factor.cost <= self.memory
            return Accumulate(first, "reverse" if fits and factor.rows < factor.columns else "forward")
        kind, offset = divmod(int(self.choice[first, last]), last - first)
        return (Multiply, Push, Pull)[kind](first, first + offset, last)


def _exact_dtype(chain: Sequence[Factor]) -> type:
    """int64 where no cost can overflow it, else Python's integers."""
    largest = max(max(factor.rows, factor.columns) for factor in chain)
    total = sum(factor.cost for factor in chain)
    bound = len(chain) * (largest**3 + largest * total + 1)
    return np.int64 if bound < 2**62 else object
