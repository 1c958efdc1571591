"""The order of a chain of sparse matrices, by the counts of their columns and rows.

The product A B takes, at each inner index, (entries of that column of A) · (entries of that row of B)
multiplications. What is exact and what is not:

* Of `Pattern`s the plan is exact: the pattern of a part does not depend on its bracketing (no entries are
  taken to cancel), so the dynamic program has the true cost of every product.
* Of `Counts` it is an estimate. Those of the factors are given, those of a part are estimated from its first
  factor on, as if entries were spread evenly; the dynamic program is exact for the counts so estimated. True
  are the cost of a product of two factors, and the counts of a product of dense matrices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .chain_order import Accumulate, Multiply, Step


@dataclass(frozen=True)
class Pattern:
    """Where a matrix has entries: one integer for each row, whose bit j stands for column j.

    >>> Pattern.of((2, 3), [(0, 0), (0, 2), (1, 2)]).rows
    (5, 4)
    """

    columns: int
    rows: tuple[int, ...]

    @staticmethod
    def of(shape: tuple[int, int], entries: Iterable[tuple[int, int]]) -> Pattern:
        """From pairs of row and column; ValueError for one outside."""
        rows = [0] * shape[0]
        for i, j in entries:
            if not (0 <= i < shape[0] and 0 <= j < shape[1]):
                raise ValueError(f"found the entry {(i, j)}; needed one within the shape {shape}.")
            rows[i] |= 1 << j
        return Pattern(shape[1], tuple(rows))

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.columns

    def __matmul__(self, right: Pattern) -> Pattern:
        """The pattern of the product."""
        rows = []
        for row in self.rows:
            joined = 0
            while row:
                low = row & -row
                joined |= right.rows[low.bit_length() - 1]
                row ^= low
            rows.append(joined)
        return Pattern(right.columns, tuple(rows))

    def counts(self) -> Counts:
        """Entries of each row and column."""
        columns = [0] * self.columns
        for row in self.rows:
            while row:
                low = row & -row
                columns[low.bit_length() - 1] += 1
                row ^= low
        return Counts(np.array([row.bit_count() for row in self.rows], float), np.array(columns, float))


@dataclass(frozen=True)
class Counts:
    """How many entries each row and each column has, known or estimated."""

    rows: np.ndarray[tuple[int], np.dtype[np.float64]]
    columns: np.ndarray[tuple[int], np.dtype[np.float64]]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.columns)

    def __matmul__(self, right: Counts) -> Counts:
        """Those of the product if every entry met an average row or column of the other, independently.

        A row with r entries then misses a column with probability (1 - density)^r.
        """
        density_right = right.rows.sum() / max(1, len(right.rows) * len(right.columns))
        density_left = self.columns.sum() / max(1, len(self.rows) * len(self.columns))
        rows = len(right.columns) * (1 - (1 - density_right) ** self.rows)
        columns = len(self.rows) * (1 - (1 - density_left) ** right.columns)
        return Counts(rows, columns)


@dataclass(frozen=True)
class SparsePlan:
    """The cheapest bracketing: its steps, its multiplications, and whether these are exact or estimated."""

    cost: int
    steps: tuple[Step, ...]
    exact: bool


def plan_sparse(factors: Sequence[Pattern] | Sequence[Counts]) -> SparsePlan:
    """The cheapest order of multiplying a chain of sparse matrices; factor 0 is applied first.

    Raises ValueError for an empty chain, sizes that do not meet, and patterns mixed with counts.

    A column, a row, a column: the product of the last two is a number.

    >>> column, row = Pattern(1, (1, 1, 1)), Pattern(3, (0b111,))
    >>> plan = plan_sparse([column, row, column])
    >>> plan.cost, plan.steps[-1]
    (6, Multiply(first=0, split=1, last=2))
    """
    if not factors:
        raise ValueError("found a chain without factors; needed one at least.")
    if len({type(factor) for factor in factors}) > 1:
        raise ValueError("found patterns beside counts; needed all of one kind.")
    for position in range(1, len(factors)):
        if factors[position].shape[1] != factors[position - 1].shape[0]:
            raise ValueError(
                f"found {factors[position].shape[1]} columns of factor {position} after "
                f"{factors[position - 1].shape[0]} rows of factor {position - 1}; needed equal sizes."
            )
    costs, splits = _table(_parts(factors))
    return SparsePlan(costs[0][-1], tuple(_steps(splits, len(factors))), isinstance(factors[0], Pattern))


def _parts(factors: Sequence[Pattern] | Sequence[Counts]) -> list[list[Counts | None]]:
    """The counts of factors i … j, each made from those of i … j - 1."""
    parts: list[list[Counts | None]] = [[None] * len(factors) for _ in factors]
    for first in range(len(factors)):
        made = factors[first]
        for last in range(first, len(factors)):
            if last > first:
                made = factors[last] @ made  # type: ignore[operator]  # all are of one kind
            parts[first][last] = made.counts() if isinstance(made, Pattern) else made
    return parts


def _table(parts: Sequence[Sequence[Counts | None]]) -> tuple[list[list[int]], list[list[int]]]:
    count = len(parts)
    costs = [[0] * count for _ in range(count)]
    splits = [[0] * count for _ in range(count)]
    for length in range(2, count + 1):
        for first in range(count - length + 1):
            last = first + length - 1
            options = []
            for split in range(first, last):
                right, left = parts[first][split], parts[split + 1][last]
                assert right is not None
                assert left is not None
                product = round(float(left.columns @ right.rows))
                options.append((costs[first][split] + costs[split + 1][last] + product, split))
            costs[first][last], splits[first][last] = min(options)
    return costs, splits


def _steps(splits: Sequence[Sequence[int]], count: int) -> Iterable[Step]:
    made: list[Step] = []
    stack = [(0, count - 1)]
    while stack:
        first, last = stack.pop()
        if first == last:
            made.append(Accumulate(first, "forward"))
            continue
        split = splits[first][last]
        made.append(Multiply(first, split, last))
        stack += [(first, split), (split + 1, last)]
    return reversed(made)
