"""Do atoms keep their energy while they move?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import units
from ase.md.verlet import VelocityVerlet

from equical.testing.finding import Finding
from equical.testing.subject import Subject

__all__ = ["energy_drift"]

TEMPERATURE = 300.0
"""K, after half of the kinetic energy has become potential energy."""


def energy_drift(subject: Subject) -> Iterator[Finding]:
    """Slope of the total energy at constant energy and volume."""
    name, start = next(iter(subject.structures.items()))
    atoms = start * np.where(start.pbc, 2, 1) if len(start) < 8 and not subject.quick else start.copy()
    lightest = float(atoms.get_masses().min())
    timestep = 0.25 if lightest < 3 else 0.5 if lightest < 20 else 1.0
    steps = subject.several(400, 60)
    rng = np.random.default_rng(5)
    spread = np.sqrt(2 * units.kB * TEMPERATURE * atoms.get_masses()[:, None])
    momenta = rng.normal(size=(len(atoms), 3)) * spread
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    atoms.calc = subject.calculator
    dynamics = VelocityVerlet(atoms, timestep=timestep * units.fs)
    energies = []
    dynamics.attach(lambda: energies.append(atoms.get_total_energy() / len(atoms)))
    dynamics.run(steps)
    picoseconds = timestep * 1e-3 * np.arange(len(energies))
    drift = 1000 * abs(float(np.polyfit(picoseconds, energies, 1)[0]))
    curve = {"time": picoseconds, "energy": 1000 * (np.array(energies) - energies[0])}
    detail = f"slope of the total energy over {picoseconds[-1]:.2f} ps with steps of {timestep:g} fs"
    if not subject.conservative:
        detail += "; forces of a head do work on the atoms, so there is no limit"
    limit = subject.several(2, 20) if subject.conservative else None
    yield Finding("energy drift", drift, limit, "meV/atom/ps", name, detail, curve)
