"""What an executor promises. docs/writing-an-executor.md shows a small one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..op import Op
from .plan import Plan

Array = Any


class PreparedPlan(Protocol):
    """A plan that is ready to run on one executor. `arena_nbytes` is what was allocated for a step: the
    arena, the results beside it, what kernels need."""

    arena_nbytes: int

    def __call__(self, fed: Sequence[Array], out: Sequence[Array] | None = None) -> list[Array]:
        """One step. `fed` are host arrays in the order of `plan.feeds`, of the right shapes, of dtypes
        that may be cast; the results are fresh arrays, or `out` filled.

        Law: either every update of the state is committed, or none is: none where this raises on its own
        account, all or none where an exception comes from outside, as Ctrl-C.
        """
        ...


class Executor(Protocol):
    """Runs plans on one kind of device.

    It may also have `as_feed(array)`: an array that lies on its device, as its own kind of array and
    without a copy, or None for all else. `fed` then holds such arrays too.

    And it may have `hands_over`, a number of bytes: outputs that are as large or larger are then planned
    outside the arena where that can be (`Plan.results`), so that their memory can be returned as it is.
    """

    name: str

    def has_kernel(self, op: type[Op]) -> bool:
        """Whether this op is run as it is; composite ops without a kernel are expanded."""
        ...

    def is_single_pass(self, op: type[Op]) -> bool:
        """Whether the op's kernel can't fail and reads each element before it writes it.

        Law: such a kernel gives the same result when its output is one of its inputs.
        """
        ...

    def prepare(self, plan: Plan, state: Mapping[str, Array], check: bool = False) -> PreparedPlan:
        """Allocate and bind everything that a step needs. `state` holds this executor's arrays by name;
        they are updated in place. `check`: raise NonFiniteError at the first result that is not finite."""
        ...

    def to_device(self, array: Any) -> Array:
        """A copy of a host array on the device."""
        ...

    def to_host(self, array: Array) -> Any:
        """A copy of a device array as a NumPy array."""
        ...
