"""equical: an equivariant-transformer force field as an ASE calculator, with the workflows around it.

The public names below are imported on first use, so that ``import equical`` and ``equical --help`` cost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from equical.errors import InputError
from equical.version import __version__

if TYPE_CHECKING:
    from equical.calculator import EquiCalc
    from equical.catalogue import choose_model
    from equical.checkpoint import load_checkpoint, shipped_models
    from equical.conversion import ConversionResult, convert
    from equical.structures import read_structure, read_structures
    from equical.training.calibrate import CalibrationResult, calibrate
    from equical.training.check import check_data
    from equical.training.evaluation import evaluate
    from equical.training.finetune import finetune
    from equical.training.result import DataCheck, EvaluationResult, TrainResult
    from equical.training.run import train
    from equical.workflows.adsorption import (
        AdsorptionResult,
        AdsorptionSeriesResult,
        adsorption_energies,
        adsorption_energy,
    )
    from equical.workflows.bench import BenchResult, bench
    from equical.workflows.check import CheckResult, check
    from equical.workflows.conductivity import ConductivityResult, conductivity
    from equical.workflows.elastic import ElasticResult, elastic
    from equical.workflows.eos import EosResult, eos
    from equical.workflows.md import MDResult, md
    from equical.workflows.neb import NebResult, neb
    from equical.workflows.phonon import PhononResult, phonon
    from equical.workflows.qha import QhaResult, qha
    from equical.workflows.relax import RelaxResult, relax, relax_many
    from equical.workflows.report import report
    from equical.workflows.screen import ScreenResult, screen
    from equical.workflows.search import SearchResult, search
    from equical.workflows.vib import VibResult, vib

_HOME = {
    "AdsorptionResult": "equical.workflows.adsorption",
    "AdsorptionSeriesResult": "equical.workflows.adsorption",
    "BenchResult": "equical.workflows.bench",
    "CalibrationResult": "equical.training.calibrate",
    "CheckResult": "equical.workflows.check",
    "ConductivityResult": "equical.workflows.conductivity",
    "ConversionResult": "equical.conversion",
    "DataCheck": "equical.training.result",
    "ElasticResult": "equical.workflows.elastic",
    "EosResult": "equical.workflows.eos",
    "EquiCalc": "equical.calculator",
    "EvaluationResult": "equical.training.result",
    "MDResult": "equical.workflows.md",
    "NebResult": "equical.workflows.neb",
    "PhononResult": "equical.workflows.phonon",
    "QhaResult": "equical.workflows.qha",
    "RelaxResult": "equical.workflows.relax",
    "ScreenResult": "equical.workflows.screen",
    "SearchResult": "equical.workflows.search",
    "TrainResult": "equical.training.result",
    "VibResult": "equical.workflows.vib",
    "adsorption_energies": "equical.workflows.adsorption",
    "adsorption_energy": "equical.workflows.adsorption",
    "bench": "equical.workflows.bench",
    "calibrate": "equical.training.calibrate",
    "check": "equical.workflows.check",
    "check_data": "equical.training.check",
    "choose_model": "equical.catalogue",
    "conductivity": "equical.workflows.conductivity",
    "convert": "equical.conversion",
    "elastic": "equical.workflows.elastic",
    "eos": "equical.workflows.eos",
    "evaluate": "equical.training.evaluation",
    "finetune": "equical.training.finetune",
    "load_checkpoint": "equical.checkpoint",
    "md": "equical.workflows.md",
    "neb": "equical.workflows.neb",
    "phonon": "equical.workflows.phonon",
    "qha": "equical.workflows.qha",
    "read_structure": "equical.structures",
    "read_structures": "equical.structures",
    "relax": "equical.workflows.relax",
    "relax_many": "equical.workflows.relax",
    "report": "equical.workflows.report",
    "screen": "equical.workflows.screen",
    "search": "equical.workflows.search",
    "shipped_models": "equical.checkpoint",
    "train": "equical.training.run",
    "vib": "equical.workflows.vib",
}

__all__ = [
    "AdsorptionResult",
    "AdsorptionSeriesResult",
    "BenchResult",
    "CalibrationResult",
    "CheckResult",
    "ConductivityResult",
    "ConversionResult",
    "DataCheck",
    "ElasticResult",
    "EosResult",
    "EquiCalc",
    "EvaluationResult",
    "InputError",
    "MDResult",
    "NebResult",
    "PhononResult",
    "QhaResult",
    "RelaxResult",
    "ScreenResult",
    "SearchResult",
    "TrainResult",
    "VibResult",
    "__version__",
    "adsorption_energies",
    "adsorption_energy",
    "bench",
    "calibrate",
    "check",
    "check_data",
    "choose_model",
    "conductivity",
    "convert",
    "elastic",
    "eos",
    "evaluate",
    "finetune",
    "load_checkpoint",
    "md",
    "neb",
    "phonon",
    "qha",
    "read_structure",
    "read_structures",
    "relax",
    "relax_many",
    "report",
    "screen",
    "search",
    "shipped_models",
    "train",
    "vib",
]


def __getattr__(name: str) -> object:
    """Import a public name from its home module when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'equical' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
