"""The seven ensembles: ASE's integrators, with the right number of degrees of freedom and a state one can save.

ASE integrates; three things are added. Its Nosé-Hoover chains count 3N degrees of freedom, which heats small cells
whose momentum is conserved (see :mod:`.velocities`), and its fully flexible barostat counts nine cell momenta although
the cell momentum is symmetric and has six (Martyna, Tobias, Klein, J. Chem. Phys. 101, 4177 (1994), Eq. 2.9), which
heats the cell 1.5 times: both are set right here. A :class:`Propagator` names the internal variables that a resumed run
must bring back, several of them private to ASE; a test continues every ensemble bit for bit and notices if they change.
And Langevin keeps count of the heat it exchanges, so that its energy drift can be told from its heat bath.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.md.bussi import Bussi
from ase.md.langevinbaoab import LangevinBAOAB
from ase.md.nose_hoover_chain import (
    MTKNPT,
    IsotropicMTKBarostat,
    IsotropicMTKNPT,
    MTKBarostat,
    NoseHooverChainNVT,
    NoseHooverChainThermostat,
)
from ase.md.nptberendsen import NPTBerendsen
from ase.md.verlet import VelocityVerlet
from numpy.typing import NDArray

from equical.workflows.md.settings import MDSettings
from equical.workflows.md.velocities import frozen_mask

__all__ = ["Propagator", "build_propagator"]

_FLEXIBLE_CELL_DOF = 6
_CHAIN = ("_thermostat._eta", "_thermostat._p_eta")
_BAROSTAT_CHAIN = ("_barostat._xi", "_barostat._p_xi")


@dataclass(frozen=True)
class Propagator:
    """An integrator and what ASE does not offer of it.

    Attributes:
        dynamics: The ASE integrator.
        variables: Names of its internal variables beyond positions, momenta and cell.
        set_temperature: Changes the target (K) of the thermostat.
        reservoir_energy: Energy (eV) that thermostat and barostat hold; added to the total energy of the atoms it is
            conserved. None where no conserved quantity is known.
        refresh: Computes forces again that the integrator keeps from one step to the next.
    """

    dynamics: Any
    variables: tuple[str, ...] = ()
    set_temperature: Callable[[float], None] = lambda kelvin: None
    reservoir_energy: Callable[[], float] | None = None
    refresh: Callable[[], None] = lambda: None

    def step(self) -> None:
        """Advance the atoms by one time step."""
        self.dynamics.step()

    def state(self) -> dict[str, NDArray[np.float64]]:
        """The internal variables as arrays (numbers as arrays without dimension)."""
        return {name: np.array(attrgetter(name)(self.dynamics), dtype=np.float64) for name in self.variables}

    def restore(self, state: Mapping[str, NDArray[np.float64]]) -> None:
        """Bring back the internal variables of :meth:`state`."""
        for name in self.variables:
            *path, leaf = name.split(".")
            owner = attrgetter(".".join(path))(self.dynamics) if path else self.dynamics
            value = state[name]
            setattr(owner, leaf, value.copy() if value.ndim else float(value))


def build_propagator(atoms: Atoms, settings: MDSettings, dof: int, rng: np.random.Generator) -> Propagator:
    """Set up the integrator for atoms that have a calculator and velocities.

    Args:
        atoms: Moved in place by the propagator.
        settings: Ensemble, temperature, pressure, times.
        dof: Thermal degrees of freedom, from :func:`.velocities.degrees_of_freedom`.
        rng: Source of the noise of ``langevin`` and ``bussi``.
    """
    timestep = settings.timestep * units.fs
    match settings.ensemble:
        case "langevin":
            return _langevin(atoms, settings, timestep, rng)
        case "bussi":
            return _bussi(atoms, settings, timestep, dof, rng)
        case "nose-hoover":
            return _nose_hoover(atoms, settings, timestep, dof)
        case "npt" | "npt-iso":
            return _martyna_tobias_klein(atoms, settings, timestep, dof)
        case "berendsen":
            return _berendsen(atoms, settings, timestep, dof)
    return Propagator(VelocityVerlet(atoms, timestep), reservoir_energy=lambda: 0.0)


class _Langevin(LangevinBAOAB):
    """BAOAB that adds up the heat (eV) taken from the bath and, on request, keeps the centre of mass at rest."""

    def __init__(self, atoms: Atoms, timestep: float, *, rest: bool, **arguments: Any) -> None:
        self.heat = 0.0
        self._rest = rest
        super().__init__(atoms, timestep, hydrostatic=True, **arguments)

    def _BAOAB_OU(self, drag_gamma_mod: float = 0.0) -> None:
        before = self.atoms.get_kinetic_energy()
        super()._BAOAB_OU(drag_gamma_mod)
        if self._rest:
            # Projecting after the noise samples the canonical distribution of the remaining 3N - 3 momenta exactly.
            velocities = self.atoms.get_velocities()
            masses = self.atoms.get_masses()
            self.atoms.set_velocities(velocities - masses @ velocities / masses.sum())
        self.heat += self.atoms.get_kinetic_energy() - before


def _langevin(atoms: Atoms, settings: MDSettings, timestep: float, rng: np.random.Generator) -> Propagator:
    dynamics = _Langevin(
        atoms,
        timestep,
        rest=not frozen_mask(atoms).any(),
        temperature_K=settings.start_temperature,
        T_tau=settings.thermostat_time * units.fs,
        rng=rng,
    )
    return Propagator(
        dynamics,
        variables=("heat",),
        set_temperature=dynamics.set_temperature,
        reservoir_energy=lambda: -dynamics.heat,
        refresh=dynamics._update_accel,
    )


def _bussi(atoms: Atoms, settings: MDSettings, timestep: float, dof: int, rng: np.random.Generator) -> Propagator:
    dynamics = Bussi(
        atoms, timestep, temperature_K=settings.start_temperature, taut=settings.thermostat_time * units.fs, rng=rng
    )
    dynamics.ndof = dof

    def set_temperature(kelvin: float) -> None:
        dynamics.temp = units.kB * kelvin
        dynamics.target_kinetic_energy = dynamics.temp * dof / 2

    set_temperature(settings.start_temperature)
    return Propagator(
        dynamics,
        variables=("transferred_energy",),
        set_temperature=set_temperature,
        reservoir_energy=lambda: -dynamics.transferred_energy,
    )


def _chain(dynamics: Any, settings: MDSettings, dof: int) -> NoseHooverChainThermostat:
    # The chain's masses stay those of the middle of a ramp, so that only kT changes under way.
    return NoseHooverChainThermostat(
        num_atoms_global=dof / 3,
        masses=dynamics.masses,
        temperature_K=settings.mean_temperature,
        tdamp=settings.thermostat_time * units.fs,
    )


class _NoseHoover(NoseHooverChainNVT):
    """The chain with frozen atoms at rest: ASE would let forces pile up momentum on them and count it as heat."""

    def _get_forces(self) -> NDArray[np.float64]:
        self._update_atoms()
        return np.asarray(self.atoms.get_forces())


def _nose_hoover(atoms: Atoms, settings: MDSettings, timestep: float, dof: int) -> Propagator:
    tdamp = settings.thermostat_time * units.fs
    dynamics = _NoseHoover(atoms, timestep, temperature_K=settings.mean_temperature, tdamp=tdamp)
    dynamics._thermostat = thermostat = _chain(dynamics, settings, dof)

    def set_temperature(kelvin: float) -> None:
        thermostat._kT = units.kB * kelvin

    set_temperature(settings.start_temperature)
    return Propagator(
        dynamics,
        variables=_CHAIN,
        set_temperature=set_temperature,
        # With a moving kT the chain has no conserved energy.
        reservoir_energy=None if settings.is_ramp else thermostat.get_thermostat_energy,
    )


def _martyna_tobias_klein(atoms: Atoms, settings: MDSettings, timestep: float, dof: int) -> Propagator:
    isotropic = settings.ensemble == "npt-iso"
    assert settings.pressure is not None
    pressure = settings.pressure * units.GPa
    dynamics = (IsotropicMTKNPT if isotropic else MTKNPT)(
        atoms,
        timestep,
        temperature_K=settings.mean_temperature,
        pressure_au=pressure,
        tdamp=settings.thermostat_time * units.fs,
        pdamp=settings.barostat_time * units.fs,
    )
    dynamics._num_atoms_global = dof / 3
    dynamics._thermostat = thermostat = _chain(dynamics, settings, dof)
    dynamics._barostat = barostat = (IsotropicMTKBarostat if isotropic else MTKBarostat)(
        num_atoms_global=dof / 3,
        temperature_K=settings.mean_temperature,
        pdamp=settings.barostat_time * units.fs,
    )
    if not isotropic:
        barostat._cell_dof = _FLEXIBLE_CELL_DOF
    # The mass that couples the chain to all cell momenta at once; ASE takes nine of them for one and for six.
    barostat._R[0] = (1 if isotropic else _FLEXIBLE_CELL_DOF) * barostat._R[1]

    def set_temperature(kelvin: float) -> None:
        thermostat._kT = barostat._kT = units.kB * kelvin

    def reservoir_energy() -> float:
        cell_momentum = dynamics._p_eps if isotropic else dynamics._p_g
        return float(
            thermostat.get_thermostat_energy()
            + barostat.get_barostat_energy()
            + np.sum(cell_momentum**2) / (2 * barostat.W)
            + pressure * atoms.get_volume()
        )

    set_temperature(settings.start_temperature)
    cell = ("_eps", "_p_eps", "_cell0", "_volume0") if isotropic else ("_p_g",)
    return Propagator(
        dynamics,
        variables=cell + _CHAIN + _BAROSTAT_CHAIN,
        set_temperature=set_temperature,
        reservoir_energy=None if settings.is_ramp else reservoir_energy,
    )


def _berendsen(atoms: Atoms, settings: MDSettings, timestep: float, dof: int) -> Propagator:
    assert settings.pressure is not None
    # ASE compares with a temperature over 3N degrees of freedom.
    share = dof / (3 * len(atoms))
    dynamics = NPTBerendsen(
        atoms,
        timestep,
        temperature_K=share * settings.start_temperature,
        pressure_au=settings.pressure * units.GPa,
        taut=settings.thermostat_time * units.fs,
        taup=settings.barostat_time * units.fs,
        compressibility_au=settings.compressibility / units.GPa,
        fixcm=False,
    )
    return Propagator(dynamics, set_temperature=lambda kelvin: dynamics.set_temperature(temperature_K=share * kelvin))
