"""float16 and bfloat16 as CUDA C stores them: two bytes, converted by integer arithmetic, rounded once."""

from __future__ import annotations

LOW_TYPES: dict[str, str] = {"float16": "float16", "bfloat16": "bfloat16"}
"""The C types of LOW_PRECISION. They have casts and `!=`, and no arithmetic: that comes as float32."""

LOW_PRECISION = """
__device__ inline unsigned long long bits_of(double x) {
  union { double number; unsigned long long bits; } held;
  held.number = x;
  return held.bits;
}
__device__ inline double from_bits(unsigned long long bits) {
  union { double number; unsigned long long bits; } held;
  held.bits = bits;
  return held.number;
}
// The nearest number with M bits of mantissa and E of exponent; of two, the even one.
template <int M, int E> __device__ inline unsigned short narrowed(double x) {
  const int most = (1 << E) - 1;
  const unsigned long long u = bits_of(x), one = 1;
  const unsigned int sign = (unsigned int)(u >> 63) << (M + E);
  const int raw = (int)((u >> 52) & 2047);
  unsigned long long mantissa = u & ((one << 52) - 1);
  if (raw == 2047) return (unsigned short)(sign | (most << M) | (mantissa ? 1u << (M - 1) : 0u));
  const int exponent = raw - 1023 + most / 2;
  if (exponent >= most) return (unsigned short)(sign | (most << M));
  const int shift = 52 - M + (exponent > 0 ? 0 : 1 - exponent);
  if (!raw || shift > 53) return (unsigned short)sign;
  mantissa |= one << 52;
  const unsigned long long half = one << (shift - 1), rest = mantissa & ((one << shift) - 1);
  unsigned long long kept = mantissa >> shift;
  kept += rest > half || (rest == half && (kept & 1));
  return (unsigned short)(sign | (unsigned int)(kept + ((exponent > 0 ? exponent - 1 : 0) << M)));
}
template <int M, int E> __device__ inline double widened(unsigned short bits) {
  const int most = (1 << E) - 1, raw = (bits >> M) & most;
  const unsigned long long sign = (unsigned long long)(bits >> (M + E)) << 63;
  const unsigned long long mantissa = bits & ((1 << M) - 1);
  if (raw == most) return from_bits(sign | 2047ull << 52 | mantissa << (52 - M));
  if (raw) return from_bits(sign | (unsigned long long)(raw - most / 2 + 1023) << 52 | mantissa << (52 - M));
  const double size = (double)mantissa * from_bits((unsigned long long)(1024 - most / 2 - M) << 52);
  return from_bits(sign | bits_of(size));
}
template <int M, int E> struct Low {
  unsigned short bits;
  Low() = default;
  template <typename T> __device__ explicit Low(T x) : bits(narrowed<M, E>((double)x)) {}
  template <typename T> __device__ explicit operator T() const { return (T)widened<M, E>(bits); }
  __device__ bool operator!=(int zero) const { return widened<M, E>(bits) != zero; }
};
typedef Low<10, 5> float16;
typedef Low<7, 8> bfloat16;
"""
"""A float32 is exact in float64, so that one pair of functions serves all: nothing is rounded twice."""
