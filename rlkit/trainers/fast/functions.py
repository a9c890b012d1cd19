"""exp and tanh of vectors, exact to the last bits of float32."""

from rlkit.trainers.fast.compiled import inlined
from rlkit.trainers.fast.simd import LanesType, larger, nearest, smaller, two_to

LOG2_E = 1.4426950408889634
LN_2_HIGH = 0.693359375  # the first bits of ln 2: times a whole number up to 2^15 it is exact in float32
LN_2_LOW = -2.12194440054690583e-4  # ln 2 - LN_2_HIGH
EXP_LARGEST = 88.0  # exp(88) = 1.7e38, just below float32's largest
EXP_SMALLEST = -87.0  # exp(-87) = 1.6e-38, just above float32's smallest normal
TANH_ONE = 9.1  # tanh(9.1) = 1 - 2.5e-8, which float32 rounds to 1

# exp(r) - 1 = r + r^2 (C2 + C3 r + ...) within 3.2e-9 for |r| <= ln(2) / 2, by a minimax fit
C2, C3, C4, C5, C6 = 0.5000000096, 0.1666651831, 0.04166620414, 0.008368953556, 0.001395060185


@inlined
def _split_exp(x: LanesType) -> tuple[LanesType, LanesType]:
    """(s, q) with exp(x) = s + s q, s a power of two and |q| < 0.42."""
    n = nearest(x * LOG2_E)
    r = x - n * LN_2_HIGH - n * LN_2_LOW
    q = r + r * r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * C6))))
    return two_to(n), q


@inlined
def exp(x: LanesType) -> LanesType:
    """exp(x) within 2e-7 relative, for Lanes; 1.7e38 above x = 88, 1.6e-38 below -87, NaN for NaN."""
    s, q = _split_exp(larger(smaller(x, EXP_LARGEST), EXP_SMALLEST))
    return s + s * q


@inlined
def tanh(x: LanesType) -> LanesType:
    """tanh(x) within 2e-7, for Lanes, and relatively as exact near 0: t / (t + 2) with t = exp(2x) - 1."""
    x = larger(smaller(x, TANH_ONE), -TANH_ONE)
    s, q = _split_exp(x + x)
    t = s * q + (s - 1.0)
    return t / (t + 2.0)


@inlined
def sigmoid(x: LanesType) -> LanesType:
    """1 / (1 + exp(-x)) within 2e-7, for Lanes."""
    return 1.0 / (1.0 + exp(0.0 - x))
