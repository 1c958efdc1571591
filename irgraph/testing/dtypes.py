"""Which dtypes an op takes, asked of the op itself: every dtype is tried on the cases of the table."""

from __future__ import annotations

from functools import cache

from ..errors import IrgraphError
from ..ops.sources import input
from ..types import DTYPES
from ..value import Node
from .case import Case
from .cases import CASES


@cache
def dtypes_of(op: str) -> tuple[str, ...]:
    """The dtypes with which some case of an op builds, in the order of `irgraph.types.DTYPES`.

    What varies are the inputs of the float dtype under test, or all inputs where they have one dtype; indices
    and conditions beside them keep theirs. Empty for an op whose cases have no inputs.

    >>> dtypes_of("tanh")
    ('float16', 'bfloat16', 'float32', 'float64', 'complex64', 'complex128')
    >>> dtypes_of("floor")
    ('float16', 'bfloat16', 'float32', 'float64')
    """
    cases = [case for case in CASES if case.op == op]
    return tuple(dtype for dtype in DTYPES if any(_builds(case, dtype) for case in cases))


def _builds(case: Case, dtype: str) -> bool:
    written = {arg.dtype for arg in case.inputs.values()}
    varied = {None} if None in written else written
    if not written or len(varied) > 1:
        return False
    values = [
        input(name, arg.bound(case.sizes), dtype if arg.dtype in varied else arg.dtype)
        for name, arg in case.inputs.items()
    ]
    try:
        built = case.build(*values)
    except IrgraphError:
        return False
    ends = built if isinstance(built, (list, tuple)) else [built]
    stack = [end.node for end in ends]
    seen: set[Node] = set()
    while stack:  # the op itself on the dtype, not on what the case cast it to
        node = stack.pop()
        if node.op.name == case.op and any(str(v.dtype) == dtype for v in node.inputs or node.outputs):
            return True
        stack += [v.node for v in node.inputs if v.node not in seen]
        seen.update(v.node for v in node.inputs)
    return False
