"""Data of the programs: handwritten digits, and a text.

The digits are scikit-learn's 1,797 (the extra `demo`). The text is the Constitution of the United States, in
the public domain, as in Debian's package miscfiles 1.5.
"""

import re
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def digits():
    """Images (n, 8, 8) from 0 to 1 and labels: 1,437 to learn from, 360 held out."""
    pixels, labels = load_digits(return_X_y=True)
    images = (pixels / 16).astype("float32").reshape(-1, 8, 8)
    order = np.random.default_rng(0).permutation(len(images))
    held_out, seen = order[:360], order[360:]
    return (images[seen], labels[seen]), (images[held_out], labels[held_out])


def batches(count, size, random):
    """Random positions, in batches of a size, for one pass over `count` examples."""
    order = random.permutation(count)
    return [order[start : start + size] for start in range(0, count, size)]


def characters():
    """The Constitution as numbers of its characters, and these characters."""
    text = Path(__file__).with_name("us-constitution.txt").read_text(encoding="utf-8")
    text = re.sub(r"\n\n+", "\n\n", text)
    alphabet = sorted(set(text))
    return np.array([alphabet.index(character) for character in text]), alphabet


def windows(ids, length, stride):
    """Pieces of a text, and the same one character later."""
    at = np.arange(0, len(ids) - length, stride)[:, None] + np.arange(length)
    return ids[at], ids[at + 1]


def bits_by_pairs(seen, x, y):
    """Bits for each character y if only x, the one before, is known: from the pairs in the text `seen`."""
    pairs = np.full((seen.max() + 1,) * 2, 0.1)
    np.add.at(pairs, (seen[:-1], seen[1:]), 1)
    return float(-np.log2(pairs / pairs.sum(axis=1, keepdims=True))[x, y].mean())


def continued(logits_after, ids, count, sharper=1.3):
    """Draw a character after another, each by the softmax of its logits after those before."""
    random = np.random.default_rng(0)
    for _ in range(count):
        logits = sharper * logits_after(ids)
        ids = np.append(ids, (logits + random.gumbel(size=logits.shape)).argmax())  # drawn by their softmax
    return ids
