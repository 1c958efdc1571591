"""Data of several programs: scikit-learn's 1,797 handwritten digits (the extra `demo`)."""

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
