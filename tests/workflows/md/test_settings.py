"""What cannot be simulated is refused before the first step, in a sentence that says what to do."""

from typing import get_args

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.constraints import FixAtoms, FixBondLength

from equical.errors import InputError
from equical.workflows.common.notes import WorkflowWarning
from equical.workflows.md.checks import check_run
from equical.workflows.md.settings import BAROSTATS, ENSEMBLES, Ensemble, MDSettings
from equical.workflows.md.simulate import frame_interval


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ensemble": "nvt"}, "unknown ensemble 'nvt': choose one of nve, langevin, bussi, nose-hoover, npt"),
        ({"temperature": -300}, "temperature must be a number of kelvin, 0 or more, not -300"),
        ({"temperature": (300, -1)}, "0 or more, not -1"),
        ({"temperature": float("nan")}, "not nan"),
        ({"temperature": (1, 2, 3)}, "a start and an end, not 3 values"),
        ({"temperature": 0}, "bussi needs a temperature above 0 K"),
        ({"temperature": (300, 900), "ensemble": "nve"}, "no thermostat to ramp"),
        ({"timestep": 0}, "timestep must be a number of fs, 0.0001 or more, not 0"),
        ({"timestep": float("inf")}, "timestep must be a number of fs, 0.0001 or more, not inf"),
        ({"steps": 0}, "steps must be a whole number, 1 or more, not 0"),
        ({"seed": -1}, "seed must be a whole number, 0 or more, not -1"),
        ({"interval": 0}, "interval must be a whole number, 1 or more, not 0"),
        ({"pressure": 1.0}, "bussi keeps the cell fixed: leave out the pressure"),
        ({"pressure": float("nan"), "ensemble": "npt"}, "pressure must be a finite number of GPa"),
        ({"thermostat_time": 5.0}, "thermostat_time of 5 fs is too fast for a time step of 1 fs: use 10 fs or more"),
        (
            {"ensemble": "npt", "barostat_time": 5.0},
            "barostat_time of 5 fs is too fast .* use 100 fs or more",
        ),
        ({"steps": 10.5}, "steps must be a whole number, 1 or more, not 10.5"),
        ({"equilibrate": -0.1}, "equilibrate must be a number of steps, or a fraction of the run below 1, not -0.1"),
        ({"equilibrate": 1.5}, "a fraction of the run below 1, not 1.5"),
        ({"equilibrate": float("nan")}, "not nan"),
        ({"equilibrate": 200, "steps": 200}, "200 steps to equilibrate leave none of 200 to average over"),
        ({"compressibility": 0.0}, "compressibility must be a positive number"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        MDSettings(**settings)


def test_ramp_goes_from_start_to_end():
    settings = MDSettings(temperature=[300, 900], steps=200)
    assert [settings.temperature_at(step) for step in (0, 50, 200)] == [300, 450, 900]
    assert (settings.mean_temperature, settings.is_ramp) == (600, True)
    assert not MDSettings(temperature=(300, 300)).is_ramp


def test_a_ramp_is_spread_over_its_steps_which_must_stay_the_same():
    assert "steps" in MDSettings(temperature=(300, 900)).identity()
    assert not {"steps", "equilibrate"} & MDSettings().identity().keys()


def test_what_belongs_to_the_equilibration():
    assert [MDSettings(equilibrate=value).equilibration_steps(50) for value in (0, 0.5, 0.01, 1, 20)] == [
        0,
        25,
        1,
        1,
        20,
    ]


def test_ensembles_are_those_of_the_type():
    assert tuple(ENSEMBLES) == get_args(Ensemble)


def test_pressure_is_zero_where_there_is_a_barostat():
    assert {name for name in ENSEMBLES if MDSettings(ensemble=name).pressure == 0} == BAROSTATS


class NoStress(Calculator):
    implemented_properties = ("energy", "forces")


def layer_in_periodic_box():
    return fcc111("Cu", (2, 2, 3), vacuum=6.0, periodic=True)


def frozen():
    atoms = bulk("Cu", cubic=True)
    atoms.set_constraint(FixAtoms([0]))
    return atoms


@pytest.mark.parametrize("ensemble", sorted(BAROSTATS))
@pytest.mark.parametrize(
    ("structure", "calculator", "message"),
    [
        (lambda: fcc111("Cu", (2, 2, 3), vacuum=6.0), EMT, "periodic in all three directions: choose nve, langevin"),
        (layer_in_periodic_box, EMT, r"would close the 12.0 Å of vacuum along c: for a slab"),
        (lambda: molecule("H2O"), LennardJones, "periodic in all three directions"),
        (frozen, EMT, "frozen ones too: free them"),
        (lambda: bulk("Cu"), NoStress, "needs stress, which NoStress does not compute"),
    ],
)
def test_barostat_on_what_is_not_bulk_is_refused(ensemble, structure, calculator, message):
    with pytest.raises(InputError, match=message):
        check_run(structure(), calculator(), MDSettings(ensemble=ensemble, timestep=0.5))


@pytest.mark.parametrize("structure", [bulk("Cu"), bulk("C", "diamond", a=3.57, cubic=True), bulk("Mg") * (1, 1, 2)])
def test_bulk_is_no_slab(structure):
    check_run(structure, EMT(), MDSettings(ensemble="npt"))


def test_hydrogen_limits_the_time_step():
    water = molecule("H2O")
    with pytest.raises(InputError, match="5.5 fs cannot follow hydrogen, which vibrates in 9 fs: use 0.5 to 1 fs"):
        check_run(water, EMT(), MDSettings(timestep=5.5))
    with pytest.warns(WorkflowWarning, match="2 fs is long for hydrogen"):
        check_run(water, EMT(), MDSettings(timestep=2.0))
    check_run(water, EMT(), MDSettings(timestep=1.0))
    water.set_constraint(FixAtoms([1, 2]))
    check_run(water, EMT(), MDSettings(timestep=5.0))


def test_long_time_step_is_warned_of():
    with pytest.warns(WorkflowWarning, match="8 fs is long for Cu"):
        check_run(bulk("Cu"), EMT(), MDSettings(timestep=8.0))


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (Atoms(), "no atoms"),
        (Atoms("Cu", [[np.nan, 0, 0]]), "not a finite number"),
        (Atoms("CuO", [[0, 0, 0], [0, 0, 1.8]], constraint=FixBondLength(0, 1)), "remove FixBondLengths first"),
    ],
)
def test_broken_structures_are_refused(structure, message):
    with pytest.raises(InputError, match=message):
        check_run(structure, EMT(), MDSettings())


@pytest.mark.parametrize(
    ("velocity", "message"), [(np.nan, "velocities that are no numbers"), (0.1, "nothing but a drift of the whole")]
)
def test_velocities_that_leave_nothing_cannot_be_kept(velocity, message):
    atoms = bulk("Cu", cubic=True)
    atoms.set_velocities(np.full((4, 3), velocity))
    with pytest.raises(InputError, match=message):
        check_run(atoms, EMT(), MDSettings(keep_velocities=True))


def test_velocities_that_are_not_there_cannot_be_kept():
    with pytest.raises(InputError, match="carries no velocities to keep"):
        check_run(bulk("Cu"), EMT(), MDSettings(keep_velocities=True))


def test_frames_follow_the_fastest_vibration():
    assert frame_interval(bulk("Cu"), MDSettings(timestep=2.0)) == 5
    assert frame_interval(molecule("H2O"), MDSettings(timestep=0.5)) == 8
    assert frame_interval(bulk("Cu"), MDSettings(ensemble="nve", timestep=20.0)) == 1
    assert frame_interval(bulk("Cu"), MDSettings(interval=33)) == 33
    slab = fcc111("Cu", (1, 1, 2), vacuum=5)
    slab.numbers[0] = 6
    slab.set_constraint(FixAtoms([0]))
    assert frame_interval(slab, MDSettings(timestep=2.0)) == 5
