"""The contract that an op signs.

An op is a final frozen dataclass: its fields are its static attributes, compared by value. (One that
adds no field to its base inherits all that the decorator would make, and goes without: for 133 classes
that was 75 of the 300 milliseconds that an import took.) It lives in one room of `irgraph/ops/` (or
anywhere outside irgraph): class, derivative, cost, ONNX form, public function. Laws (tested for every
case of every op in `irgraph.testing.cases`):

* `infer` is the type of what kernels compute;
* the terms of `local_jacobians` are the derivative: <c, J t> = <J'c, t>, and J t is the difference
  quotient; where `vjp` or `jvp` exists too, it agrees with them;
* `expand`, where it exists, computes the same values from other ops; of an op that states no derivative,
  it is the derivative too.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .dims import Size
from .errors import GraphError
from .types import TensorType
from .value import Node, Value

if TYPE_CHECKING:
    from .layout import Layout
    from .local_jacobian import Grid
    from .onnx_writer import OnnxWriter

OPS: dict[str, type[Op]] = {}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one application costs: floating-point operations and bytes moved, in the named dims."""

    flops: Size
    nbytes: Size


def moved_bytes(inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Size:
    """The bytes of all inputs and outputs, each moved once."""
    total: Size = 0
    for type in (*inputs, *outputs):
        total = total + type.nbytes
    return total


@dataclass(frozen=True)
class Op:
    """An operation on tensors. Subclass it as a frozen dataclass with a `name`.

    State how it is differentiated: `local_jacobians` (terms; see `irgraph.local_jacobian`), or `vjp`
    and `jvp` on the whole node, or `expand`, whose nodes are then differentiated in its place. `vjp` and
    `jvp` come first, then terms, then the expansion: an op that has terms or an expansion may state `vjp`
    or `jvp` as well, where one pass over all inputs is better.

    Law of `core_rank`: where it is k, the axes of the first input before its last k are the first ones of all
    inputs and outputs, and only repeat the op; `vjp` and `jvp` hold for any number of them. So many
    directions are one product, and a Jacobian knows that the repetitions do not meet.
    """

    name: ClassVar[str] = ""

    # Algebraic facts that generic passes use.
    elementwise: ClassVar[bool] = False  # out[i] depends on each input at i only (after broadcasting)
    commutes: ClassVar[bool] = False  # op(a, b) = op(b, a)
    unit: ClassVar[float | None] = None  # op(a, unit) = a
    left_unit: ClassVar[float | None] = None  # op(unit, a) = a
    source: ClassVar[Literal["input", "state"] | None] = None  # a feed or a state variable, not computed
    view_only: ClassVar[bool] = False  # `view` always has an answer, so that nothing is ever computed
    moves: ClassVar[bool] = False  # only puts elements elsewhere, or chooses among them: exact in every dtype
    takes_complex: ClassVar[bool] = False  # is defined, with its derivative, for complex numbers
    checks: ClassVar[bool] = False  # may fail at run time on what it is fed
    core_rank: ClassVar[int | None] = None  # axes of the first input that one application takes; see below
    region_fields: ClassVar[tuple[str, ...]] = ()  # the attributes that are regions: graphs inside
    effect: ClassVar[bool] = False  # does more than compute: never merged with an equal one, nor folded
    onnx_type: ClassVar[str | None] = None  # the ONNX op with the same inputs and no attributes
    no_onnx: ClassVar[str | None] = None  # why there is no ONNX form

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if not cls.name or "name" not in cls.__dict__:
            return  # an abstract family
        known = OPS.get(cls.name)
        if known and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise GraphError(
                f"found a second op named {cls.name!r}, {cls.__module__}.{cls.__qualname__}; the first is "
                f"{known.__module__}.{known.__qualname__}.\n  Give it another name."
            )
        if cls.infer is Op.infer:
            raise GraphError(f"op {cls.name!r} states no types; needed infer(*inputs).")
        has_both = cls.states_vjp() and cls.states_jvp()
        if not (cls.states_terms() or has_both or cls.expand is not Op.expand):
            raise GraphError(
                f"op {cls.name!r} states no derivative; needed local_jacobians, or both vjp and jvp, or an "
                "expand whose ops have one.\n  Return a NotDifferentiable(reason) where there is none."
            )
        OPS[cls.name] = cls

    @abstractmethod
    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The output types. Raises ShapeError or DTypeError for inputs that do not fit."""
        raise NotImplementedError

    def local_jacobians(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Grid:
        """`grid[output][input]`: the local Jacobian as a sum of terms, or why there is none.

        Law: for float inputs and outputs only, the sum of terms is the Jacobian at `inputs`.
        """
        raise NotImplementedError

    def vjp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], cotangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        """The cotangent of each input (None: zero) for those of the outputs (None: zero).

        Law: linear in the cotangents; equal to the transposed terms where the op has terms.
        """
        raise NotImplementedError

    def jvp(
        self, inputs: Sequence[Value], outputs: Sequence[Value], tangents: Sequence[Value | None]
    ) -> Sequence[Value | None]:
        """The tangent of each output (None: zero) for those of the inputs (None: zero).

        Law: linear in the tangents; the transpose of `vjp`.
        """
        raise NotImplementedError

    def cost(self, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> Cost:
        """Flops and bytes of one application.

        The default: the flops of the expansion where there is one, else one for each output element; and
        every input and output moved once.
        """
        flops = self._expanded_flops(inputs)
        if flops is None:
            flops = 0
            for type in outputs:
                flops = flops + type.size
        return Cost(flops, moved_bytes(inputs, outputs))

    def _expanded_flops(self, inputs: Sequence[TensorType]) -> Size | None:
        if type(self).expand is Op.expand:
            return None
        operands = [_Operand(type)() for type in inputs]
        results = self.expand(*operands)
        if results is None:
            return None
        total: Size = 0
        seen = {operand.node for operand in operands}
        stack = [value.node for value in results]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += [value.node for value in node.inputs]
                cost = node.op.cost([v.type for v in node.inputs], [v.type for v in node.outputs])
                total = total + cost.flops
        return total

    def expand(self, *inputs: Value) -> Sequence[Value] | None:
        """The outputs from simpler ops, or None for a primitive. Law: same values, same types.

        Where the op states no derivative, this is differentiated instead.
        """
        return None

    def view(self, input: Layout, output: TensorType, sizes: Mapping[str, int]) -> Layout | None:
        """Where the output lies in the first input's memory, or None if it must be computed.

        `output` has numbers only; `sizes` are those of the named dims, for attributes that hold names.
        """
        return None

    def export(self, write: OnnxWriter, node: Node) -> Sequence[str] | None:
        """Write the op's ONNX form and return its output names; None: exported through `expand`."""
        if self.onnx_type is None:
            return None
        return [write.node(self.onnx_type, *map(write.read, node.inputs))]

    @classmethod
    def may_view(cls) -> bool:
        """Whether the op can be a view of its first input."""
        return cls.view is not Op.view

    @classmethod
    def states_terms(cls) -> bool:
        """Whether the op states its derivative as terms."""
        return cls.local_jacobians is not Op.local_jacobians

    @classmethod
    def accepts_complex(cls) -> bool:
        """Whether complex inputs are taken: by what says so, and by all that only moves elements."""
        return cls.takes_complex or cls.moves or cls.may_view()

    @classmethod
    def states_vjp(cls) -> bool:
        """Whether the op has a node-level `vjp`."""
        return cls.vjp is not Op.vjp

    @classmethod
    def states_jvp(cls) -> bool:
        """Whether the op has a node-level `jvp`."""
        return cls.jvp is not Op.jvp

    def attributes(self) -> dict[str, Any]:
        """The static attributes by name, in order."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def label(self) -> str | None:
        """The name of a source, unique in its graph; None for all other ops."""
        return None

    def __call__(self, *inputs: Value) -> Value:
        """Apply the op; the first output."""
        return Node(self, inputs).outputs[0]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class _Operand(Op):
    """A value of some type, to expand an op on."""

    type: TensorType

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        return (self.type,)
