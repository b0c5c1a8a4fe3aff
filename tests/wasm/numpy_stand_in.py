"""The part of numpy that the extractors use, in plain Python: for a Python that numpy is not built
for. Slow, and right for the dtypes, shapes and functions that are asked of it; nothing else.
"""

from __future__ import annotations

import ast
import bisect
import itertools
import math
import operator
import struct
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import ModuleType
from typing import IO, Any

Shape = tuple[int, ...]


class DType:
    """One kind of number: how it is stored and how it wraps."""

    def __init__(self, kind: str, n_bytes: int, code: str) -> None:
        self.kind, self.n_bytes, self.code = kind, n_bytes, code

    def __call__(self, value: Any) -> Any:
        match self.kind:
            case "b":
                return bool(value)
            case "f":
                return struct.unpack("<f", struct.pack("<f", value))[0] if self.code == "f" else (
                    float(value)
                )  # fmt: skip
        n_bits = 8 * self.n_bytes
        number = int(value) & ((1 << n_bits) - 1)
        return number - (1 << n_bits) if self.kind == "i" and number >> (n_bits - 1) else number


bool_ = DType("b", 1, "?")
int8, int16, int64 = DType("i", 1, "b"), DType("i", 2, "h"), DType("i", 8, "q")
uint8, uint32, uint64 = DType("u", 1, "B"), DType("u", 4, "I"), DType("u", 8, "Q")
float32, float64 = DType("f", 4, "f"), DType("f", 8, "d")
intp = int64
_BY_NAME: dict[object, DType] = {
    "<u4": uint32, "|u1": uint8, "<i8": int64, bool: bool_, int: int64, float: float64,
}  # fmt: skip


def _dtype(of: Any) -> DType:
    return of if isinstance(of, DType) else _BY_NAME[of]


def _guessed(values: Sequence[Any]) -> DType:
    if values and all(isinstance(value, bool) for value in values):
        return bool_
    return float64 if any(isinstance(value, float) for value in values) else int64


def _common(left: DType, right: DType) -> DType:
    if "f" in (left.kind, right.kind):
        return float64
    if left.kind == "b":
        return right
    return left if right.kind == "b" or left.n_bytes >= right.n_bytes else right


class ndarray:
    """Numbers in a row, and the shape in which they are looked at."""

    def __init__(self, flat: list[Any], dtype: DType, shape: Shape | None = None) -> None:
        self.flat, self.dtype = flat, dtype
        self.shape: Shape = (len(flat),) if shape is None else shape

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.flat) if len(self.shape) == 1 else (self[i] for i in range(len(self)))

    def __array_row(self, index: int) -> ndarray:
        size = math.prod(self.shape[1:])
        start = (index % len(self)) * size
        return ndarray(self.flat[start : start + size], self.dtype, self.shape[1:])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ndarray(self.flat[index], self.dtype)
        if isinstance(index, (ndarray, list)):
            return ndarray([self.flat[i] for i in _positions(index)], self.dtype)
        return self.flat[index] if len(self.shape) == 1 else self.__array_row(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        where = _positions(index) if isinstance(index, (ndarray, list)) else [index]
        for position in where:
            self.flat[position] = self.dtype(value)

    def astype(self, dtype: Any) -> ndarray:
        kind = _dtype(dtype)
        return ndarray(list(map(kind, self.flat)), kind, self.shape)

    def reshape(self, *shape: int) -> ndarray:
        known = math.prod(n for n in shape if n != -1)
        sizes = tuple(len(self.flat) // known if n == -1 else n for n in shape)
        return ndarray(self.flat, self.dtype, sizes)

    def view(self, dtype: Any) -> ndarray:
        kind = _dtype(dtype)
        return ndarray(_unpacked(self.tobytes(), kind), kind)

    def tobytes(self) -> bytes:
        return struct.pack(f"<{len(self.flat)}{self.dtype.code}", *self.flat)

    def tolist(self) -> list[Any]:
        return list(self.flat)

    @property
    def T(self) -> ndarray:
        rows, columns = self.shape
        flat = [value for column in range(columns) for value in self.flat[column::columns]]
        return ndarray(flat, self.dtype, (columns, rows))

    def all(self) -> bool:
        return all(self.flat)

    def any(self) -> bool:
        return any(self.flat)

    def sum(self, axis: int | None = None, keepdims: bool = False) -> Any:
        kind = float64 if self.dtype.kind == "f" else int64
        if axis is None:
            return kind(sum(self.flat))
        n, inner = self.shape[axis], math.prod(self.shape[axis + 1 :])
        starts = (
            block + place
            for block in range(0, len(self.flat), n * inner)
            for place in range(inner)
        )  # fmt: skip
        flat = [kind(sum(self.flat[s : s + n * inner : inner])) for s in starts]
        kept = (1,) if keepdims else ()
        return ndarray(flat, kind, (*self.shape[:axis], *kept, *self.shape[axis + 1 :]))

    def _with(self, other: Any, operate: Callable[[Any, Any], Any], kind: DType | None) -> ndarray:
        if isinstance(other, ndarray):
            shape = _broadcast(self.shape, other.shape)
            left, right = _spread(self, shape), _spread(other, shape)
            result = kind or _common(self.dtype, other.dtype)
            flat = list(map(operate, left, right))
        else:
            shape = self.shape
            is_float = isinstance(other, float) and self.dtype.kind != "f"
            result = kind or (float64 if is_float else self.dtype)
            flat = [operate(value, other) for value in self.flat]
        return ndarray(list(map(result, flat)), result, shape)

    def __add__(self, other: Any) -> ndarray:
        return self._with(other, operator.add, None)

    def __sub__(self, other: Any) -> ndarray:
        return self._with(other, operator.sub, None)

    def __mul__(self, other: Any) -> ndarray:
        return self._with(other, operator.mul, None)

    def __rmul__(self, other: Any) -> ndarray:
        return self._with(other, operator.mul, None)

    def __truediv__(self, other: Any) -> ndarray:
        return self._with(other, operator.truediv, float64)

    def __lshift__(self, other: Any) -> ndarray:
        return self._with(other, operator.lshift, None)

    def __rshift__(self, other: Any) -> ndarray:
        return self._with(other, operator.rshift, None)

    def __and__(self, other: Any) -> ndarray:
        return self._with(other, operator.and_, None)

    def __or__(self, other: Any) -> ndarray:
        return self._with(other, operator.or_, None)

    def __lt__(self, other: Any) -> ndarray:
        return self._with(other, operator.lt, bool_)

    def __le__(self, other: Any) -> ndarray:
        return self._with(other, operator.le, bool_)

    def __gt__(self, other: Any) -> ndarray:
        return self._with(other, operator.gt, bool_)

    def __ge__(self, other: Any) -> ndarray:
        return self._with(other, operator.ge, bool_)

    def __eq__(self, other: Any) -> ndarray:  # type: ignore[override]
        return self._with(other, operator.eq, bool_)

    def __matmul__(self, other: ndarray) -> Any:
        return sum(map(operator.mul, self.flat, other.flat))

    def __neg__(self) -> ndarray:
        return ndarray([-value for value in self.flat], self.dtype, self.shape)

    def __invert__(self) -> ndarray:
        return ndarray([not value for value in self.flat], bool_, self.shape)

    __hash__ = None  # type: ignore[assignment]


def _positions(index: ndarray | list[int]) -> Sequence[int]:
    if isinstance(index, ndarray) and index.dtype is bool_:
        return [position for position, is_set in enumerate(index.flat) if is_set]
    return index.flat if isinstance(index, ndarray) else index


def _broadcast(left: Shape, right: Shape) -> Shape:
    sizes = itertools.zip_longest(reversed(left), reversed(right), fillvalue=1)
    pairs = list(sizes)
    if any(a != b and 1 not in (a, b) for a, b in pairs):
        raise ValueError(f"shapes {left} and {right} do not fit")
    return tuple(a if b == 1 else b for a, b in reversed(pairs))


def _spread(values: ndarray, shape: Shape) -> list[Any]:
    if values.shape == shape:
        return values.flat
    own = (1,) * (len(shape) - len(values.shape)) + values.shape
    steps = [0 if n == 1 else math.prod(own[axis + 1 :]) for axis, n in enumerate(own)]
    places = [0]
    for size, step in zip(shape, steps, strict=True):
        places = [place + index * step for place in places for index in range(size)]
    return [values.flat[place] for place in places]


def _unpacked(data: bytes, kind: DType) -> list[Any]:
    return list(struct.unpack(f"<{len(data) // kind.n_bytes}{kind.code}", data))


def _values(of: Iterable[Any]) -> list[Any]:
    return of.flat if isinstance(of, ndarray) else list(of)


def array(values: Iterable[Any], dtype: Any = None) -> ndarray:
    flat = _values(values)
    kind = _guessed(flat) if dtype is None else _dtype(dtype)
    return ndarray(list(map(kind, flat)), kind)


def full(shape: int, value: Any, dtype: Any = float64) -> ndarray:
    return ndarray([_dtype(dtype)(value)] * shape, _dtype(dtype))


def zeros(shape: int, dtype: Any = float64) -> ndarray:
    return full(shape, 0, dtype)


def fromiter(values: Iterable[Any], dtype: Any, count: int = -1) -> ndarray:
    return array(itertools.islice(values, None if count < 0 else count), dtype)


def frombuffer(data: bytes, dtype: Any) -> ndarray:
    return ndarray(_unpacked(data, _dtype(dtype)), _dtype(dtype))


def asarray(values: ndarray, dtype: Any = None) -> ndarray:
    return values if dtype is None else values.astype(dtype)


def ascontiguousarray(values: ndarray) -> ndarray:
    return values


def arange(start: int, stop: int | None = None, *, dtype: Any = int64) -> ndarray:
    return array(range(start) if stop is None else range(start, stop), dtype)


def repeat(values: ndarray, counts: Any) -> ndarray:
    pairs = zip(values.flat, _values(counts), strict=True)
    return ndarray([value for value, n in pairs for _ in range(n)], values.dtype)


def bincount(values: ndarray, weights: ndarray | None = None, minlength: int = 0) -> ndarray:
    size = max(max(values.flat, default=-1) + 1, minlength)
    if weights is None:
        counts = Counter(values.flat)
        return ndarray([counts[position] for position in range(size)], int64)
    sums = [0.0] * size
    for position, weight in zip(values.flat, weights.flat, strict=True):
        sums[position] += weight
    return ndarray(sums, float64)


def _each(function: Callable[[float], float]) -> Callable[[Any], Any]:
    def apply(values: Any) -> Any:
        if isinstance(values, ndarray):
            return ndarray(list(map(function, values.flat)), float64, values.shape)
        return function(values)

    return apply


log2, log1p = _each(math.log2), _each(math.log1p)


def abs(values: ndarray) -> ndarray:
    return ndarray([-v if v < 0 else v for v in values.flat], values.dtype, values.shape)


def maximum(left: ndarray, right: Any) -> ndarray:
    return left._with(right, max, None)


def minimum(left: ndarray, right: Any) -> ndarray:
    return left._with(right, min, None)


def mean(values: ndarray) -> float:
    return math.fsum(values.flat) / len(values.flat)


def unique(values: ndarray) -> ndarray:
    return ndarray(sorted(set(values.flat)), values.dtype)


def sort(values: ndarray) -> ndarray:
    return ndarray(sorted(values.flat), values.dtype)


def argsort(values: ndarray) -> ndarray:
    return ndarray(sorted(range(len(values)), key=values.flat.__getitem__), int64)


def argmax(values: ndarray) -> int:
    return max(range(len(values)), key=values.flat.__getitem__)


def concatenate(arrays: Sequence[ndarray]) -> ndarray:
    return ndarray([v for each in arrays for v in each.flat], arrays[-1].dtype)


def diff(values: ndarray, prepend: Any = None) -> ndarray:
    flat = values.flat if prepend is None else [prepend, *values.flat]
    steps = (after - before for before, after in itertools.pairwise(flat))
    return ndarray(list(map(values.dtype, steps)), values.dtype)


def cumsum(values: Any, dtype: Any = int64) -> ndarray:
    return array(itertools.accumulate(_values(values)), dtype)


def flatnonzero(values: ndarray) -> ndarray:
    return ndarray([position for position, value in enumerate(values.flat) if value], int64)


def isin(values: ndarray, among: ndarray, assume_unique: bool = False) -> ndarray:
    del assume_unique
    known = set(among.flat)
    return ndarray([value in known for value in values.flat], bool_)


def searchsorted(values: ndarray, wanted: Any) -> Any:
    if isinstance(wanted, ndarray):
        return ndarray([bisect.bisect_left(values.flat, each) for each in wanted.flat], int64)
    return bisect.bisect_left(values.flat, wanted)


def load(file: IO[bytes], allow_pickle: bool = False) -> dict[str, ndarray]:
    """The arrays of an ``.npz`` file."""
    del allow_pickle
    with zipfile.ZipFile(file) as archive:
        return {name.removesuffix(".npy"): _npy(archive.read(name)) for name in archive.namelist()}


def _npy(data: bytes) -> ndarray:
    """Version 1.0 of the format, as its documentation has it."""
    end = 10 + int.from_bytes(data[8:10], "little")
    header = ast.literal_eval(data[10:end].decode("latin-1"))
    kind, shape = _dtype(header["descr"]), header["shape"]
    flat = _unpacked(data[end:], kind)
    if header["fortran_order"] and len(shape) == 2:
        return ndarray(flat, kind, shape[::-1]).T
    return ndarray(flat, kind, shape)


def register() -> None:
    """Makes this module what ``import numpy`` finds."""
    typing, random = ModuleType("numpy.typing"), ModuleType("numpy.random")
    typing.__dict__["NDArray"] = list
    # hypothesis keeps the state of every generator of random numbers that it finds.
    random.__dict__.update(seed=lambda _: None, get_state=tuple, set_state=lambda _: None)
    own = sys.modules[__name__]
    own.__dict__.update(typing=typing, random=random)
    sys.modules.update({"numpy": own, "numpy.typing": typing, "numpy.random": random})
