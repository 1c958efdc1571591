"""The order of a chain of structured matrices: which to multiply, to sweep through or to multiply out.

`chain_forms` says what a product costs and which form it has. A sweep needs one tangent for each column of a
block of its result, as all blocks go at once, or `rank` of them for the U of a factored matrix; adjoints
likewise. A part of the chain can have several forms, of which each can be best for what follows; the dynamic
program keeps the cheapest way to each. It is exact over all bracketings, sweeps and choices of multiplying
out, under these rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import gcd
from typing import NamedTuple

from .chain_forms import Blocks, Factored, Form, dense, products
from .chain_order import Accumulate, Multiply, Pull, Push, Step


class Link(NamedTuple):
    """One Jacobian of a chain: its form, what one product with it costs, and whether it is a matrix already.

    A factored one and an identity always are.
    """

    form: Form
    cost: int
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Expand:
    """U V of the factors `first` … `last`, multiplied out."""

    first: int
    last: int


@dataclass(frozen=True)
class FormPlan:
    """The cheapest order: steps as they can be made, the form that each leaves, and the cost of all."""

    cost: int
    steps: tuple[Step | Expand, ...]
    forms: tuple[Form, ...]

    @property
    def storage(self) -> int:
        """Numbers of the result."""
        return self.forms[-1].storage


class _Way(NamedTuple):
    """How a part got a form: the step, and the forms of the parts that it takes, with their ranges."""

    cost: int
    step: Step | Expand
    parts: tuple[tuple[int, int, Form], ...]


def plan_forms(links: Sequence[Link], memory: int | None = None, expanded: bool = False) -> FormPlan:
    """The cheapest way to the Jacobian of a chain of structured factors; factor 0 is applied first.

    `memory` limits the tape of any adjoint; `expanded` asks for a result that is not factored. The time grows
    with the third power of the length. Raises ValueError for an empty chain, sizes that do not meet, sizes
    below 1 or negative costs.

    A dense matrix, a diagonal one and one of rank 1; V goes through the others.

    >>> from irgraph.autodiff.chain_forms import diagonal
    >>> forms = [dense(50, 50), diagonal(50), Factored(50, 50, 1)]
    >>> plan = plan_forms([Link(form, form.storage, ready=True) for form in forms])
    >>> plan.cost, plan.forms[-1]
    (2550, Factored(rows=50, columns=50, rank=1))
    """
    chain = _checked(links)
    table = _Table(chain, memory)
    ways = table.ways[0, len(chain) - 1]
    asked = [each for each in ways if not (expanded and isinstance(each, Factored))]
    form = min(asked, key=lambda each: ways[each].cost)  # of equal ones the first
    made = list(table.made(form))
    return FormPlan(ways[form].cost, tuple(step for step, _ in made), tuple(form for _, form in made))


def _checked(links: Sequence[Link]) -> list[Link]:
    chain = [Link(*link) for link in links]
    if not chain:
        raise ValueError("found a chain without factors; needed one at least.")
    for position, (form, cost, _) in enumerate(chain):
        least = form.count if isinstance(form, Blocks) else form.rank
        if min(least, *form.shape, cost + 1) < 1:
            raise ValueError(
                f"found {form} of cost {cost} at {position}; needed sizes of 1 or more, costs of 0 or more."
            )
        if position and form.shape[1] != (before := chain[position - 1].form.shape[0]):
            raise ValueError(
                f"found {form.shape[1]} columns of factor {position} after {before} rows of factor "
                f"{position - 1}; needed equal sizes."
            )
    return chain


def _common(chain: Sequence[Link]) -> dict[tuple[int, int], int]:
    """The blocks of a product of factors i … j, those of low rank being dense."""
    counts = {}
    for first in range(len(chain)):
        count = 0
        for last, (form, _, _) in enumerate(chain[first:], first):
            count = gcd(count, form.count if isinstance(form, Blocks) else 1)
            counts[first, last] = count
    return counts


class _Table:
    """`ways[i, j]`: the cheapest way to each form of the matrix of factors i … j."""

    def __init__(self, chain: Sequence[Link], memory: int | None) -> None:
        self.chain, self.memory = chain, memory
        self.sums = [0, *accumulate(link.cost for link in chain)]
        self.counts = _common(chain)
        self.ways: dict[tuple[int, int], dict[Form, _Way]] = {}
        for length in range(1, len(chain) + 1):
            for first in range(len(chain) - length + 1):
                last = first + length - 1
                self.ways[first, last] = {}
                if length == 1:
                    self._accumulate(first)
                for split in range(first, last):
                    self._multiply(first, split, last)
                    self._sweep(first, split, last)
                self._expand(first, last)
                self._prune(first, last)

    def _offer(self, first: int, last: int, form: Form, way: _Way) -> None:
        ways = self.ways[first, last]
        if form not in ways or way.cost < ways[form].cost:
            ways[form] = way

    def _fits(self, first: int, last: int) -> bool:
        return self.memory is None or self._tape(first, last) <= self.memory

    def _tape(self, first: int, last: int) -> int:
        return self.sums[last + 1] - self.sums[first]

    def _accumulate(self, place: int) -> None:
        form, cost, ready = self.chain[place]
        step = Accumulate(place, "forward")
        if isinstance(form, Factored) or form.identity or ready:
            cost = 0
        elif form.rows < form.columns and self._fits(place, place):
            cost, step = cost * form.rows, Accumulate(place, "reverse")
        else:
            cost *= form.columns
        self._offer(place, place, form, _Way(cost, step, ()))

    def _multiply(self, first: int, split: int, last: int) -> None:
        for right, before in self.ways[first, split].items():
            for left, after in self.ways[split + 1, last].items():
                parts = (first, split, right), (split + 1, last, left)
                for form, cost in products(left, right):
                    total = before.cost + after.cost + cost
                    self._offer(first, last, form, _Way(total, Multiply(first, split, last), parts))

    def _sweep(self, first: int, split: int, last: int) -> None:
        """Push the right part through the factors before it, or pull the left part through those after it."""
        for right, way in self.ways[first, split].items():
            form = self._swept(right, self.counts[split + 1, last], first, last)
            tangents = form.rank if isinstance(form, Factored) else form.columns
            cost = way.cost + tangents * self._tape(split + 1, last)
            self._offer(first, last, form, _Way(cost, Push(first, split, last), ((first, split, right),)))
        if self._fits(first, split):
            for left, way in self.ways[split + 1, last].items():
                form = self._swept(left, self.counts[first, split], first, last)
                adjoints = form.rank if isinstance(form, Factored) else form.rows
                cost = way.cost + adjoints * self._tape(first, split)
                self._offer(
                    first, last, form, _Way(cost, Pull(first, split, last), ((split + 1, last, left),))
                )

    def _swept(self, form: Form, through: int, first: int, last: int) -> Form:
        """What a sweep leaves of a matrix; a factored one stays so."""
        rows, columns = self.chain[last].form.shape[0], self.chain[first].form.shape[1]
        if isinstance(form, Factored):
            return Factored(rows, columns, form.rank)
        count = gcd(form.count, through)
        return Blocks(count, rows // count, columns // count)

    def _expand(self, first: int, last: int) -> None:
        for form, way in list(self.ways[first, last].items()):
            if isinstance(form, Factored):
                cost = way.cost + form.rows * form.rank * form.columns
                expanded = _Way(cost, Expand(first, last), ((first, last, form),))
                self._offer(first, last, dense(*form.shape), expanded)

    def _prune(self, first: int, last: int) -> None:
        """A factored form of higher rank that costs no less is of no use: what follows costs more with it."""
        ways = self.ways[first, last]
        least: int | None = None
        for form in sorted((form for form in ways if isinstance(form, Factored)), key=lambda each: each.rank):
            if least is not None and ways[form].cost >= least:
                del ways[form]
            else:
                least = ways[form].cost

    def made(self, form: Form) -> Iterator[tuple[Step | Expand, Form]]:
        """The steps to a form of the whole chain, each after those whose matrices it uses."""
        made: list[tuple[Step | Expand, Form]] = []
        stack = [(0, len(self.chain) - 1, form)]
        while stack:
            first, last, form = stack.pop()
            way = self.ways[first, last][form]
            made.append((way.step, form))
            stack += way.parts
        return reversed(made)
