"""equical: an equivariant-transformer force field as an ASE calculator, with the workflows around it.

The public names below are imported on first use, so that ``import equical`` and ``equical --help`` cost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from equical.errors import InputError

if TYPE_CHECKING:
    from equical.calculator import EquiCalc
    from equical.checkpoint import load_checkpoint, shipped_models
    from equical.conversion import convert
    from equical.workflows.relax import RelaxResult, relax

__version__ = "0.1.0"

_HOME = {
    "EquiCalc": "equical.calculator",
    "RelaxResult": "equical.workflows.relax",
    "convert": "equical.conversion",
    "load_checkpoint": "equical.checkpoint",
    "relax": "equical.workflows.relax",
    "shipped_models": "equical.checkpoint",
}

__all__ = ["EquiCalc", "InputError", "RelaxResult", "__version__", "convert", "load_checkpoint", "relax"]
__all__ += ["shipped_models"]


def __getattr__(name: str) -> object:
    """Import a public name from its home module when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'equical' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
