"""Coupling of two degrees to a third: real Wigner 3j symbols in the basis of :mod:`.harmonics`."""

from functools import cache
from math import factorial, sqrt

import numpy as np
from numpy.typing import NDArray

__all__ = ["wigner_3j"]


@cache
def wigner_3j(first: int, second: int, third: int) -> NDArray[np.float64]:
    """The only tensor, up to a factor, that turns with all three degrees and so is the same in every frame.

    Signs are those of e3nn, which trained weights depend on.

    Args:
        first, second, third: degrees that fulfil the triangle inequality.

    Returns:
        ``[2·first + 1, 2·second + 1, 2·third + 1]`` of norm one.
    """
    complex_symbols = np.zeros((2 * first + 1, 2 * second + 1, 2 * third + 1))
    for m1 in range(-first, first + 1):
        for m2 in range(-second, second + 1):
            if abs(m1 + m2) <= third:
                entry = (first + m1, second + m2, third + m1 + m2)
                complex_symbols[entry] = _clebsch_gordan(first, m1, second, m2, third)
    bases = (_complex_harmonics(first), _complex_harmonics(second), _complex_harmonics(third).conj())
    coupled = np.einsum("abc,ai,bj,ck->ijk", complex_symbols, *bases)
    return coupled.real / np.linalg.norm(coupled.real)


def _clebsch_gordan(j1: int, m1: int, j2: int, m2: int, j3: int) -> float:
    """⟨j1 m1 j2 m2 | j3 m1+m2⟩ by Racah's formula."""
    m3 = m1 + m2
    product = (2 * j3 + 1) * factorial(j3 + j1 - j2) * factorial(j3 - j1 + j2) * factorial(j1 + j2 - j3)
    for j, m in ((j1, m1), (j2, m2), (j3, m3)):
        product *= factorial(j + m) * factorial(j - m)
    total = 0.0
    for k in range(j1 + j2 - j3 + 1):
        parts = (k, j1 + j2 - j3 - k, j1 - m1 - k, j2 + m2 - k, j3 - j2 + m1 + k, j3 - j1 - m2 + k)
        if min(parts) >= 0:
            total += (-1) ** k / np.prod([float(factorial(part)) for part in parts])
    return total * sqrt(product / factorial(j1 + j2 + j3 + 1))


def _complex_harmonics(degree: int) -> NDArray[np.complex128]:
    """Complex harmonics (rows) in terms of real ones, with the phase that makes all couplings real."""
    matrix = np.zeros((2 * degree + 1, 2 * degree + 1), dtype=np.complex128)
    matrix[degree, degree] = 1.0
    for m in range(1, degree + 1):
        plus, minus = degree + m, degree - m
        matrix[minus, plus], matrix[minus, minus] = sqrt(0.5), -1j * sqrt(0.5)
        matrix[plus, plus], matrix[plus, minus] = (-1) ** m * sqrt(0.5), 1j * (-1) ** m * sqrt(0.5)
    return (-1j) ** degree * matrix
