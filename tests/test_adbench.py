"""ADBench's objectives: values against loops over their definitions, derivatives against differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import irgraph as ig
from benchmarks.adbench import bundle as bundles
from benchmarks.adbench import hand as hands
from benchmarks.adbench import mixture as mixtures
from benchmarks.adbench.data import Bundle, Hand, Mixture, read_bundle, read_hand, read_mixture

Array = np.ndarray[Any, Any]

# ------------------------------------------------------------- the definitions, one number at a time


def hand_by_definition(theta: Array, hand: Hand) -> Array:
    """All bones and all vertices, in homogeneous coordinates, as ADBench's documentation states them."""
    angles = np.zeros((22, 3))  # x, z, y
    for finger in range(5):
        numbers = theta[6 + 4 * finger :][:4]
        angles[4 * finger + 2, :2] = numbers[:2]
        angles[4 * finger + 3, 0], angles[4 * finger + 4, 0] = numbers[2:]
    transforms: list[Array] = []
    frames: list[Array] = []
    for bone in range(22):
        frame = hand.relatives[bone] @ euler_matrix(*angles[bone])
        if hand.parents[bone] >= 0:
            frame = frames[hand.parents[bone]] @ frame
        frames.append(frame)
        transforms.append(frame @ hand.inverses[bone])
    skinned = np.zeros((len(hand.vertices), 3))
    for vertex, weights in enumerate(hand.weights):
        for bone in range(22):
            skinned[vertex] += weights[bone] * (transforms[bone] @ hand.vertices[vertex])[:3]
    moved = skinned[hand.matches]
    if math.sqrt(sum(theta[:3] ** 2)) >= 1e-4:
        moved = rotate_by_definition(theta[:3], moved)
    return hand.points - (moved + theta[3:6])


def euler_matrix(x: float, z: float, y: float) -> Array:
    """The rotation about x, then y, then z, as a 4 x 4 matrix."""
    about_x = [[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]]
    about_y = [[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]]
    about_z = [[math.cos(z), -math.sin(z), 0], [math.sin(z), math.cos(z), 0], [0, 0, 1]]
    result = np.eye(4)
    result[:3, :3] = np.array(about_z) @ about_y @ about_x
    return result


def rotate_by_definition(vector: Array, points: Array) -> Array:
    angle = math.sqrt(sum(vector**2))
    n = vector / angle
    return np.stack(
        [
            math.cos(angle) * p + math.sin(angle) * np.cross(n, p) + (1 - math.cos(angle)) * np.dot(n, p) * n
            for p in points
        ]
    )


def bundle_by_definition(
    cameras: Array, points: Array, weights: Array, bundle: Bundle
) -> tuple[Array, Array]:
    found = []
    for i, w in enumerate(weights):
        camera, x = cameras[bundle.camera_of[i]], points[bundle.point_of[i]]
        moved = x - camera[3:6]
        if np.any(camera[:3]):
            moved = rotate_by_definition(camera[:3], moved[None])[0]
        flat = moved[:2] / moved[2]
        squared = flat @ flat
        distorted = flat * (1 + camera[9] * squared + camera[10] * squared**2)
        found.append(w * (camera[6] * distorted + camera[7:9] - bundle.features[i]))
    return np.stack(found), 1 - weights**2


def mixture_by_definition(alphas: Array, means: Array, factors: Array, mixture: Mixture) -> float:
    n, d = mixture.x.shape
    matrices = []
    for row in factors:
        q = np.diag(np.exp(row[:d]))
        rest = iter(row[d:])
        for column in range(d):
            for place in range(column + 1, d):
                q[place, column] = next(rest)
        matrices.append(q)
    total = -n * d / 2 * math.log(2 * math.pi) - n * math.log(sum(np.exp(alphas)))
    for x in mixture.x:
        terms = [
            math.exp(alpha + sum(row[:d]) - 0.5 * np.sum((q @ (x - mean)) ** 2))
            for alpha, mean, row, q in zip(alphas, means, factors, matrices, strict=True)
        ]
        total += math.log(sum(terms))
    freedom = d + mixture.m + 1
    scale = freedom * d * math.log(mixture.gamma / math.sqrt(2))
    from scipy.special import multigammaln

    for q, row in zip(matrices, factors, strict=True):
        total += 0.5 * mixture.gamma**2 * np.sum(q**2) - mixture.m * sum(row[:d])
        total -= scale - float(multigammaln(freedom / 2, d))
    return float(total)


# --------------------------------------------------------------------------------------- the graphs


def parameter_values(arrays: dict[str, Array]) -> dict[str, ig.Value]:
    return {name: ig.input(name, array.shape, "float64") for name, array in arrays.items()}


def hand_task() -> tuple[dict[str, Array], Callable[..., Any], Callable[..., Any]]:
    hand = read_hand()
    return (
        {"theta": hand.theta},
        lambda theta: hands.errors(ig, theta, hand, ig.constant),
        lambda theta: hand_by_definition(theta, hand),
    )


def bundle_task() -> tuple[dict[str, Array], Callable[..., Any], Callable[..., Any]]:
    data = read_bundle(sizes=(3, 7, 12), noise=0.05)
    data.cameras[1, :3] = 0  # where ADBench rotates to first order
    feeds = {"cameras": data.cameras, "points": data.points, "weights": data.weights}
    return (
        feeds,
        lambda cameras, points, weights: bundles.errors(ig, cameras, points, weights, data, ig.constant),
        lambda cameras, points, weights: bundle_by_definition(cameras, points, weights, data),
    )


def mixture_task() -> tuple[dict[str, Array], Callable[..., Any], Callable[..., Any]]:
    data = read_mixture()
    data = replace(data, x=data.x[:50])
    feeds = {"alphas": data.alphas, "means": data.means, "factors": data.factors}
    return (
        feeds,
        lambda alphas, means, factors: mixtures.log_posterior(ig, alphas, means, factors, data, ig.constant),
        lambda alphas, means, factors: mixture_by_definition(alphas, means, factors, data),
    )


TASKS = {"hand": hand_task, "bundle": bundle_task, "mixture": mixture_task}


def flat(results: Any) -> Array:
    """All numbers of one result or several, in order."""
    parts = results if isinstance(results, (tuple, list)) else [results]
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.parametrize("name", TASKS)
def test_values_are_those_of_the_definition(name: str) -> None:
    feeds, graph, definition = TASKS[name]()
    function = ig.compile(graph(**parameter_values(feeds)))
    np.testing.assert_allclose(flat(function(**feeds)), flat(definition(**feeds)), rtol=1e-12, atol=1e-12)


def test_a_hand_without_rotation_is_that_of_the_definition() -> None:
    feeds, graph, definition = hand_task()
    feeds["theta"][:3] = [0, 3e-5, -2e-5]
    function = ig.compile(graph(**parameter_values(feeds)))
    np.testing.assert_allclose(function(**feeds), definition(**feeds), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", TASKS)
def test_both_modes_agree_with_central_differences(name: str) -> None:
    feeds, graph, definition = TASKS[name]()
    columns, rows = forward_jacobian(feeds, graph), reverse_jacobian(feeds, graph)
    np.testing.assert_allclose(columns, rows, rtol=1e-10, atol=1e-10 * np.abs(rows).max())
    differences = central_differences(feeds, definition)
    np.testing.assert_allclose(columns, differences, rtol=1e-5, atol=2e-7 * np.abs(differences).max())


def test_the_data_is_what_the_files_say() -> None:
    hand, bundle, mixture = read_hand(), read_bundle(), read_mixture()
    assert hand.theta.shape == (26,)
    assert hand.points.shape == (100, 3)
    assert hand.vertices.shape == (544, 4)
    np.testing.assert_allclose(hand.weights.sum(1), 1, atol=1e-9)
    assert (bundle.cameras.shape, bundle.points.shape) == ((49, 11), (7776, 3))
    assert bundle.weights.shape == (31843,)
    assert (bundle.camera_of[50], bundle.point_of[7777]) == (1, 1)
    assert (mixture.x.shape, mixture.means.shape, mixture.factors.shape) == ((1000, 2), (5, 2), (5, 3))


def test_the_rest_pose_is_the_inverse_of_the_models() -> None:
    """At rest each bone undoes its own inverse, so that no vertex moves: the file's two tables agree."""
    hand = read_hand()
    product = hands.absolutes_at_rest(hand) @ hand.inverses
    np.testing.assert_allclose(product, np.tile(np.eye(4), (22, 1, 1)), atol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"mode": "forward"}, {"mode": "reverse"}, {"format": "sparse"}], ids=str
)
@pytest.mark.parametrize("name", TASKS)
def test_whole_jacobians_are_the_columns_of_forward_mode(name: str, options: dict[str, Any]) -> None:
    feeds, graph, _ = TASKS[name]()
    values = parameter_values(feeds)
    outputs = graph(**values)
    ends = list(outputs) if isinstance(outputs, tuple) else [outputs]
    compiled = ig.compile(ig.jacobian(ends, list(values.values()), **options))
    rows = compiled(**{key: a for key, a in feeds.items() if key in compiled.graph.inputs})
    sizes = [array.size for array in feeds.values()]
    found = np.concatenate(
        [np.concatenate([matrix(*pair) for pair in zip(row, sizes, strict=True)], 1) for row in rows]
    )
    columns = forward_jacobian(feeds, graph)
    np.testing.assert_allclose(found, columns, rtol=1e-10, atol=1e-12 * np.abs(columns).max())


def test_the_jacobian_of_bundle_adjustment_is_as_sparse_as_its_observations() -> None:
    feeds, graph, _ = bundle_task()
    values = parameter_values(feeds)
    rows = ig.compile(ig.jacobian(list(graph(**values)), list(values.values()), format="sparse"))(**feeds)
    count = len(feeds["weights"])
    assert [[block.nnz for block in row] for row in rows] == [
        [22 * count, 6 * count, 2 * count],
        [0, 0, count],
    ]


# ---------------------------------------------------------------------------------------- derivatives


def matrix(block: Any, columns: int) -> Array:
    """A block of a Jacobian with the output's axes as one and the input's as one."""
    dense = block.toarray() if hasattr(block, "toarray") else np.asarray(block)
    return np.asarray(dense.reshape(-1, columns))


def forward_jacobian(feeds: dict[str, Array], graph: Callable[..., Any]) -> Array:
    """The columns, one direction at a time."""
    values = parameter_values(feeds)
    outputs = graph(**values)
    tangents = {name: ig.input(f"t_{name}", a.shape, "float64") for name, a in feeds.items()}
    results = ig.jvp(outputs, list(values.values()), list(tangents.values()))
    function = ig.compile(results)
    columns = []
    for name, array in feeds.items():
        for place in range(array.size):
            directions = {f"t_{other}": np.zeros_like(a) for other, a in feeds.items()}
            directions[f"t_{name}"].flat[place] = 1
            wanted = {key: a for key, a in (feeds | directions).items() if key in function.graph.inputs}
            columns.append(flat(function(**wanted)))
    return np.stack(columns, 1)


def reverse_jacobian(feeds: dict[str, Array], graph: Callable[..., Any]) -> Array:
    """The rows, one cotangent at a time."""
    values = parameter_values(feeds)
    outputs = graph(**values)
    ends = list(outputs) if isinstance(outputs, tuple) else [outputs]
    cotangents = [ig.input(f"c{i}", y.shape, "float64") for i, y in enumerate(ends)]
    function = ig.compile(ig.vjp(ends, list(values.values()), cotangents))
    sizes = [tuple(int(str(n)) for n in y.shape) for y in ends]
    rows = []
    for i, shape in enumerate(sizes):
        for place in range(math.prod(shape)):
            pulls = {f"c{j}": np.zeros(other) for j, other in enumerate(sizes)}
            pulls[f"c{i}"].flat[place] = 1
            wanted = {key: a for key, a in (feeds | pulls).items() if key in function.graph.inputs}
            rows.append(flat(function(**wanted)))
    return np.stack(rows)


def central_differences(feeds: dict[str, Array], definition: Callable[..., Any], step: float = 1e-6) -> Array:
    columns = []
    for name, array in feeds.items():
        for place in range(array.size):
            size = step * max(1.0, abs(float(array.flat[place])))
            ends = []
            for sign in (1, -1):
                moved = {other: a.copy() for other, a in feeds.items()}
                moved[name].flat[place] += sign * size
                ends.append(flat(definition(**moved)))
            columns.append((ends[0] - ends[1]) / (2 * size))
    return np.stack(columns, 1)
