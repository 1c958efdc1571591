"""What the models guess, against counts of pairs; and shards of a batch against the whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import irgraph as ig

TEXT = Path(__file__).parent.parent.parent / "examples" / "lectures" / "us-constitution.txt"


def test_both_models_learn_more_than_the_frequencies(numbers: dict[str, Any]) -> None:
    text = TEXT.read_text()
    share = np.array(list(Counter(text).values())) / len(text)
    frequencies = float(-(share * np.log2(share)).sum())
    for name in ("LSTM", "attention"):
        bits = numbers[f"bits, {name}"]
        assert bits[-1] < bits[0]
        assert bits[-1] < frequencies
    assert 3 < numbers["bits by pairs"] < frequencies


def test_they_write_characters_of_the_text(numbers: dict[str, Any]) -> None:
    for name in ("LSTM", "attention"):
        written = numbers[f"written by {name}"]
        assert written.startswith("The Constitution of the United States of America")
        assert len(written) > 300
        assert set(written) <= set(TEXT.read_text())


def test_shards_add_up_to_the_batch(numbers: dict[str, Any]) -> None:
    assert numbers["largest difference of shards"] < 1e-6


@pytest.mark.parametrize("name", ["LSTM", "attention"])
def test_no_character_reads_those_after_it(name: str, program: Any) -> None:
    model = ig.nn.Sequential(program.models(20)[name], name=name)
    f = ig.compile(model(ig.input("ids", (1, "time"), "int64")), seed=1)
    ids = np.arange(12) % 20
    changed = np.where(np.arange(12) < 7, ids, 19)
    first, second = f(ids=ids[None]), f(ids=changed[None])
    np.testing.assert_allclose(first[:, :7], second[:, :7], atol=1e-6)
    assert abs(first[:, 7:] - second[:, 7:]).max() > 1e-3
