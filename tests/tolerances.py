"""How close is close: the tolerances of the tests, by what limits the agreement; and how long is too long."""

EXACT = 1e-12
"""float64 with another order of summation: relative, or in eV, eV/Å, eV/Å³ for numbers of order one."""

SYMMETRY = 1e-9
"""float64, a symmetry operation applied to the input: rotated frames and grids round differently in every layer."""

FINITE_DIFFERENCE = 1e-6
"""Central differences of a float64 energy against its derivative, relative to the largest component."""

SINGLE = 2e-5
"""float32 against float64 in one evaluation, relative."""

PATIENCE = 600
"""s. What has not happened by then never will: a busy machine may take twenty times as long as an idle one."""
