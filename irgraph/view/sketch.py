"""What a picture consists of, whatever it is a picture of: boxes, the wires between them, groups of boxes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from .parts import KINDS, Kind, Layer


@dataclass(frozen=True)
class Box:
    """One node, or several that are shown as one. `key` is unique; `rows` are small lines under the title.

    `end` marks what enters or leaves the graph: an input, an output, an update. `count` is how many
    nodes it stands for, `variables` the names and sizes of the state variables that they read.
    """

    key: str
    kind: Kind
    title: str
    rows: tuple[str, ...] = ()
    tooltip: str = ""
    layer: Layer = ()
    end: bool = False
    count: int = 1
    variables: frozenset[tuple[str, int]] = frozenset()

    @property
    def place(self) -> str:
        """Where it was built: the first line of the tooltip."""
        return self.tooltip.partition("\n")[0]


@dataclass(frozen=True)
class Wire:
    """A value on its way from one box to another."""

    source: str
    target: str
    label: str = ""
    tooltip: str = ""


@dataclass(frozen=True)
class Sketch:
    """Boxes and wires, in an order in which sources come first where there is no circle."""

    boxes: Sequence[Box]
    wires: Sequence[Wire] = field(default_factory=list)
    title: str = ""

    @property
    def kinds(self) -> list[Kind]:
        """The kinds that occur."""
        present = {box.kind for box in self.boxes}
        return [kind for kind in KINDS if kind in present]

    @property
    def depth(self) -> int:
        """The length of the longest layer path."""
        return max((len(box.layer) for box in self.boxes), default=0)

    def by_place(self) -> Sketch:
        """With what lies in no layer in one for its line of the source."""
        boxes = [
            replace(box, layer=(box.place,)) if not (box.layer or (box.end and box.kind != "update")) else box
            for box in self.boxes
        ]
        return replace(self, boxes=boxes)

    def collapsed(self, depth: int, only: Collection[Kind] = KINDS) -> Sketch:
        """With the boxes of one kind and one layer, of which `depth` parts count, shown as one.

        Inputs and outputs stay, and so do boxes that lie in no layer, or between those that are collapsed;
        where `depth` is 0 there is one for each kind. `only` are the kinds that are collapsed.
        """
        inner = {box.layer[:length] for box in self.boxes for length in range(len(box.layer))}
        groups: dict[tuple[Kind, Layer], list[Box]] = {}
        for box in self.boxes:
            whole = not box.end or box.kind == "update"
            joins = 0 < len(box.layer) < depth and box.layer in inner  # what stands between the layers in it
            if box.kind in only and whole and not joins and (box.layer or depth == 0 or box.kind == "update"):
                groups.setdefault((box.kind, box.layer[:depth]), []).append(box)
        group_of = {box.key: members for members in groups.values() if len(members) > 1 for box in members}
        boxes: dict[str, Box] = {}
        key_of: dict[str, str] = {}
        for box in self.boxes:
            if box.key in key_of:
                continue
            members = group_of.get(box.key, [box])
            shown = _merged(members, depth, among=only is not KINDS) if len(members) > 1 else box
            key_of.update({member.key: shown.key for member in members})
            boxes[shown.key] = shown
        return replace(self, boxes=list(boxes.values()), wires=_rewired(self.wires, key_of))


MOST_NAMES = 4  # of what is in a box that stands for several


def _merged(members: Sequence[Box], depth: int, among: bool) -> Box:
    """One box for several; `among` others of its layer, whose cluster it stays in, else in place of it."""
    first = members[0]
    layer = first.layer[:depth]
    variables = frozenset().union(*(box.variables for box in members))
    names: dict[str, int] = {}
    for box in members:
        names[box.title] = names.get(box.title, 0) + box.count
    told = [f"{name} ×{count}" if count > 1 else name for name, count in names.items()]
    if first.kind == "update":
        told = [box.title for box in members if box.end]
    rows = [", ".join(told[:MOST_NAMES]) + (", …" if len(told) > MOST_NAMES else "")] if told else []
    numbers = sum(size for _, size in variables)
    if numbers and first.kind == "forward":
        rows.append(f"{numbers:,} parameters")
    count = sum(box.count for box in members)
    places = dict.fromkeys(box.place for box in members)
    tooltip = "\n".join([f"{count} nodes", *list(places)[:8], *(["…"] if len(places) > 8 else [])])
    title = first.kind if among else ".".join(layer) or first.kind
    place = layer if among else layer[:-1]
    return Box(first.key, first.kind, title, tuple(rows), tooltip, place, False, count, variables)


def _rewired(wires: Sequence[Wire], key_of: dict[str, str]) -> list[Wire]:
    """Wires between what the boxes became; several that lead the same way become one."""
    bundles: dict[tuple[str, str], dict[str, Wire]] = {}
    for wire in wires:
        ends = key_of[wire.source], key_of[wire.target]
        if ends[0] != ends[1]:
            bundles.setdefault(ends, {}).setdefault(wire.label, wire)
    found = []
    for (source, target), bundle in bundles.items():
        label = next(iter(bundle)) if len(bundle) == 1 else f"{len(bundle)} values"
        tooltip = "\n".join(wire.tooltip for wire in bundle.values())
        found.append(Wire(source, target, label, tooltip))
    return found
