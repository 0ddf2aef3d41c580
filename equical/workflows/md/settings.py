"""What a molecular-dynamics run is asked to do, checked before the first force is computed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.constraints import FixAtoms
from ase.data import chemical_symbols

from equical.errors import InputError
from equical.workflows.common.inputs import check_structure
from equical.workflows.common.vacuum import VACUUM, widest_gap

__all__ = ["BAROSTATS", "ENSEMBLES", "MDSettings", "check_run"]

ENSEMBLES = {
    "nve": "constant energy, velocity Verlet",
    "langevin": "constant temperature, Langevin (BAOAB): local noise and friction, the fastest to equilibrate",
    "bussi": "constant temperature, stochastic velocity rescaling: canonical, hardly disturbs the dynamics",
    "nose-hoover": "constant temperature, Nosé-Hoover chain: canonical and deterministic",
    "npt": "constant temperature and pressure, Martyna-Tobias-Klein, all six cell parameters move",
    "npt-iso": "constant temperature and pressure, Martyna-Tobias-Klein, the cell keeps its shape",
    "berendsen": "weak coupling to temperature and pressure: to equilibrate only, its fluctuations are wrong",
}
BAROSTATS = frozenset({"npt", "npt-iso", "berendsen"})

MIN_THERMOSTAT_STEPS = 10  # a thermostat faster than this many time steps is not integrated well
MIN_BAROSTAT_STEPS = 100  # the cell of a metal at 300 K oscillates five times in one barostat time
MAX_HYDROGEN_TIMESTEP = 5.0  # fs; an X-H stretch takes 9 to 11 fs, Verlet diverges at period/π
CAREFUL_HYDROGEN_TIMESTEP = 1.5  # fs
CAREFUL_TIMESTEP = 5.0  # fs


@dataclass(frozen=True)
class MDSettings:
    """How to run molecular dynamics.

    Attributes:
        ensemble: One of :data:`ENSEMBLES`.
        temperature: K; a pair (start, end) is a linear ramp over all ``steps``. In ``nve`` the temperature of the
            initial velocities.
        pressure: External pressure, GPa, of ``npt``, ``npt-iso`` and ``berendsen`` (0 if not given).
        timestep: fs.
        steps: Total number of time steps, those before a restart included.
        seed: Seed of the initial velocities and of the stochastic thermostats.
        interval: Steps between two frames of the trajectory and of the thermo table. Not given: as many as fit into
            10 fs, or into 4 fs where an element up to fluorine moves, so that the vibrational spectrum is complete.
        thermostat_time: Relaxation time of the thermostat, fs (1/friction of Langevin).
        barostat_time: Relaxation time of the barostat, fs. The cell oscillates faster than that, the stiffer and colder
            the crystal, the more: that of copper at 300 K in a fifth of this time.
        compressibility: 1/GPa, sets the speed of the ``berendsen`` barostat alone, never its result.
        equilibration: Fraction of the run, from its start, left out of averages, RDF, MSD and spectra.
        keep_velocities: Start from the velocities of the structure (less their drift) instead of drawing new ones.

    Raises:
        InputError: A value makes no sense; the message names it.
    """

    ensemble: str = "bussi"
    temperature: float | tuple[float, float] = 300.0
    pressure: float | None = None
    timestep: float = 1.0
    steps: int = 10_000
    seed: int = 0
    interval: int | None = None
    thermostat_time: float = 100.0
    barostat_time: float = 1000.0
    compressibility: float = 0.01
    equilibration: float = 0.2
    keep_velocities: bool = False

    def __post_init__(self) -> None:
        if self.ensemble not in ENSEMBLES:
            raise InputError(f"unknown ensemble {self.ensemble!r}: choose one of {', '.join(ENSEMBLES)}")
        if isinstance(self.temperature, Sequence):
            object.__setattr__(self, "temperature", _ramp(self.temperature))
        self._check_temperature()
        self._check_times()
        if self.pressure is None and self.ensemble in BAROSTATS:
            object.__setattr__(self, "pressure", 0.0)
        if self.pressure is not None:
            if self.ensemble not in BAROSTATS:
                raise InputError(f"{self.ensemble} keeps the cell fixed: leave out the pressure, or choose npt")
            if not np.isfinite(self.pressure):
                raise InputError(f"pressure must be a finite number of GPa, not {self.pressure}")
        if not 0 <= self.equilibration < 1:
            raise InputError(f"equilibration is a fraction of the run, from 0 to below 1, not {self.equilibration}")
        if not self.compressibility > 0:
            raise InputError(f"compressibility must be positive (1/GPa), not {self.compressibility}")

    def _check_temperature(self) -> None:
        for kelvin in (self.start_temperature, self.end_temperature):
            if not (np.isfinite(kelvin) and kelvin >= 0):
                raise InputError(f"temperature must be a number of kelvin, 0 or more, not {kelvin:g}")
            if kelvin == 0 and self.ensemble != "nve":
                raise InputError(f"{self.ensemble} needs a temperature above 0 K; use `relax` to cool to the minimum")
        if self.is_ramp and self.ensemble == "nve":
            raise InputError("nve has no thermostat to ramp the temperature with: choose langevin or bussi")

    def _check_times(self) -> None:
        if not (np.isfinite(self.timestep) and self.timestep > 0):
            raise InputError(f"timestep must be a positive number of fs, not {self.timestep:g}")
        if self.steps < 1:
            raise InputError(f"steps must be 1 or more, not {self.steps}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or a positive integer, not {self.seed}")
        if self.interval is not None and self.interval < 1:
            raise InputError(f"interval must be 1 step or more, not {self.interval}")
        if self.ensemble != "nve":
            self._check_relaxation("thermostat_time", MIN_THERMOSTAT_STEPS)
        if self.moves_cell:
            self._check_relaxation("barostat_time", MIN_BAROSTAT_STEPS)

    def _check_relaxation(self, name: str, fewest_steps: int) -> None:
        value, least = getattr(self, name), fewest_steps * self.timestep
        if not value >= least:
            raise InputError(
                f"{name} of {value:g} fs is too fast for a time step of {self.timestep:g} fs: use {least:g} fs or more"
            )

    @property
    def start_temperature(self) -> float:
        """K at step 0."""
        return self.temperature[0] if isinstance(self.temperature, tuple) else float(self.temperature)

    @property
    def end_temperature(self) -> float:
        """K at the last step."""
        return self.temperature[1] if isinstance(self.temperature, tuple) else float(self.temperature)

    @property
    def mean_temperature(self) -> float:
        """K, the middle of a ramp."""
        return (self.start_temperature + self.end_temperature) / 2

    @property
    def is_ramp(self) -> bool:
        """Whether the target temperature changes during the run."""
        return self.start_temperature != self.end_temperature

    @property
    def moves_cell(self) -> bool:
        """Whether a barostat acts."""
        return self.ensemble in BAROSTATS

    def temperature_at(self, step: int) -> float:
        """Target temperature (K) of a step, from 0 to ``steps``.

        >>> MDSettings(temperature=(300.0, 900.0), steps=100).temperature_at(25)
        450.0
        """
        if not self.is_ramp:
            return self.start_temperature
        return self.start_temperature + (self.end_temperature - self.start_temperature) * step / self.steps

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a ramp is a list."""
        values = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in asdict(self).items()
        }
        if isinstance(self.temperature, tuple):
            values["temperature"] = list(self.temperature)
        return values


def _ramp(temperature: Sequence[float]) -> tuple[float, float]:
    if len(temperature) != 2:
        raise InputError(f"a temperature ramp has a start and an end, not {len(temperature)} values")
    return float(temperature[0]), float(temperature[1])


def check_run(atoms: Atoms, calculator: Calculator, settings: MDSettings) -> list[str]:
    """Refuse a structure that cannot be run this way; return warnings for what can but looks unwise.

    Raises:
        InputError: A broken structure, a constraint other than ``FixAtoms``, hydrogen with a time step above 5 fs,
            velocities to be kept that are not there, or a barostat on a slab, a molecule, frozen atoms, or without
            stress.
    """
    check_structure(atoms)
    for constraint in atoms.constraints:
        if not isinstance(constraint, FixAtoms):
            raise InputError(f"md keeps FixAtoms constraints only: remove {type(constraint).__name__} first")
    if settings.keep_velocities and not atoms.get_momenta().any():
        raise InputError("the structure carries no velocities to keep: let them be drawn instead")
    if settings.moves_cell:
        _check_barostat(atoms, calculator, settings.ensemble)
    return _check_timestep(atoms, settings.timestep)


def _check_barostat(atoms: Atoms, calculator: Calculator, ensemble: str) -> None:
    advice = "choose nve, langevin, bussi or nose-hoover"
    if not atoms.pbc.all():
        raise InputError(f"{ensemble} needs a structure periodic in all three directions: {advice}")
    if atoms.constraints:
        raise InputError(f"{ensemble} moves the cell and every atom with it, frozen ones too: free them, or {advice}")
    if "stress" not in calculator.implemented_properties:
        raise InputError(f"{ensemble} needs stress, which {type(calculator).__name__} does not compute: {advice}")
    axis, gap = widest_gap(atoms)
    if gap > VACUUM:
        raise InputError(
            f"{ensemble} would close the {gap:.1f} Å of vacuum along {axis}: for a slab or a molecule {advice}"
        )


def _check_timestep(atoms: Atoms, timestep: float) -> list[str]:
    frozen = {i for constraint in atoms.constraints for i in constraint.index}
    moving = {int(z) for i, z in enumerate(atoms.numbers) if i not in frozen}
    if 1 in moving and timestep > MAX_HYDROGEN_TIMESTEP:
        raise InputError(
            f"a time step of {timestep:g} fs cannot follow hydrogen, which vibrates in 9 fs: use 0.5 to 1 fs"
        )
    if 1 in moving and timestep > CAREFUL_HYDROGEN_TIMESTEP:
        return [f"a time step of {timestep:g} fs is long for hydrogen; 0.5 to 1 fs conserves energy"]
    if moving and timestep > CAREFUL_TIMESTEP:
        lightest = chemical_symbols[min(moving)]
        return [f"a time step of {timestep:g} fs is long for {lightest}; 1 to 4 fs conserves energy"]
    return []
