"""Random numbers: the published vectors, the distributions, and when a stream moves on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import irgraph as ig
from irgraph.ops.random import Philox
from irgraph.testing.cases.sources import philox_block, philox_words
from irgraph_array.indexed import philox_4x32

# The known answers of Random123 (Salmon et al., SC 2011), kat_vectors, philox4x32 with 10 rounds.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter: str, key: str, answer: str) -> None:
    blocks = 3
    state = np.array([words(counter)] * blocks, np.uint64).T.copy()
    k0, k1 = words(key)
    philox_4x32(np, state, (k0, k1), np.empty((2, blocks), np.uint64))
    assert [tuple(column) for column in state.T] == [words(answer)] * blocks
    assert philox_block(words(counter), (k0, k1)) == words(answer)


def test_words_continue_over_the_kernels_blocks() -> None:
    """The kernel works on 4096 counters at a time; what comes out does not show it."""
    shape = (4 * 4096 + 7,)
    key, step = 2**40 + 3, 2**33 + 5
    found = ig.evaluate(
        Philox(shape, 99, 32)(ig.input("k", (), "int64"), ig.input("s", (), "int64")), k=key, s=step
    )
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, philox_words(key, step, 99, 32, shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform(dtype: str) -> None:
    draw = ig.compile(ig.random_uniform((200, 100), name="noise", dtype=dtype), seed=1)
    numbers = draw().ravel()
    assert numbers.dtype == dtype
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02
    assert np.unique(numbers).size > (19_900 if dtype == "float32" else 19_999)


def test_uniform_between_bounds() -> None:
    numbers = ig.compile(ig.random_uniform((20_000,), -3.0, 5.0, name="noise"), seed=2)()
    assert stats.kstest((numbers + 3) / 8, "uniform").pvalue > 0.01


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal(dtype: str) -> None:
    numbers = ig.compile(ig.random_normal((20_000,), 2.0, 3.0, name="noise", dtype=dtype), seed=3)()
    assert numbers.dtype == dtype
    assert np.isfinite(numbers).all()
    assert stats.kstest((numbers - 2) / 3, "norm").pvalue > 0.01


def test_dropout_keeps_the_mean() -> None:
    x = ig.input("x", ("n",))
    drop = ig.compile(ig.dropout(x, 0.3, name="drop"), seed=4)
    dropped = drop(x=np.full(20_000, 2.0))
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(2 / 0.7)}
    assert stats.binomtest(int((dropped == 0).sum()), dropped.size, 0.3).pvalue > 0.01


def test_dropout_of_nothing_is_the_value() -> None:
    x = ig.input("x", (3,))
    assert ig.dropout(x, 0.0, name="drop") is x


def test_a_seed_gives_the_same_numbers_and_another_others() -> None:
    def run(seed: int) -> list[Any]:
        draw = ig.compile(ig.random_normal((5,), name="noise"), seed=seed)
        return [draw().tolist() for _ in range(3)]

    assert run(7) == run(7)
    assert run(7) != run(8)
    assert len({tuple(numbers) for numbers in run(7)}) == 3


def test_streams_of_two_names_differ_and_no_shape_matters() -> None:
    def noise(name: str, *shape: int) -> ig.Value:
        return ig.random_uniform(shape, name=name)

    one, two = ig.compile([noise("one", 64), noise("two", 64)])()
    assert not np.intersect1d(one, two).size
    alone, wide = ig.compile(noise("one", 64))(), ig.compile(noise("one", 8, 8))()
    np.testing.assert_array_equal(alone, one)
    np.testing.assert_array_equal(wide.ravel(), one)


def test_one_name_for_two_streams_is_an_error() -> None:
    with pytest.raises(ig.errors.GraphError, match="the name 'noise/key' used twice"):
        ig.compile(ig.random_uniform((2,), name="noise") + ig.random_uniform((2,), name="noise"))


def test_a_failed_step_draws_the_same_numbers_again() -> None:
    index = ig.input("index", (2,), "int64")
    noise = ig.random_uniform((4,), name="noise")
    pick = ig.compile([noise, ig.gather(noise, index)], seed=5)
    expected = ig.compile(ig.random_uniform((4,), name="noise"), seed=5)
    np.testing.assert_array_equal(pick(index=[0, 1])[0], expected())
    with pytest.raises(
        ig.errors.FeedError, match=r"found the index 4 at \[1\] of index; needed integers from 0 to 3"
    ):
        pick(index=[0, 4])
    assert pick.state["noise/step"] == 1
    np.testing.assert_array_equal(pick(index=[0, 1])[0], expected())
    assert pick.state["noise/step"] == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_alone_moves_the_stream_on(dtype: str) -> None:
    x = ig.input("x", (64,), dtype)
    loss = (x * ig.random_uniform((64,), name="noise", dtype=dtype)).sum() + ig.dropout(
        x, 0.5, name="drop"
    ).sum()
    slope = ig.compile([ig.grad(loss, x), x])
    first, second = slope(x=np.zeros(64))[0], slope(x=np.zeros(64))[0]
    assert (first != second).any()
    assert slope.state["noise/step"] == slope.state["drop/step"] == 2


def test_the_gradient_of_dropout_is_its_mask() -> None:
    x = ig.input("x", (100,))
    dropped = ig.dropout(x, 0.4, name="drop")
    value, slope = ig.compile([dropped, ig.grad(dropped.sum(), x)])(x=np.full(100, 3.0))
    np.testing.assert_allclose(value, 3 * slope, rtol=1e-6)


def test_a_named_shape() -> None:
    x = ig.input("x", ("batch", 3))
    noisy = ig.compile(x + ig.random_normal(("batch", 3), name="noise"))
    assert noisy(x=np.zeros((5, 3))).shape == (5, 3)
    assert noisy(x=np.zeros((2, 3))).shape == (2, 3)
