"""Elementary functions in float32 that are the same on every processor."""

import numpy as np

from src.synthetic.compiled import Number, compiled

ZERO, HALF, ONE, TWO = (np.float32(value) for value in (0.0, 0.5, 1.0, 2.0))
_BIAS = np.float32(127.0)
_LEAST, _MOST = np.float32(1.0), np.float32(250.0)
_MANTISSA, _EXPONENT_OF_ONE = np.int32(0x7FFFFF), np.int32(0x3F800000)
_MANTISSA_BITS = np.int32(23)
_LOG2_E, _LN_2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)
# 2^f - 1 and log2(1 + f) over f in [0, 1), least squares at Chebyshev points and exact at both ends: within 4e-7.
_P1, _P2, _P3, _P4, _P5 = (np.float32(c) for c in (0.69315297, 0.24014756, 0.05585335, 0.00895056, 0.00189556))
_L1, _L2, _L3, _L4 = (np.float32(c) for c in (1.44266276, -0.72048783, 0.47291558, -0.32397182))
_L5, _L6, _L7 = (np.float32(c) for c in (0.19133031, -0.07731441, 0.0148654))


@compiled
def exp2(x: Number) -> Number:
    """2 to the power of `x`, clipped to [2^-126, 2^123]."""
    shifted = min(max(x + _BIAS, _LEAST), _MOST)
    whole = np.int32(shifted)  # positive, so cutting off is rounding down
    f = shifted - np.float32(whole)
    power = np.int32(whole << _MANTISSA_BITS).view(np.float32)
    return power * (ONE + f * (_P1 + f * (_P2 + f * (_P3 + f * (_P4 + f * _P5)))))


@compiled
def exp(x: Number) -> Number:
    """e to the power of `x`."""
    return exp2(x * _LOG2_E)


@compiled
def log(x: Number) -> Number:
    """The natural logarithm of a positive `x`."""
    bits = np.float32(x).view(np.int32)
    whole = np.float32(np.int32(bits >> _MANTISSA_BITS)) - _BIAS
    f = np.int32(np.int32(bits & _MANTISSA) | _EXPONENT_OF_ONE).view(np.float32) - ONE
    series = f * (_L1 + f * (_L2 + f * (_L3 + f * (_L4 + f * (_L5 + f * (_L6 + f * _L7))))))
    return (whole + series) * _LN_2


@compiled
def clip01(x: Number) -> Number:
    """`x` clipped to [0, 1]."""
    return min(max(x, ZERO), ONE)
