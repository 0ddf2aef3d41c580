"""Converted checkpoints predict what the published code predicts, to the last digit and in physical units."""

from pathlib import Path

import numpy as np
import pytest
import torch

from equical import EquiCalc, convert, load_checkpoint
from equical.model import ForceEncoding
from tests.published import NAMES, expected, physical, structures, write_checkpoint

RELATIVE_ENERGY, ABSOLUTE = 1e-12, 1e-12
"""float64: an error in the port would be far larger."""

SINGLE = 5e-5
"""float32 against float64, eV, eV/Å, eV/Å³."""


@pytest.fixture(scope="session", params=NAMES)
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    convert(write_checkpoint(folder / "checkpoint.pt", request.param), folder / "model")
    return request.param, folder / "model"


def test_calculator_predicts_as_published(converted):
    name, folder = converted
    calculator = EquiCalc(folder, device="cpu", dtype="float64")
    for atoms in structures(name):
        wanted = physical(name, atoms)
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(wanted["energy"], rel=RELATIVE_ENERGY)
        np.testing.assert_allclose(atoms.get_forces(), wanted["forces"], rtol=0, atol=ABSOLUTE)
        if "stress" in wanted:
            np.testing.assert_allclose(atoms.get_stress(), wanted["stress"], rtol=0, atol=ABSOLUTE)


def test_single_precision_is_close(converted):
    name, folder = converted
    calculator = EquiCalc(folder, device="cpu", dtype="float32")
    for atoms in structures(name):
        wanted = physical(name, atoms)
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(wanted["energy"], abs=SINGLE)
        np.testing.assert_allclose(atoms.get_forces(), wanted["forces"], rtol=0, atol=SINGLE)
        if "stress" in wanted:
            np.testing.assert_allclose(atoms.get_stress(), wanted["stress"], rtol=0, atol=SINGLE)


@pytest.mark.parametrize("converted", ["v3_dens"], indirect=True)
def test_corrupted_pass_of_dens(converted):
    """Raw outputs where forces are encoded: the noise head on masked atoms, the force head on the others."""
    name, folder = converted
    potential = load_checkpoint(folder, dtype=torch.float64).potential
    scales = potential.scales
    for atoms in structures(name):
        wanted = expected(name, atoms.info["name"])
        mask = torch.tensor(wanted["noise_mask"]).bool()
        encoding = ForceEncoding(torch.tensor(wanted["input_forces"]), mask)
        found = potential.predict(potential.graph(atoms), encoding=encoding)
        energy = wanted["corrupted__energy"].item() * scales.energy
        assert found.energy.item() == pytest.approx(energy, rel=RELATIVE_ENERGY)
        either = torch.where(mask[:, None], found.noise, found.forces / scales.forces)
        np.testing.assert_allclose(either, wanted["corrupted__forces_or_noise"], rtol=0, atol=ABSOLUTE)


@pytest.mark.parametrize("converted", ["v3_grad"], indirect=True)
def test_edges_along_the_polar_axis_have_a_stress(converted):
    """The published frame has no derivative there; this raw stress is from finite differences of its energy."""
    name, folder = converted
    nacl = next(atoms for atoms in structures(name) if atoms.info["name"] == "nacl_prim")
    nacl.calc = EquiCalc(folder, device="cpu", dtype="float64")
    raw = [-1.840924264603503e-4, -4.198012755416496e-4, -6.179925892400564e-4]
    raw += [5.923800593410934e-6, 1.112826870207831e-4, -7.003810008660138e-6]
    scale = nacl.calc.checkpoint.potential.scales.energy
    np.testing.assert_allclose(nacl.get_stress(), scale * np.array(raw), rtol=0, atol=ABSOLUTE)


@pytest.mark.parametrize(
    ("converted", "kind", "conservative", "smooth"),
    [
        ("v2_oc20", "adsorption", False, False),
        ("v2_hydra", "total", False, False),
        ("v3_direct", "total", False, True),
        ("v3_grad", "total", True, True),
    ],
    indirect=["converted"],
)
def test_calculator_says_what_it_is(converted, kind, conservative, smooth):
    calculator = EquiCalc(converted[1], device="cpu")
    assert calculator.energy_kind == kind
    assert calculator.conservative is conservative
    assert calculator.smooth is smooth
    assert ("stress" in calculator.implemented_properties) is (converted[0] != "v2_oc20")
