"""What a run of molecular dynamics came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, ClassVar

from ase import Atoms

from equical.workflows.common.result import Result
from equical.workflows.md.analysis import RadialDistribution, Spectrum
from equical.workflows.md.diffusion import Diffusion
from equical.workflows.md.settings import MDSettings

__all__ = ["Average", "MDResult"]


@dataclass(frozen=True)
class Average:
    """Mean of a fluctuating quantity; its text is ``"297 ± 5"``, without the error where there is none.

    Attributes:
        mean: Over the run after equilibration.
        error: Standard error of the mean from ten blocks; NaN for fewer than twenty samples.
        deviation: Standard deviation of the fluctuations.
    """

    mean: float
    error: float
    deviation: float

    def __str__(self) -> str:
        return f"{self.mean:.6g}" + (f" ± {self.error:.2g}" if isfinite(self.error) else "")


@dataclass(frozen=True, kw_only=True)
class MDResult(Result):
    """Result of molecular dynamics. Averages, drift and functions leave out the equilibration.

    Attributes:
        atoms: Structure and velocities after the last good step, positions not wrapped into the cell.
        steps: Time steps done.
        time: ps.
        degrees_of_freedom: That share the kinetic energy.
        temperature: K.
        potential_energy: eV.
        pressure: GPa, with the kinetic part; None without a barostat.
        volume: Å³; None without a barostat.
        density: g/cm³ at the mean volume; NaN for a structure that is not periodic in three directions.
        energy_drift: meV/atom/ps, slope of the conserved energy: that of the atoms plus what they gave to thermostat
            and barostat. NaN where none is defined (Berendsen; a temperature ramp with Nosé-Hoover chains).
        radial_distribution: None without periodicity in three directions.
        diffusion: None for fewer than 16 frames.
        spectrum: None for fewer than 16 frames.
        resumed_from: Step at which this run was taken up again; None for a new one.
        outside_from: Step of the first frame that lies outside what the model knows, the warnings say why; None where
            there is none, or the model does not tell.
        settings: How it was done.
        converged: Whether all steps were done; where not, a warning says why.
        warnings, wall_time, output: See :class:`.Result`.
    """

    atoms: Atoms = field(repr=False)
    steps: int
    time: float
    degrees_of_freedom: int
    temperature: Average
    potential_energy: Average
    pressure: Average | None
    volume: Average | None
    density: float
    energy_drift: float
    radial_distribution: RadialDistribution | None = field(repr=False)
    diffusion: Diffusion | None = field(repr=False)
    spectrum: Spectrum | None = field(repr=False)
    resumed_from: int | None
    outside_from: int | None
    settings: MDSettings

    UNITS: ClassVar[Mapping[str, str]] = {
        "time": "ps",
        "temperature": "K",
        "potential_energy": "eV",
        "pressure": "GPa",
        "volume": "Å³",
        "density": "g/cm³",
        "energy_drift": "meV/atom/ps",
        "diffusion": "cm²/s",
        "diffusion_error": "cm²/s",
        "diffusion_from_vacf": "cm²/s",
        "diffusion_exponent": "1, of the mean square displacement against time",
        "timestep": "fs",
        "thermostat_time": "fs",
        "barostat_time": "fs",
        "compressibility": "1/GPa",
        "equilibrate": "steps, or below 1 the fraction of the run",
    }

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        numbers: dict[str, Any] = {
            "steps": self.steps,
            "time": self.time,
            "resumed_from": self.resumed_from,
            "outside_from": self.outside_from,
            "degrees_of_freedom": self.degrees_of_freedom,
            "temperature": self.temperature,
            "potential_energy": self.potential_energy,
            "pressure": self.pressure,
            "volume": self.volume,
            "density": self.density,
            "energy_drift": self.energy_drift,
        }
        if self.diffusion is not None:
            numbers |= {
                "diffusion": self.diffusion.coefficient,
                "diffusion_error": self.diffusion.error,
                "diffusion_from_vacf": self.diffusion.from_velocities,
                "diffusion_exponent": self.diffusion.exponent,
                "diffusion_reason": self.diffusion.reason,
            }
        return numbers | {"settings": self.settings.to_json()}
