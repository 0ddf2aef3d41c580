"""Geometry of rotations, nothing learned: harmonics, coefficient order, edge frames, Wigner blocks, sphere grids.

Conventions (used by every file here, and by the models):

* Real spherical harmonics with polar axis **y** and azimuth ``atan2(x, z)``, "component" normalised:
  the squares of the 2l+1 components of a unit vector sum to 2l+1. Degree 1 is exactly √3·(x, y, z).
* Coefficients in *degree order*: (l, m) sits at l² + l + m. On edges, in *order-major order*: all m = 0 first, then
  for each m all +m followed by all −m, and only orders up to mmax (:mod:`equical.so3.coefficients`).
* A rotation Q acts on column vectors; ``Y(Q r) = D(Q) Y(r)`` defines the Wigner matrix D.
"""
