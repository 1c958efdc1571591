"""Passes on loops: what two scans share is computed once, and what nobody reads not at all."""

from __future__ import annotations

from collections.abc import Sequence

from ..control_flow.building import Loop, open_body, substitute
from ..control_flow.scan import Scan
from ..graph import Graph, topological_order
from ..region import in_regions
from ..value import Node, Value
from .passes import dedupe


def has_loops(graph: Graph) -> bool:
    """Whether a graph has loops."""
    return any(node.op.region_fields for node in graph.nodes)


def merge(graph: Graph) -> Graph:
    """Each scan whose carries another one has too becomes part of that.

    So a scan and the one that its derivative made of it, with more outputs or with tangents beside its
    carries, are one. Two carries are the same if they start from the same value and their new values are the
    same, provided the old ones are.
    """
    while (found := _find_pair(graph)) is not None:
        graph = _replaced(graph, found)
    return graph


def _replaced(graph: Graph, now: dict[Value, Value]) -> Graph:
    roots = substitute(graph.roots, now)
    outputs = dict(zip(graph.output_names, roots, strict=False))
    rest = roots[len(outputs) :]
    return Graph(outputs, list(zip(rest[::2], rest[1::2], strict=True)))


def _find_pair(graph: Graph) -> dict[Value, Value] | None:
    """The outputs of two scans that can be one, with what they are then."""
    scans = [node for node in graph.nodes if isinstance(node.op, Scan)]
    for guest in sorted(scans, key=lambda node: len(node.inputs)):
        for host in scans:
            if host is not guest and _may_hold(host, guest):
                found = _merged(host, guest)
                if found is not None:
                    return found
    return None


def _may_hold(host: Node, guest: Node) -> bool:
    a, b = host.op, guest.op
    assert isinstance(a, Scan)
    assert isinstance(b, Scan)
    if (a.length, a.reverse) != (b.length, b.reverse) or a.carries < b.carries:
        return False
    ours, theirs = a.parts(host.inputs), b.parts(guest.inputs)
    return (
        all(value in each for each, values in zip(ours, theirs, strict=True) for value in values)
        and not _depends(host, guest)
        and not _depends(guest, host)
    )


def _depends(node: Node, other: Node) -> bool:
    return other in topological_order(node.inputs)


def _merged(host: Node, guest: Node) -> dict[Value, Value] | None:
    """Both in one scan, if all carries of the guest are carries of the host."""
    assert isinstance(host.op, Scan)
    assert isinstance(guest.op, Scan)
    loop = Loop(host.op.length, host.op.reverse)
    results, inside = open_body(host.op, loop, host.inputs)
    places = _places(host.op.parts(host.inputs).carries, guest.op.parts(guest.inputs).carries)
    if places is None:
        return None
    given = [inside.carries[place] for place in places]
    for ours, outer, theirs in zip(
        inside[1:], host.op.parts(host.inputs)[1:], guest.op.parts(guest.inputs)[1:], strict=True
    ):
        given += [ours[outer.index(value)] for value in theirs]
    more = guest.op.step(given)
    both = dedupe(Graph({f"y{n}": value for n, value in enumerate([*results, *more])})).outputs
    results, more = list(both[: len(results)]), list(both[len(results) :])
    if any(more[n] is not results[place] for n, place in enumerate(places)):
        return None
    ys = list(dict.fromkeys([*results[host.op.carries :], *more[guest.op.carries :]]))
    made = loop.close(
        results[: host.op.carries], ys, guest.origin if guest.origin.phase == "forward" else host.origin
    )
    last, stacked = (
        made.outputs[: host.op.carries],
        dict(zip(ys, made.outputs[host.op.carries :], strict=True)),
    )
    found = dict(zip(host.outputs, [*last, *(stacked[y] for y in results[host.op.carries :])], strict=True))
    now = [*(last[place] for place in places), *(stacked[y] for y in more[guest.op.carries :])]
    return found | dict(zip(guest.outputs, now, strict=True))


def _places(ours: Sequence[Value], theirs: Sequence[Value]) -> list[int] | None:
    """For each value where it is among ours, each place taken once, in order."""
    free = list(range(len(ours)))
    places = []
    for value in theirs:
        place = next((n for n in free if ours[n] is value), None)
        if place is None:
            return None
        free.remove(place)
        places.append(place)
    return places


def prune(graph: Graph) -> Graph:
    """Without the outputs of scans that nobody reads or that are there twice, and the carries that only these
    need."""
    done: set[Node] = set()
    while (node := _last_scan(graph, done)) is not None:
        done.add(node)
        now = _pruned(graph, node)
        if now:
            graph = _replaced(graph, now)
            done.add(next(iter(now.values())).node)
    return in_regions(graph, prune)


def _last_scan(graph: Graph, done: set[Node]) -> Node | None:
    return next((n for n in reversed(graph.nodes) if isinstance(n.op, Scan) and n not in done), None)


def _pruned(graph: Graph, node: Node) -> dict[Value, Value]:
    """What stands for the outputs that are read, if some are needless."""
    op = node.op
    assert isinstance(op, Scan)
    roots = set(graph.roots)
    is_read = [bool(graph.users[value]) or value in roots for value in node.outputs]
    loop = Loop(op.length, op.reverse)
    results, inside = open_body(op, loop, node.inputs)
    while True:
        wanted = [value for value, keeps in zip(results, is_read, strict=True) if keeps]
        needed = {value for each in topological_order(wanted) for value in each.outputs}
        wider = [keeps or (n < op.carries and inside.carries[n] in needed) for n, keeps in enumerate(is_read)]
        if wider == is_read:
            break
        is_read = wider
    kept = [n for n, keeps in enumerate(is_read) if keeps]
    carries = [n for n in kept if n < op.carries]
    ys = list(dict.fromkeys(results[n] for n in kept[len(carries) :]))
    if len(carries) + len(ys) == len(results):
        return {}
    loop.starts = [loop.starts[n] for n in carries]
    loop.carries = [loop.carries[n] for n in carries]
    made = loop.close([results[n] for n in carries], ys, node.origin).outputs
    stacked = dict(zip(ys, made[len(carries) :], strict=True))
    now = {node.outputs[n]: last for n, last in zip(carries, made, strict=False)}
    return now | {node.outputs[n]: stacked[results[n]] for n in kept[len(carries) :]}


LOOP_PASSES = (("dedupe", dedupe), ("merge", merge), ("prune", prune))
"""In this order: what is equal outside tells which scans belong together."""
