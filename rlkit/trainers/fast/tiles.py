"""The two pieces of machine code that everything else waits for: a tile of a product, and a transposed block.

numba cannot keep a small matrix in registers, so these are written as LLVM code, unrolled by Python loops.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from rlkit.trainers.fast.simd import CONTRACT, INT32, INT64, LANES, ROWS, _load, _pointer, _splat, _store


def _product(n_vectors: int) -> Any:
    """`tile` with n_vectors registers in each row."""

    @intrinsic
    def tile(typingctx, out, at, step, start, start_at, start_step, a, a_at, a_row, a_k, b, b_at, b_k, depth):
        offset = types.intp
        arguments = (out, offset, offset, start, offset, offset, a, offset, offset, offset, b, offset, offset, offset)

        def codegen(context, builder, signature, args):
            def row_pointers(which: int, stride: ir.Value) -> list[ir.Value]:
                first = _pointer(context, builder, arguments[which], args[which], args[which + 1])
                return [builder.gep(first, [builder.mul(stride, INT64(row))]) for row in range(ROWS)]

            out_rows, start_rows = row_pointers(0, args[2]), row_pointers(3, args[5])
            a_rows = row_pointers(6, args[8])
            b_first = _pointer(context, builder, b, args[10], args[11])
            sums = [_load(builder, builder.gep(p, [INT64(v * LANES)])) for p in start_rows for v in range(n_vectors)]

            def add_outer_product(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
                b_row = builder.gep(b_first, [builder.mul(k, args[12])])
                across = [_load(builder, builder.gep(b_row, [INT64(v * LANES)])) for v in range(n_vectors)]
                a_step = builder.mul(k, args[9])
                down = [_splat(builder, builder.load(builder.gep(pointer, [a_step]))) for pointer in a_rows]
                products = [builder.fmul(x, y, flags=CONTRACT) for x in down for y in across]
                return [builder.fadd(s, p, flags=CONTRACT) for s, p in zip(sums, products, strict=True)]

            sums = _repeat(builder, args[13], sums, add_outer_product)
            for i, vector in enumerate(sums):
                _store(builder, vector, builder.gep(out_rows[i // n_vectors], [INT64(i % n_vectors * LANES)]))
            return context.get_dummy_value()

        return types.void(*arguments), codegen

    return tile


def _repeat(
    builder: ir.IRBuilder,
    times: ir.Value,
    values: list[ir.Value],
    body: Callable[[ir.Value, list[ir.Value]], list[ir.Value]],
) -> list[ir.Value]:
    """The values after `times` rounds of values = body(round, values), all in registers."""
    before, loop, after = builder.block, builder.append_basic_block("round"), builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed(">", times, INT64(0)), loop, after)
    builder.position_at_end(loop)
    index = builder.phi(INT64)
    index.add_incoming(INT64(0), before)
    held = [builder.phi(value.type) for value in values]
    changed = body(index, held)
    following = builder.add(index, INT64(1))
    index.add_incoming(following, loop)
    for phi, first, then in zip(held, values, changed, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(then, loop)
    builder.cbranch(builder.icmp_signed("<", following, times), loop, after)
    builder.position_at_end(after)
    results = [builder.phi(value.type) for value in values]
    for phi, first, then in zip(results, values, changed, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(then, loop)
    return results


# tile(out, at, step, start, start_at, start_step, a, a_at, a_row, a_k, b, b_at, b_k, depth):
#   out[at + r * step + c] = start[start_at + r * start_step + c]
#                            + sum over k < depth of a[a_at + r * a_row + k * a_k] * b[b_at + k * b_k + c]
# for r < ROWS and c < PANEL (`half_tile`: c < LANES). `a` may thus be taken as it lies or transposed, and start_step 0
# starts every row from the same one, a bias.
tile, half_tile = _product(2), _product(1)


@intrinsic
def transpose(typingctx, out, at, step, a, a_at, a_step):
    """out[at + j * step + i] = a[a_at + i * a_step + j] for i, j < LANES."""

    def codegen(context, builder, signature, args):
        source = _pointer(context, builder, a, args[3], args[4])
        target = _pointer(context, builder, out, args[0], args[1])
        rows = [_load(builder, builder.gep(source, [builder.mul(args[5], INT64(i))])) for i in range(LANES)]
        low, high = (ir.Constant(ir.VectorType(INT32, LANES), _zipped(half)) for half in (0, LANES // 2))
        span = LANES
        while span > 1:  # each round interleaves row i with row i + LANES / 2; after log2(LANES) the rows are columns
            pairs = list(zip(rows[: LANES // 2], rows[LANES // 2 :], strict=True))
            rows = [builder.shuffle_vector(x, y, mask) for x, y in pairs for mask in (low, high)]
            span //= 2
        for j, vector in enumerate(rows):
            _store(builder, vector, builder.gep(target, [builder.mul(args[2], INT64(j))]))
        return context.get_dummy_value()

    offset = types.intp
    return types.void(out, offset, offset, a, offset, offset), codegen


def _zipped(first: int) -> list[int]:
    """Lane numbers that interleave one half of two vectors: first, LANES + first, first + 1, ..."""
    return [lane for i in range(first, first + LANES // 2) for lane in (i, LANES + i)]
