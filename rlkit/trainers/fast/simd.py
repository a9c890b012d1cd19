"""Vectors of float32 for numba kernels: a type that always becomes the machine's wide registers.

Loops over arrays vectorise only when LLVM can prove a lot about them; arithmetic on `Lanes` needs no proof. Offsets
count elements of a C-contiguous array, and nothing checks them.
"""

import operator
import platform
from collections.abc import Callable, Iterable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, overload, register_model


def _registers() -> tuple[int, int]:
    """(floats in a register, rows of a product's tile): two registers of every row must fit the register file."""
    if platform.machine().lower() in ("x86_64", "amd64"):
        wide = llvmlite.binding.get_host_cpu_features().get("avx512f", False)
        return (16, 8) if wide else (8, 4)  # 32 registers of 16 floats, else 16 of 8
    return 4, 8  # ARM: 32 registers of 4


LANES, ROWS = _registers()
PANEL = 2 * LANES  # floats across a tile, and so across a panel of packed weights
UNIT = max(LANES, ROWS)  # what the widths of padded arrays are multiples of

FLOAT, INT64, INT32 = ir.FloatType(), ir.IntType(64), ir.IntType(32)
VECTOR = ir.VectorType(FLOAT, LANES)
CONTRACT = ("contract",)  # lets a * b + c become one instruction where the machine has it


class LanesType(types.Type):
    """numba's name for a vector of LANES float32."""

    def __init__(self) -> None:
        super().__init__("Lanes")


LANES_TYPE = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: types.Type) -> None:
        super().__init__(manager, numba_type, VECTOR)


def _splat(builder: ir.IRBuilder, scalar: ir.Value) -> ir.Value:
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, scalar, INT32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, LANES), None))


def _widen(context: Any, builder: ir.IRBuilder, value: ir.Value, numba_type: types.Type) -> ir.Value:
    """The value as a vector: itself, or a number in every lane."""
    if isinstance(numba_type, LanesType):
        return value
    return _splat(builder, context.cast(builder, value, numba_type, types.float32))


def _pointer(context: Any, builder: ir.IRBuilder, array_type: types.Array, array: ir.Value, at: ir.Value) -> ir.Value:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [at])


def _load(builder: ir.IRBuilder, pointer: ir.Value) -> ir.Value:
    vector = builder.load(builder.bitcast(pointer, VECTOR.as_pointer()))
    vector.align = 4
    return vector


def _store(builder: ir.IRBuilder, vector: ir.Value, pointer: ir.Value) -> None:
    builder.store(vector, builder.bitcast(pointer, VECTOR.as_pointer())).align = 4


def _lanewise(n_operands: int, emit: Callable[..., ir.Value]) -> Any:
    """An intrinsic on vectors (numbers are widened), made of `emit(builder, *operands)`."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, args: Iterable[ir.Value]) -> ir.Value:
        return emit(builder, *(_widen(context, builder, *pair) for pair in zip(args, signature.args, strict=True)))

    if n_operands == 1:
        return intrinsic(lambda typingctx, a: (LANES_TYPE(a), codegen))
    if n_operands == 2:
        return intrinsic(lambda typingctx, a, b: (LANES_TYPE(a, b), codegen))
    return intrinsic(lambda typingctx, a, b, c, d: (LANES_TYPE(a, b, c, d), codegen))


def _operator(function: Callable[..., Any], emit: Callable[..., ir.Value]) -> None:
    """Give Python's operator to vectors, and to a vector with a number."""
    native = _lanewise(2, emit)

    @overload(function, inline="always")
    def of_lanes(a, b):  # no annotations: numba compares the two signatures
        if isinstance(a, LanesType) or isinstance(b, LanesType):
            return lambda a, b: native(a, b)
        return None


_operator(operator.add, lambda builder, a, b: builder.fadd(a, b, flags=CONTRACT))
_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b, flags=CONTRACT))
_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b, flags=CONTRACT))
_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))


def _choose(test: str) -> Callable[..., ir.Value]:
    return lambda builder, a, b, x, y: builder.select(builder.fcmp_ordered(test, a, b), x, y)


def _call(name: str) -> Callable[..., ir.Value]:
    """A function of LLVM's from vector to vector, such as "sqrt"."""

    def emit(builder: ir.IRBuilder, a: ir.Value) -> ir.Value:
        kind = ir.FunctionType(VECTOR, [VECTOR])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32"), [a])

    return emit


def _two_to(builder: ir.IRBuilder, exponent: ir.Value) -> ir.Value:
    """2 ** exponent by writing the exponent's bits; for whole exponents from -126 to 127."""
    whole = ir.VectorType(INT32, LANES)
    bits = builder.add(builder.fptosi(exponent, whole), ir.Constant(whole, [127] * LANES))
    return builder.bitcast(builder.shl(bits, ir.Constant(whole, [23] * LANES)), VECTOR)


where_less = _lanewise(4, _choose("<"))  # where_less(a, b, x, y): x where a < b, else (also for NaN) y
where_at_most = _lanewise(4, _choose("<="))
smaller = _lanewise(2, lambda builder, a, b: builder.select(builder.fcmp_ordered("<", b, a), b, a))  # keeps a NaN in a
larger = _lanewise(2, lambda builder, a, b: builder.select(builder.fcmp_ordered(">", b, a), b, a))
square_root, magnitude, nearest = (_lanewise(1, _call(name)) for name in ("sqrt", "fabs", "rint"))
two_to = _lanewise(1, _two_to)
splat = _lanewise(1, lambda builder, a: a)


@intrinsic
def total(typingctx, lanes):
    """Sum of the lanes, float32."""

    def codegen(context, builder, signature, args):
        name = f"llvm.vector.reduce.fadd.v{LANES}f32"
        kind = ir.FunctionType(FLOAT, [FLOAT, VECTOR])
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [FLOAT(0.0), args[0]], fastmath=("reassoc",))

    return types.float32(lanes), codegen


@intrinsic
def load(typingctx, array, at):
    """The LANES floats of `array` from element `at` on."""

    def codegen(context, builder, signature, args):
        return _load(builder, _pointer(context, builder, signature.args[0], args[0], args[1]))

    return LANES_TYPE(array, types.intp), codegen


@intrinsic
def store(typingctx, array, at, lanes):
    """Write the lanes (or one number into all of them) to `array` from element `at` on."""

    def codegen(context, builder, signature, args):
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        _store(builder, _widen(context, builder, args[2], signature.args[2]), pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), codegen
