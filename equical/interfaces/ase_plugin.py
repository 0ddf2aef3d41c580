"""What ASE's plug-in mechanism finds: :class:`~equical.calculator.EquiCalc` by the name ``equical``.

The mechanism is ASE's experiment for its version 4, so far reached as ``ase._4.plugins``, and absent from older
releases. Only it imports this module, by the entry point ``ase.plugins`` of the package.
"""

from __future__ import annotations

try:
    from ase._4.plugins.plugin import CalculatorPlugin
except ImportError:  # releases without it, or with another name for it
    __ase_plugins__ = set()
else:
    __ase_plugins__ = {
        CalculatorPlugin(
            "equical",
            citation="https://github.com/equical/equical",
            implementation="equical.calculator.EquiCalc",
        )
    }
