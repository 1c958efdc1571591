"""The structure of a Jacobian in words, and the names of the values that an order eliminates."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..dims import Size, estimate, product
from ..local_jacobian import Dense, Label, Labels, Link, Pick, Ravel, Slice, Term
from ..tables import quantity
from ..value import Value
from .result import Jacobian
from .sums import ties

if TYPE_CHECKING:
    from .accumulate import Accumulation

# --------------------------------------------------------------------------------- structure


def sizes_text(sizes: Iterable[Size]) -> str:
    """Sizes with a cross between them.

    >>> sizes_text([784, 32]), sizes_text([])
    ('784×32', '1')
    """
    return "×".join(f"({size})" if " " in str(size) else str(size) for size in sizes) or "1"


TOLD = 12
"""Terms that are told one by one."""


def described(result: Jacobian | Value, y: str, x: str) -> list[str]:
    """What is stored, and what is known of the places of its elements; one line for each term."""
    if isinstance(result, Value):
        return [f"{result.type}, written out: {quantity(estimate(result.type.nbytes), 'B')}"]
    stored, whole = stored_bytes(result), estimate(product(result.shape) * result.dtype.itemsize)
    place = "" if stored == whole else f" in place of {quantity(whole, 'B')}"
    head = f"{result.dtype}[{', '.join(map(str, result.shape))}], {quantity(stored, 'B')}{place}"
    texts = list(dict.fromkeys(_term_text(term, y, x) for term in result.terms))
    if len(texts) > TOLD:
        texts[TOLD:] = [f"and {len(texts) - TOLD} terms more"]
    return [head, *"\n".join(texts or ["zero"]).splitlines()]


def stored_bytes(result: Jacobian | Value) -> int:
    """The bytes of a result's arrays; named dims are taken at their hints."""
    return estimate(result.type.nbytes if isinstance(result, Value) else result.nbytes)


def _term_text(term: Term, y: str, x: str) -> str:
    tied = sorted(ties(term))
    links = [factor for factor in term.factors if not isinstance(factor, Dense)]
    parts = [_kind(term, links, [p for p, _ in tied], [q for _, q in tied])]
    if not (len(tied) == len(term.out) == len(term.in_)):
        parts += [f"axis {p} of {y} is tied to axis {q} of {x}" for p, q in tied]
    parts += _link_texts(links, term, y, x)
    return ": ".join(parts) if len(parts) < 3 else "\n  ".join([f"{parts[0]}:", *parts[1:]])


def _kind(term: Term, links: Sequence[Link], out: Sequence[int], in_: Sequence[int]) -> str:
    dense = [factor for factor in term.factors if isinstance(factor, Dense)]
    rest = [
        [label.size for n, label in enumerate(side) if n not in held]
        for side, held in ((term.out, out), (term.in_, in_))
    ]
    count = product(term.out[p].size for p in out)
    covered = {label for factor in dense for label in factor.labels}
    if len(out) == len(term.out) == len(in_) == len(term.in_):
        if not term.out:
            return "one number"
        return f"diagonal of {sizes_text(label.size for label in term.out)}" if dense else "identity"
    block = f"{_sides(rest[0])} × {_sides(rest[1])}"
    equal = "" if links or covered & {term.out[p] for p in out} else "equal "
    blocks = f"{equal}blocks of {block}"
    blocks = f"{count} {blocks}" if isinstance(count, int) else f"{blocks}, {count} of them"
    if links:
        return f"linked, {blocks if out else block}"
    kind = blocks if out else f"dense, {block}"
    if len(dense) > 1:
        kind += f", kept as the product of {' and '.join(sizes_text(f.value.shape) for f in dense)}"
    return kind


def _sides(sizes: Sequence[Size]) -> str:
    return f"({', '.join(map(str, sizes))})" if len(sizes) > 1 else sizes_text(sizes)


def _link_texts(links: Sequence[Link], term: Term, y: str, x: str) -> list[str]:
    """What the links tell; two slices by which an axis of y meets one of x as one."""
    texts, left = [], list(links)
    for a, b in itertools.permutations(links, 2):
        if isinstance(a, Slice) and isinstance(b, Slice) and a in left and b in left:
            text = _meeting(a, b, term, y, x)
            if text:
                texts.append(text)
                left = [link for link in left if link is not a and link is not b]
    return texts + [_link_text(link, term, y, x) for link in left]


def _meeting(a: Slice, b: Slice, term: Term, y: str, x: str) -> str | None:
    """Two slices with one part, or within one whole: of an axis of y, and of an axis of x."""
    (near, far) = (a.whole, b.whole) if a.part is b.part else (a.part, b.part)
    if near not in term.out or far not in term.in_:
        return None
    mine, theirs = _place([near], term, y, x), _place([far], term, y, x)
    if a.part is b.part:
        count = f"{a.part.size} position{'s' if a.part.size != 1 else ''}"
        return f"{mine} {_run(a)} meets {theirs} {_run(b)}, {count}"
    shift = a.start - b.start
    if a.whole is not b.whole or a.step != 1 or b.step != 1 or not isinstance(shift, int):
        return None
    return f"{mine} at i meets {theirs} at i {'-' if shift < 0 else '+'} {abs(shift)}"


def _run(link: Slice) -> str:
    """Where a slice starts, and its steps."""
    return f"from {link.start} on" + (f" in steps of {link.step}" if link.step != 1 else "")


def _link_text(link: Link, term: Term, y: str, x: str) -> str:
    def place(labels: Iterable[Label]) -> str | None:
        return _place(labels, term, y, x)

    match link:
        case Slice(part, whole) if (a := place([part])) and (b := place([whole])):
            return f"{a} lies in {b} {_run(link)}"
        case Pick(_, at, whole) if (a := place(at)) and (b := place([whole])):
            return f"{b} is indexed along {a}"
        case Ravel(left, right) if (a := place(left)) and (b := place(right)):
            return f"{a} and {b} are one, reshaped"
    return {Slice: "a slice", Pick: "an index", Ravel: "a reshape"}.get(type(link), "a map") + " within"


def _place(labels: Iterable[Label], term: Term, y: str, x: str) -> str | None:
    """Some labels as axes of one side."""
    labels = Labels(labels)
    for side, name in ((term.out, y), (term.in_, x)):
        if labels and all(label in side for label in labels):
            axes = [side.index(label) for label in labels]
            return f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))} of {name}"
    return None


# ------------------------------------------------------------------------------------- names


@dataclass(frozen=True)
class Called:
    """How people know a vertex: by a name of its `own`, or else by its op and number."""

    name: str
    own: bool
    place: str

    def short(self, vertex: int) -> str:
        """The name in a sentence: `h1`, `v10`."""
        return self.name if self.own else f"v{vertex}"


def calls(reduced: Accumulation) -> dict[int, Called]:
    """The names of all vertices that are left.

    What is beside a vertex and costs nothing to pass (a bias, an activation, a reshape) may give it its
    name: they are one to any order. Sources and ends without a name are x and y.
    """
    linear = reduced.linear
    users: dict[int, list[int]] = {}
    for v, edges in linear.into.items():
        for u in edges:
            users.setdefault(u, []).append(v)
    left = {*linear.sources, *linear.ends, *reduced.inner}
    found = {}
    before = {v: list(edges) for v, edges in linear.into.items()}
    given = {linear.values[source] for source in linear.sources}
    for vertex in left:
        ahead = [vertex, *_alone(vertex, users, left, linear.values)]
        back = _alone(vertex, before, left, linear.values) if vertex in linear.inner else []
        behind = [v for v in back if len(users[v]) == 1 and linear.values[v] not in given]
        found[vertex] = _called(*([linear.values[v] for v in run] for run in (ahead, behind)))
    for letter, side in (("y", linear.ends), ("x", linear.sources)):
        for n, vertex in enumerate(side):
            if not found[vertex].own:
                name = letter if len(side) == 1 else f"{letter}{n}"
                found[vertex] = replace(found[vertex], name=name, own=True)
    return found


def _alone(vertex: int, next_: dict[int, list[int]], left: set[int], values: Sequence[Value]) -> list[int]:
    """The vertices after one, as far as each is the only one, is eliminated already, and has its size."""
    found: list[int] = []
    size = product(values[vertex].shape)
    while len(after := next_.get(vertex, [])) == 1:
        vertex = after[0]
        if vertex in left or product(values[vertex].shape) != size:
            break
        found.append(vertex)
    return found


def _called(ahead: Sequence[Value], behind: Sequence[Value]) -> Called:
    for value in (*ahead, *behind):
        if value.node.name or value.node.op.label:
            return Called(value.label, True, place_of(value))
    candidates = (*ahead[::-1], *behind)
    value = next((value for value in candidates if not value.node.op.may_view()), ahead[0])
    return Called(value.node.op.name, False, place_of(value))


def place_of(value: Value) -> str:
    """The user's file, without its folder, and line."""
    origin = value.node.origin
    return f"{origin.file.replace(chr(92), '/').rpartition('/')[2]}:{origin.line}"
