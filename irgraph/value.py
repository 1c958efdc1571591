"""Values and nodes: immutable, compared by identity.

A node is one op applied to values; a value is one output of a node. The operators of a value
(`a + b`, `x[1:]`) are found by name in `OPERATORS`, where each op's room puts its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .arguments import checked
from .dims import Guard, Shape, Size, collecting_guards
from .errors import DTypeError, GraphError, IrgraphError, ShapeError, explain
from .origin import Origin, here
from .types import DType, TensorType

if TYPE_CHECKING:
    from .op import Op

_F = TypeVar("_F", bound=Callable[..., Any])

OPERATORS: dict[str, Callable[..., Any]] = {}


def operator(name: str) -> Callable[[_F], _F]:
    """Make a public function of an op's room the operator `name` of values."""

    def register(function: _F) -> _F:
        OPERATORS[name] = checked(function)
        return function

    return register


class Node:
    """One op applied to its inputs. Immutable; two nodes are equal only if they are the same one.

    Building it infers the output types. Raises what the op's `infer` raises, with the user's line
    and the operands' types and lines added.
    """

    __slots__ = ("__weakref__", "guards", "inputs", "name", "op", "origin", "outputs")

    op: Op
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    name: str | None
    origin: Origin
    guards: tuple[Guard, ...]

    def __init__(
        self, op: Op, inputs: Sequence[Value], *, name: str | None = None, origin: Origin | None = None
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.name = name
        self.origin = here() if origin is None else origin
        try:
            with collecting_guards() as guards:
                types = op.infer(*[_accepted(op, value.type) for value in self.inputs])
        except IrgraphError as error:
            raise _located(error, self) from None
        self.guards = tuple(guards)
        self.outputs = tuple([Value(self, index, type) for index, type in enumerate(types)])

    def with_inputs(self, inputs: Sequence[Value]) -> Node:
        """The same op, name and origin on other inputs; types are inferred anew only if they changed."""
        for new, old in zip(inputs, self.inputs, strict=True):
            if new.type is not old.type and new.type != old.type:
                return Node(self.op, inputs, name=self.name, origin=self.origin)
        node = object.__new__(Node)
        node.op, node.inputs, node.name = self.op, tuple(inputs), self.name
        node.origin, node.guards = self.origin, self.guards
        node.outputs = tuple([Value(node, value.index, value.type) for value in self.outputs])
        return node

    def __repr__(self) -> str:
        operands = ", ".join(str(value.type) for value in self.inputs)
        results = ", ".join(str(value.type) for value in self.outputs)
        return f"{self.op}({operands}) : {results}  # {self.origin}"


def _accepted(op: Op, type: TensorType) -> TensorType:
    """The type of an operand. Raises DTypeError for a complex one where the op is defined for reals only."""
    if type.dtype.kind == "complex" and not op.accepts_complex():
        do = "Take irgraph.real, imag or abs of it."
        raise DTypeError(explain(str(type), "a dtype of real numbers", do=do))
    return type


def _located(error: IrgraphError, node: Node) -> IrgraphError:
    located = type(error)(f"{node.op.name}: {error}\n  At {node.origin}: {node.origin.source}")
    for position, value in enumerate(node.inputs):
        located.add_note(
            f"  operand {position} is {value.label} : {value.type}, built at {value.node.origin}"
        )
    return located


class Value:
    """One output of a node: a tensor that is not computed yet.

    `==` is identity, as for any key of a table; `irgraph.equal` compares elements.
    """

    __slots__ = ("__weakref__", "index", "node", "type")

    __array_ufunc__ = None  # so that `array * value` is left to Value.__rmul__

    def __init__(self, node: Node, index: int, type: TensorType) -> None:
        self.node = node
        self.index = index
        self.type = type

    @property
    def shape(self) -> Shape:
        """Sizes: integers and named dims."""
        return self.type.shape

    @property
    def dtype(self) -> DType:
        """The type of the elements."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.type.shape)

    @property
    def label(self) -> str:
        """The name that messages use: the node's own, or its op's."""
        return self.node.name or self.node.op.label or f"a result of {self.node.op.name}"

    def named(self, name: str) -> Value:
        """The same value under a name, which printing and export keep.

        Raises GraphError for an input or state variable, which has its name, and for a name that is no text.
        """
        if self.node.op.source or not isinstance(name, str) or not name:
            needed = "a non-empty string for a value that is computed"
            raise GraphError(
                explain(f"the name {name!r} for {self!r}", needed, here(), "Name it where it is made.")
            )
        return Node(self.node.op, self.node.inputs, name=name, origin=self.node.origin).outputs[self.index]

    def __repr__(self) -> str:
        return f"<{self.label} : {self.type}>"

    def __bool__(self) -> NoReturn:
        raise self._not_computed("as a Python truth value", "Use irgraph.where to choose elements")

    def __array__(self, *_: object, **__: object) -> NoReturn:
        raise self._not_computed("where NumPy needed an array", "Use the irgraph function of the same name")

    def __array_function__(self, function: Any, _: object, given: Any, options: Any) -> Any:
        name = function.__name__
        if name in ("ndim", "shape"):
            return function._implementation(*given, **options)
        raise self._not_computed(f"in numpy.{name}", f"Use the irgraph function for it, e.g. irgraph.{name}")

    def __float__(self) -> NoReturn:
        raise self._not_computed("as a Python number", "Keep it in the graph")

    __int__ = __float__

    def _not_computed(self, found: str, do: str) -> DTypeError:
        return DTypeError(
            explain(
                f"the graph value {self!r} {found}",
                "one that is computed already",
                here(),
                f"{do}, or compile and call the graph first.",
            )
        )

    def __setitem__(self, index: object, new: object) -> NoReturn:
        raise DTypeError(
            explain(
                f"an assignment to elements of {self!r}",
                "a new value, as values never change",
                here(),
                "Make one with irgraph.scatter, put_along_axis or where.",
            )
        )

    def __len__(self) -> int:
        if not self.shape or not isinstance(self.shape[0], int):
            raise ShapeError(explain(f"len() of {self!r}", "a first axis with a known size", here()))
        return self.shape[0]

    def __iter__(self) -> Iterator[Value]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, index: Any) -> Value:
        return _apply("getitem", self, index)

    def __add__(self, other: Any) -> Value:
        return _apply("add", self, other)

    def __radd__(self, other: Any) -> Value:
        return _apply("add", other, self)

    def __sub__(self, other: Any) -> Value:
        return _apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Value:
        return _apply("subtract", other, self)

    def __mul__(self, other: Any) -> Value:
        return _apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Value:
        return _apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Value:
        return _apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return _apply("divide", other, self)

    def __matmul__(self, other: Any) -> Value:
        if not isinstance(other, Value) and getattr(other, "__array_ufunc__", _apply) is None:
            return NotImplemented  # a Jacobian multiplies by itself
        return _apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Value:
        return _apply("matmul", other, self)

    def __floordiv__(self, other: Any) -> Value:
        return _apply("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Value:
        return _apply("floor_divide", other, self)

    def __mod__(self, other: Any) -> Value:
        return _apply("mod", self, other)

    def __rmod__(self, other: Any) -> Value:
        return _apply("mod", other, self)

    def __pow__(self, other: Any) -> Value:
        return _apply("power", self, other)

    def __rpow__(self, other: Any) -> Value:
        return _apply("power", other, self)

    def __abs__(self) -> Value:
        return _apply("abs", self)

    def __neg__(self) -> Value:
        return _apply("negative", self)

    def __and__(self, other: Any) -> Value:
        return _apply("logical_and", self, other)

    def __rand__(self, other: Any) -> Value:
        return _apply("logical_and", other, self)

    def __or__(self, other: Any) -> Value:
        return _apply("logical_or", self, other)

    def __ror__(self, other: Any) -> Value:
        return _apply("logical_or", other, self)

    def __xor__(self, other: Any) -> Value:
        return _apply("logical_xor", self, other)

    def __rxor__(self, other: Any) -> Value:
        return _apply("logical_xor", other, self)

    def __invert__(self) -> Value:
        return _apply("logical_not", self)

    def __lt__(self, other: Any) -> Value:
        return _apply("less", self, other)

    def __le__(self, other: Any) -> Value:
        return _apply("less_equal", self, other)

    def __gt__(self, other: Any) -> Value:
        return _apply("greater", self, other)

    def __ge__(self, other: Any) -> Value:
        return _apply("greater_equal", self, other)

    def sum(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
        """`irgraph.sum` of this value."""
        return _apply("sum", self, axis, keepdims)

    def mean(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
        """`irgraph.mean` of this value."""
        return _apply("mean", self, axis, keepdims)

    def max(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
        """`irgraph.max` of this value."""
        return _apply("max", self, axis, keepdims)

    def min(self, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Value:
        """`irgraph.min` of this value."""
        return _apply("min", self, axis, keepdims)

    def reshape(self, *shape: Size | str | Sequence[Size | str]) -> Value:
        """`irgraph.reshape` of this value; the shape as one sequence or as arguments."""
        return _apply("reshape", self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: int) -> Value:
        """`irgraph.transpose` of this value; reversed axes when none are given."""
        return _apply("transpose", self, axes or None)

    @property
    def T(self) -> Value:
        """The value with its axes reversed."""
        return _apply("transpose", self, None)

    def astype(self, dtype: object) -> Value:
        """`irgraph.cast` of this value."""
        return _apply("cast", self, dtype)


def _apply(name: str, *arguments: Any) -> Value:
    result: Value = OPERATORS[name](*arguments)
    return result
