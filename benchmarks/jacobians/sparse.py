"""Where the entries of a bundle adjustment Jacobian lie: a CSR pattern that is made once."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.adbench.data import Array, Bundle


class CsrLayout:
    """Rows: two errors for each observation, then one for each weight; columns: cameras, points, weights."""

    def __init__(self, bundle: Bundle) -> None:
        p, cameras, points = len(bundle.weights), bundle.cameras.size, bundle.points.size
        each = np.arange(p)
        columns = np.concatenate(
            [
                bundle.camera_of[:, None] * 11 + np.arange(11),
                cameras + bundle.point_of[:, None] * 3 + np.arange(3),
                (cameras + points + each)[:, None],
            ],
            1,
        )
        errors = np.repeat(columns, 2, axis=0)
        self.shape = (3 * p, cameras + points + p)
        self.indices = np.concatenate([errors.ravel(), cameras + points + each]).astype(np.int32)
        lengths = np.concatenate([[0], np.full(2 * p, 15), np.ones(p, int)])
        self.indptr = np.cumsum(lengths).astype(np.int32)

    def matrix(self, camera: Array, point: Array, weight: Array, own: Array) -> Any:
        """The matrix of blocks (p, 2, 11), (p, 2, 3), (p, 2) and of the weights' own slopes (p,)."""
        from scipy.sparse import csr_matrix

        blocks = np.concatenate([camera, point, weight[:, :, None]], 2)
        data = np.concatenate([blocks.ravel(), own])
        return csr_matrix((data, self.indices, self.indptr), self.shape)
