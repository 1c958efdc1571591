"""Attribute values of ops that are more than numbers and strings, and the text of every kind.

The text is a Python expression, so Python's own parser reads it; `read_attribute` then walks the
tree and evaluates nothing.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import math
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache, cached_property
from typing import Any, TypeVar, final

import numpy as np

from .dims import Dim, read_size
from .errors import GraphError
from .types import DTYPES, DType, TensorType, as_dtype

_C = TypeVar("_C", bound=type)

ATTRIBUTE_CLASSES: dict[str, type] = {}
_CLASS_NAMES: dict[type, str] = {}
_RESERVED = {*DTYPES, "inf", "nan"}
_PLAIN = {type(None), bool, int, float, str}
_INLINE = 16  # arrays of up to so many elements are written out
_KEY_LENGTH = 12
Data = Mapping[str, str]  # the data section: key → base64


def attribute_class(name: str) -> Callable[[_C], _C]:
    """Let instances of a frozen dataclass be attributes of ops, printed `name(field=value, …)`.

    Law: `cls(**fields)` equals the instance. Raises GraphError where the name is taken.
    """

    def register(cls: _C) -> _C:
        known = ATTRIBUTE_CLASSES.get(name, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__) or name == "array":
            raise GraphError(f"found a second attribute class named {name!r}; needed a name of its own.")
        ATTRIBUTE_CLASSES[name] = cls
        _CLASS_NAMES[cls] = name
        return cls

    return register


@final
class ArrayData:
    """A constant array: a private read-only copy, hashable, compared by dtype, shape and bytes.

    >>> ArrayData(np.zeros((2, 2), np.float32))
    array(float32[2, 2], [0.0, 0.0, 0.0, 0.0])
    """

    def __init__(self, array: Any) -> None:
        found = np.asarray(array)
        self.array = np.array(found, dtype=as_dtype(found.dtype).numpy, order="C", copy=True)
        self.array.setflags(write=False)

    @property
    def type(self) -> TensorType:
        """The dtype and shape."""
        return TensorType(as_dtype(self.array.dtype), self.array.shape)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the little-endian bytes, in hexadecimal."""
        return hashlib.sha256(_little_endian(self.array)).hexdigest()

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, ArrayData) or self.array.dtype != other.array.dtype:
            return False
        return self.array.shape == other.array.shape and self.digest == other.digest

    def __hash__(self) -> int:
        return hash((self.array.dtype, self.array.shape, self.digest))

    def __reduce__(self) -> tuple[Callable[[Any], ArrayData], tuple[np.ndarray[Any, Any]]]:
        return ArrayData, (self.array,)

    def __repr__(self) -> str:
        return attribute_text(self, {})


def _little_endian(array: np.ndarray[Any, Any]) -> memoryview | bytes:
    if sys.byteorder == "big":
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    return array.reshape(-1).view(np.uint8).data


# --------------------------------------------------------------------------------------- writing


def attribute_text(value: object, data: dict[str, ArrayData]) -> str:
    """The text of an attribute; arrays that are too large to write out are put in `data`.

    Raises GraphError for a value of a type that has no text.

    >>> attribute_text((1, "a", None, 2 * Dim.of("batch"), float("-inf")), {})
    "(1, 'a', None, 2*batch, -inf)"
    """
    cls = type(value)
    if cls in _PLAIN:
        return repr(value)
    if isinstance(value, (TensorType, DType)):
        return str(value)
    if isinstance(value, tuple):
        inner = ", ".join([attribute_text(item, data) for item in value])
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, Dim):
        text = repr(value)
        word = text.removeprefix("-")  # `-inf` is a number; the dim of that name is `-1*inf`
        return f"{text.removesuffix(word)}1*{word}" if word in _RESERVED else text
    if isinstance(value, np.generic):
        return attribute_text(value.item(), data)
    if isinstance(value, ArrayData):
        return _array_text(value, data)
    if cls in _CLASS_NAMES:
        inner = ", ".join(
            [f"{key}={attribute_text(item, data)}" for key, item in stated_fields(value).items()]
        )
        return f"{_CLASS_NAMES[cls]}({inner})"
    raise GraphError(
        f"found an attribute of type {cls.__name__}; needed None, bool, int, float, str, tuple, a size, "
        "DType, TensorType, ArrayData, or a class registered by irgraph.attributes.attribute_class."
    )


def stated_fields(instance: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, in order, without those that have their default value."""
    stated = {}
    cls: Any = type(instance)
    for name, default in _defaults(cls):
        value = getattr(instance, name)
        if type(value) is not type(default) or (value is not default and repr(value) != repr(default)):
            stated[name] = value
    return stated


@cache
def _defaults(cls: type[Any]) -> list[tuple[str, Any]]:
    return [(field.name, field.default) for field in fields(cls)]


def _array_text(value: ArrayData, data: dict[str, ArrayData]) -> str:
    if value.array.size <= _INLINE and not value.type.dtype.is_complex:
        text = f"[{', '.join(map(_element_text, value.array.reshape(-1)))}]"
        elements = [_element(item) for item in ast.parse(text, mode="eval").body.elts]  # type: ignore[attr-defined]
        again = _array(value.type, elements)
        if again == value:  # not so for a NaN with a payload
            return f"array({value.type}, {text})"
    key = value.digest[:_KEY_LENGTH]
    if data.setdefault(key, value).digest != value.digest:
        key = value.digest
        data[key] = value
    return f"array({value.type}, {key!r})"


def _element_text(element: np.generic) -> str:
    """The shortest text of a number that reads back as the same one, by way of a double."""
    short = str(element)
    if isinstance(element, np.floating) and type(element)(float(short)) != element:
        return repr(float(element))
    return short


def encode(value: ArrayData) -> str:
    """The bytes of an array for the data section."""
    return base64.b64encode(zlib.compress(_little_endian(value.array), 6)).decode()


# --------------------------------------------------------------------------------------- reading


def read_attribute(tree: ast.expr, data: Data) -> Any:
    """The attribute that a Python expression spells. Raises GraphError or ShapeError where it is none."""
    match tree:
        case ast.Constant(value=None | bool() | int() | float() | str()):
            return tree.value
        case ast.Name(id="inf" | "nan"):
            return math.inf if tree.id == "inf" else math.nan
        case ast.Name(id=name) if name in DTYPES:
            return DTYPES[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id="inf")):
            return -math.inf
        case ast.Tuple(elts=items):
            return tuple([read_attribute(item, data) for item in items])
        case ast.Subscript():
            return read_type(tree)
        case ast.Call(func=ast.Name(id="array"), args=[type_tree, content], keywords=[]):
            return _read_array(read_type(type_tree), content, data)
        case ast.Call(func=ast.Name(id=name), args=[]):
            return _read_instance(name, tree.keywords, data)
        case ast.Name() | ast.UnaryOp() | ast.BinOp():
            return read_size(tree)
    raise GraphError(
        f"found the attribute {ast.unparse(tree)}; needed a literal, a size, a type, or a known class."
    )


def read_type(tree: ast.expr) -> TensorType:
    """The tensor type that `dtype[size, …]` spells."""
    match tree:
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in DTYPES:
            sizes = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return TensorType(DTYPES[name], tuple([read_size(size) for size in sizes]))
    raise GraphError(f"found the type {ast.unparse(tree)}; needed one such as float32[batch, 64].")


def _read_instance(name: str, keywords: list[ast.keyword], data: Data) -> object:
    if name not in ATTRIBUTE_CLASSES:
        known = ", ".join(sorted(ATTRIBUTE_CLASSES)) or "none"
        raise GraphError(f"found the attribute class {name!r}; needed one that is registered: {known}.")
    values = {keyword.arg or "**": read_attribute(keyword.value, data) for keyword in keywords}
    return construct(ATTRIBUTE_CLASSES[name], name, values)


def construct(cls: Callable[..., Any], name: str, values: Mapping[str, Any]) -> Any:
    """`cls(**values)`. Raises GraphError, with the fields that it has, where they do not fit."""
    try:
        return cls(**values)
    except TypeError as error:
        needed = ", ".join(field.name for field in fields(cls))  # type: ignore[arg-type]
        found = ", ".join(values)
        raise GraphError(
            f"found {name} with the attributes ({found}); needed ({needed}).\n  {error}"
        ) from None


def _read_array(type: TensorType, content: ast.expr, data: Data) -> ArrayData:
    match content:
        case ast.List(elts=items):
            return _array(type, [_element(item) for item in items])
        case ast.Constant(value=str(key)):
            return _decode(type, key, data)
    raise GraphError(f"found the array content {ast.unparse(content)}; needed a list of numbers or a key.")


def _element(tree: ast.expr) -> float:
    value = read_attribute(tree, {})
    if not isinstance(value, (bool, int, float)):
        raise GraphError(f"found {ast.unparse(tree)} in an array; needed a number.")
    return value


def _array(kind: TensorType, elements: list[float]) -> ArrayData:
    shape = _known_shape(kind)
    if len(elements) != math.prod(shape):
        raise GraphError(f"found {len(elements)} elements for {kind}; needed {math.prod(shape)}.")
    if not _FIT[kind.dtype.kind].issuperset(map(type, elements)):
        raise GraphError(f"found elements of another kind in an array of {kind.dtype}.")
    try:
        with np.errstate(over="raise"):
            return ArrayData(np.array(elements, dtype=kind.dtype.numpy).reshape(shape))
    except (OverflowError, FloatingPointError, ValueError) as error:
        raise GraphError(f"found elements that {kind.dtype} can't hold: {error}.") from None


_FIT: dict[str, set[type]] = {
    "bool": {bool},
    "int": {int},
    "uint": {int},
    "float": {int, float},
    "complex": {int, float},
}


def _known_shape(type: TensorType) -> tuple[int, ...]:
    shape = tuple(size for size in type.shape if isinstance(size, int) and size >= 0)
    if len(shape) != len(type.shape):
        raise GraphError(f"found an array of type {type}; needed sizes that are known.")
    return shape


def _decode(type: TensorType, key: str, data: Data) -> ArrayData:
    if key not in data:
        raise GraphError(
            f"found the array {key!r}, whose bytes are not in this text; needed them in a data section.\n"
            "  Text printed with elide=True leaves them out; print with to_text(graph)."
        )
    shape = _known_shape(type)
    nbytes = math.prod(shape) * type.dtype.itemsize
    unpack = zlib.decompressobj()
    try:
        content = unpack.decompress(base64.b64decode(data[key], validate=True), nbytes + 1)
    except (ValueError, zlib.error) as error:
        raise GraphError(f"found damaged bytes for the array {key!r}: {error}.") from None
    if len(content) != nbytes:
        raise GraphError(f"found {len(content)} bytes or more for the array {key!r}; {type} needs {nbytes}.")
    found = ArrayData(np.frombuffer(content, type.dtype.numpy.newbyteorder("<")).reshape(shape))
    if not found.digest.startswith(key):
        raise GraphError(
            f"found bytes with the SHA-256 {found.digest} for the array {key!r}; they are damaged."
        )
    return found
