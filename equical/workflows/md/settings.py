"""What a molecular-dynamics run is asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from equical.errors import InputError
from equical.workflows.common.settings import Settings, require_positive

__all__ = ["BAROSTATS", "ENSEMBLES", "Ensemble", "MDSettings"]

Ensemble = Literal["nve", "langevin", "bussi", "nose-hoover", "npt", "npt-iso", "berendsen"]

ENSEMBLES: dict[Ensemble, str] = {
    "nve": "constant energy, velocity Verlet",
    "langevin": "constant temperature, Langevin (BAOAB): local noise and friction, the fastest to equilibrate",
    "bussi": "constant temperature, stochastic velocity rescaling: canonical, hardly disturbs the dynamics",
    "nose-hoover": "constant temperature, Nosé-Hoover chain: canonical and deterministic",
    "npt": "constant temperature and pressure, Martyna-Tobias-Klein, all six cell parameters move",
    "npt-iso": "constant temperature and pressure, Martyna-Tobias-Klein, the cell keeps its shape",
    "berendsen": "weak coupling to temperature and pressure: to equilibrate only, its fluctuations are wrong",
}
BAROSTATS: frozenset[Ensemble] = frozenset({"npt", "npt-iso", "berendsen"})

MIN_THERMOSTAT_STEPS = 10
"""A thermostat faster than this many time steps is not integrated well."""

MIN_BAROSTAT_STEPS = 100
"""The cell of a metal at 300 K oscillates five times in one barostat time."""

SHORTEST_TIMESTEP = 1e-4
"""fs. In shorter ones nothing moves but by rounding."""


@dataclass(frozen=True)
class MDSettings(Settings):
    """How to run molecular dynamics.

    Attributes:
        ensemble: One of :data:`ENSEMBLES`.
        temperature: K; a pair (start, end) is a linear ramp over all ``steps``. In ``nve`` the temperature of the
            initial velocities.
        pressure: External pressure, GPa, of ``npt``, ``npt-iso`` and ``berendsen`` (0 if not given).
        timestep: fs.
        steps: Total number of time steps, those before a resumed run included.
        seed: Seed of the initial velocities and of the stochastic thermostats.
        interval: Steps between two frames of the trajectory and of the thermo table. Not given: as many as fit into
            10 fs, or into 4 fs where an element up to fluorine moves, so that the vibrational spectrum is complete.
        thermostat_time: Relaxation time of the thermostat, fs (1/friction of Langevin).
        barostat_time: Relaxation time of the barostat, fs. The cell oscillates faster than that, the stiffer and colder
            the crystal, the more: that of copper at 300 K in a fifth of this time.
        compressibility: 1/GPa, sets the speed of the ``berendsen`` barostat alone, never its result.
        equilibrate: Steps at the start that no average, RDF, MSD or spectrum contains; below 1, a fraction of the run.
        keep_velocities: Start from the velocities of the structure (less their drift) instead of drawing new ones.
        stop_outside: End the run at the first frame that lies outside what the model knows.

    Raises:
        InputError: A value makes no sense; the message names it.
    """

    ADJUSTABLE: ClassVar[frozenset[str]] = frozenset({"steps", "equilibrate", "stop_outside"})

    ensemble: Ensemble = "bussi"
    temperature: float | tuple[float, float] = 300.0
    pressure: float | None = None
    timestep: float = 1.0
    steps: int = 10_000
    seed: int = 0
    interval: int | None = None
    thermostat_time: float = 100.0
    barostat_time: float = 1000.0
    compressibility: float = 0.01
    equilibrate: float = 0.2
    keep_velocities: bool = False
    stop_outside: bool = False

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
        require_positive(self, "compressibility")
        self._check_equilibrate()

    def _check_temperature(self) -> None:
        for kelvin in (self.start_temperature, self.end_temperature):
            if not (np.isfinite(kelvin) and kelvin >= 0):
                raise InputError(f"temperature must be a number of kelvin, 0 or more, not {kelvin:g}")
            if kelvin == 0 and self.ensemble != "nve":
                raise InputError(f"{self.ensemble} needs a temperature above 0 K; use `relax` to cool to the minimum")
        if self.is_ramp and self.ensemble == "nve":
            raise InputError("nve has no thermostat to ramp the temperature with: choose langevin or bussi")

    def _check_times(self) -> None:
        if not SHORTEST_TIMESTEP <= self.timestep < np.inf:
            raise InputError(f"timestep must be a number of fs, {SHORTEST_TIMESTEP:g} or more, not {self.timestep:g}")
        self._check_whole("steps", 1)
        self._check_whole("seed", 0)
        if self.interval is not None:
            self._check_whole("interval", 1)
        if self.ensemble != "nve":
            self._check_relaxation("thermostat_time", MIN_THERMOSTAT_STEPS)
        if self.moves_cell:
            self._check_relaxation("barostat_time", MIN_BAROSTAT_STEPS)

    def _check_whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"{name} must be a whole number, {least} or more, not {value!r}")

    def _check_equilibrate(self) -> None:
        value = self.equilibrate
        if not 0 <= value < np.inf or (value > 1 and value != int(value)):
            raise InputError(f"equilibrate must be a number of steps, or a fraction of the run below 1, not {value:g}")
        if value >= self.steps:
            raise InputError(
                f"{value:g} steps to equilibrate leave none of {self.steps} to average over: ask for more steps"
            )

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

    def equilibration_steps(self, steps: int) -> int:
        """How many of ``steps`` done belong to the equilibration.

        >>> MDSettings(equilibrate=0.2).equilibration_steps(50), MDSettings(equilibrate=20).equilibration_steps(50)
        (10, 20)
        """
        return int(np.ceil(self.equilibrate * steps)) if self.equilibrate < 1 else int(self.equilibrate)

    def identity(self) -> dict[str, Any]:
        """See :meth:`.Settings.identity`; a ramp is spread over all steps, so that they must stay the same too."""
        return super().identity() | ({"steps": self.steps} if self.is_ramp else {})


def _ramp(temperature: Sequence[float]) -> tuple[float, float]:
    if len(temperature) != 2:
        raise InputError(f"a temperature ramp has a start and an end, not {len(temperature)} values")
    return float(temperature[0]), float(temperature[1])
