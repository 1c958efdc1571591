"""The law of the hard room: contracting labelled factors is numpy.einsum over their dense forms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from irgraph.autodiff.emit import apply, total
from irgraph.dims import bind
from irgraph.graph import topological_order
from irgraph.local_jacobian import (
    Coefficient,
    Dense,
    Factor,
    Label,
    Labels,
    Map,
    Pick,
    Ravel,
    Slice,
    Term,
    Terms,
    compose,
    term,
)
from irgraph.ops.contract import contract
from irgraph.ops.cumulative import Cumsum
from irgraph.types import float64

Array = np.ndarray[Any, Any]
NETWORKS = 12  # a test compiles so many at once
SIZES = {"n": 3}


class Random:
    """Random factors, and the arrays to feed for them. `named` gives some labels the size "n"."""

    def __init__(self, seed: int, named: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.named = named
        self.feeds: dict[str, Array] = {}

    def size(self) -> Any:
        if self.named and self.rng.random() < 0.3:
            return ig.Dim.of("n")
        return int(self.rng.choice([1, 2, 3, 4], p=[0.25, 0.3, 0.25, 0.2]))

    def label(self) -> Label:
        return Label(self.size())

    def some(self, pool: Sequence[Label], most: int) -> Labels:
        count = int(self.rng.integers(0, min(most, len(pool)) + 1))
        return Labels(pool[n] for n in self.rng.permutation(len(pool))[:count])

    def input(self, array: Array, shape: Iterable[Any]) -> ig.Value:
        name = f"v{len(self.feeds)}"
        self.feeds[name] = array
        return ig.input(name, tuple(shape), array.dtype)

    def numbers(self, labels: Iterable[Label]) -> ig.Value:
        found = list(labels)
        return self.input(self.rng.standard_normal(sizes(found)), [label.size for label in found])

    def dense(self, pool: Sequence[Label]) -> Dense:
        at = self.some(pool, 3)
        if self.rng.random() < 0.25:
            return Dense(self.input(self.rng.random(sizes(at)) < 0.6, [label.size for label in at]), at)
        return Dense(self.numbers(at), at)

    def link(self, pool: list[Label]) -> Factor | None:
        kinds = [self.slice, self.ravel, self.pick, self.map]
        return kinds[self.rng.integers(len(kinds))](pool)

    def slice(self, pool: list[Label]) -> Factor | None:
        whole = pool[self.rng.integers(len(pool))]
        if not isinstance(whole.size, int):
            return None
        step = int(self.rng.choice([-2, -1, 1, 2]))
        start = int(self.rng.integers(whole.size))
        most = (whole.size - 1 - start) // step + 1 if step > 0 else start // -step + 1
        part = Label(int(self.rng.integers(1, most + 1)))
        same = [label for label in pool if label.size == part.size and label is not whole]
        if same and self.rng.random() < 0.5:
            part = same[0]
        else:
            pool.append(part)
        return Slice(part, whole, start, step)

    def ravel(self, pool: list[Label]) -> Factor | None:
        left = self.some([label for label in pool if isinstance(label.size, int)], 2)
        if not left:
            return None
        count = math.prod(sizes(left))
        split = int(self.rng.choice([n for n in range(1, count + 1) if count % n == 0]))
        right = (
            Labels((Label(split), Label(count // split)))
            if self.rng.random() < 0.6
            else Labels((Label(count),))
        )
        pool += right
        return Ravel(left, right)

    def pick(self, pool: list[Label]) -> Factor | None:
        whole = pool[self.rng.integers(len(pool))]
        at = self.some([label for label in pool if label is not whole], 2)
        index = self.rng.integers(0, sizes([whole])[0], sizes(at))
        return Pick(self.input(index, [label.size for label in at]), at, whole)

    def map(self, pool: list[Label]) -> Factor | None:
        right = pool[self.rng.integers(len(pool))]
        left = Label(right.size)
        pool.append(left)
        return running(left, right, bool(self.rng.integers(2)))

    def factors(self) -> tuple[tuple[Factor, ...], list[Label]]:
        pool = [self.label() for _ in range(int(self.rng.integers(2, 5)))]
        links = [self.link(pool) for _ in range(int(self.rng.integers(0, 3)))]
        dense = [self.dense(pool) for _ in range(int(self.rng.integers(0, 3)))]
        return tuple(factor for factor in (*links, *dense) if factor is not None), pool

    def term(self, in_: Labels | None = None) -> Term:
        factors, pool = self.factors()
        if in_ is not None:
            pool += in_
            factors += (self.dense(pool),)
        out = self.some(pool, 3)
        number = float(self.rng.choice([1.0, -1.0, 0.5, -2.0]))
        return Term(out, self.some(pool, 3) if in_ is None else in_, factors, Coefficient(number))


def running(left: Label, right: Label, reverse: bool) -> Map:
    """A running sum as a linear map."""
    return Map(
        lambda t, lead: Cumsum(lead, reverse)(t),
        lambda t, lead: Cumsum(lead, not reverse)(t),
        Labels((left,)),
        Labels((right,)),
    )


def sizes(labels: Iterable[Label]) -> tuple[int, ...]:
    return tuple(bind(label.size, SIZES) for label in labels)


def dense_form(factor: Factor, feeds: dict[str, Array]) -> Array:
    """The factor as an array over its labels, from its definition."""
    shape = sizes(factor.labels)
    match factor:
        case Dense(value, _):
            return feeds[value.label].astype(float)
        case Slice(_, _, start, step):
            part, whole = np.indices(shape)
            return np.asarray(whole == start + step * part, float)
        case Ravel():
            count = math.isqrt(math.prod(shape))
            return np.eye(count).reshape(shape)
        case Pick(index, _, _):
            return np.asarray(feeds[index.label][..., None] == np.arange(shape[-1]), float)
        case Map(push, _, _, _):
            unit = ig.input("unit", (shape[1], shape[1]), "float64")
            columns = ig.evaluate(push(unit, 1), unit=np.eye(shape[1]))
            return np.asarray(columns).T


def einsum(factors: Sequence[Factor], target: Labels, feeds: dict[str, Array]) -> Array:
    """The sum over all labels that the target lacks of the product of all factors."""
    number: dict[Label, int] = {}
    operands: list[Any] = []
    seen = {label for factor in factors for label in factor.labels}
    free = [Dense(ig.input("ones", ()), Labels([label])) for label in target if label not in seen]
    for factor in [*factors, *free]:
        array = np.ones(sizes(factor.labels)) if factor in free else dense_form(factor, feeds)
        operands += [array, [number.setdefault(label, len(number)) for label in factor.labels]]
    return np.asarray(np.einsum(*operands, [number[label] for label in target])) if operands else np.ones(())


def agree(random: Random, values: list[ig.Value], wanted: list[Array]) -> None:
    anchor = random.input(np.zeros(SIZES["n"]), ["n"])  # binds the name, whatever else does
    function = ig.compile([*values, anchor], verify=True)
    *results, _ = function(**{name: random.feeds[name] for name in function.graph.inputs})
    for value, found, array in zip(values, results, wanted, strict=True):
        assert found.dtype == np.float64, value
        assert found.shape == array.shape, value
        np.testing.assert_allclose(found, array, atol=1e-10 * max(1.0, np.abs(array).max(initial=0.0)))


def applied(random: Random, terms: Terms, tangent: ig.Value) -> Array:
    """What a sum of terms makes of a tangent, by brute force."""
    result: Any = 0.0
    for each in terms:
        scale = (
            each.coefficient.number * bind(each.coefficient.times, SIZES) / bind(each.coefficient.over, SIZES)
        )
        result = result + scale * einsum([Dense(tangent, each.in_), *each.factors], each.out, random.feeds)
    return np.asarray(result)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_contract_is_einsum(seed: int, named: bool) -> None:
    random = Random(seed, named)
    values: list[ig.Value] = []
    wanted: list[Array] = []
    while len(values) < NETWORKS:
        factors, pool = random.factors()
        if any(isinstance(factor, Dense) for factor in factors):
            target = random.some(pool, 4)
            values.append(contract(factors, target, float64))
            wanted.append(einsum(factors, target, random.feeds))
    agree(random, values, wanted)


def test_two_parts_of_one_whole_are_a_diagonal() -> None:
    """Found by the random networks: both axes were padded to the same label, and the square summed."""
    random = Random(0)
    one, two, whole = Label(1), Label(2), Label(2)
    x = random.numbers([one, two])
    factors: tuple[Factor, ...] = (Slice(one, whole), Slice(two, whole), Dense(x, Labels([one, two])))
    for target in (Labels(), Labels([whole])):
        agree(random, [contract(factors, target, float64)], [einsum(factors, target, random.feeds)])


@pytest.mark.parametrize("named", [False, True])
def test_two_indices_over_summed_axes_are_one(named: bool) -> None:
    """A block for each pair, added where the pair belongs: no matrix of zeros and ones is made."""
    random = Random(0)
    first, second = Label(ig.Dim.of("n") if named else 3), Label(4)
    p, q, k = Label(5), Label(2), Label(2)
    one = Pick(random.input(random.rng.integers(0, 3, (5, 2)), [5, 2]), Labels([p, q]), first)
    two = Pick(random.input(random.rng.integers(0, 4, (2, 5)), [2, 5]), Labels([q, p]), second)
    blocks = Dense(random.numbers([k, p, q]), Labels([k, p, q]))
    values, wanted = [], []
    for target in (Labels([second, k, first]), Labels([first, second]), Labels([first, second, p])):
        values.append(contract([one, two, blocks], target, float64))
        wanted.append(einsum([one, two, blocks], target, random.feeds))
    agree(random, values, wanted)
    if not named:
        made = [value.shape for node in topological_order(values[:2]) for value in node.outputs]
        assert max(math.prod(bind(size, SIZES) for size in shape) for shape in made) == 3 * 4 * 2


@pytest.mark.parametrize("seed", range(20))
def test_terms_apply_as_they_are_and_transposed(seed: int) -> None:
    random = Random(1000 + seed)
    values: list[ig.Value] = []
    wanted: list[Array] = []
    for _ in range(NETWORKS):
        terms = Terms((random.term(),))
        for side in (terms, terms.T):
            tangent = random.numbers(side[0].in_)
            values.append(total(apply(side, tangent)))
            wanted.append(applied(random, side, tangent))
    agree(random, values, wanted)


@pytest.mark.parametrize("seed", range(10))
def test_factors_that_all_terms_share(seed: int) -> None:
    """They multiply the tangent once, whatever else the terms do."""
    random = Random(3000 + seed)
    values: list[ig.Value] = []
    wanted: list[Array] = []
    for _ in range(NETWORKS):
        in_ = Labels([random.label() for _ in range(3)])
        tied = random.some(in_, 2)
        shared = Dense(random.numbers(tied), tied)
        out, terms = Labels([*tied, random.label()]), Terms()
        for _ in range(int(random.rng.integers(2, 4))):
            other = random.dense(list(dict.fromkeys([*in_, *out])))
            terms = terms - term(out, in_, shared, other) if terms else term(out, in_, other, shared)
        for side in (terms, terms.T):
            tangent = random.numbers(side[0].in_)
            values.append(total(apply(side, tangent)))
            wanted.append(applied(random, side, tangent))
    agree(random, values, wanted)


@pytest.mark.parametrize("seed", range(20))
def test_composition_is_one_after_the_other(seed: int) -> None:
    random = Random(2000 + seed)
    values: list[ig.Value] = []
    wanted: list[Array] = []
    for _ in range(NETWORKS):
        inner = random.term()
        outer = random.term(in_=Labels(Label(label.size) for label in inner.out))
        both, t = compose(outer, inner), random.numbers(inner.in_)
        values += [total(apply(Terms([both]), t))]
        middle = total(apply(Terms([inner]), t))
        values += [total(apply(Terms([outer]), middle))]
        through = ig.input("through", [label.size for label in outer.in_], "float64")
        random.feeds["through"] = applied(random, Terms([inner]), t)
        wanted += [applied(random, Terms([outer]), through)] * 2
        cotangent = random.numbers(outer.out)
        values += [total(apply(Terms([both]).T, cotangent))]
        wanted.append(applied(random, Terms([both]).T, cotangent))
    agree(random, values, wanted)
