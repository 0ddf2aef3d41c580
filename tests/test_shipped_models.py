"""Each shipped model gives the physics its card claims."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read

from equical import EquiCalc, elastic, md, relax
from equical.checkpoint import load_checkpoint, shipped_models
from equical.uncertainty import UNCERTAINTY_FILE

EXAMPLES = Path(__file__).parent.parent / "examples"


def load_example(path: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(Path(path).stem, EXAMPLES / path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def metals() -> EquiCalc:
    """In double precision."""
    return EquiCalc("metals-pbe", dtype="float64")


@pytest.mark.filterwarnings("ignore:the answer depends on the strain")  # a limit that its card names
@pytest.mark.parametrize("symbol", ["Li", "Si", "Ni", "Cu", "Ge", "Mo"])
def test_metals_relax_to_the_lattice_constants_of_pbe_and_resist_every_small_strain(
    symbol: str, metals: EquiCalc
) -> None:
    """From cells that are distorted by 5 %; and the three Born criteria of a cubic crystal."""
    recipe = load_example("recipes/metals_pbe/lattice_constants.py")
    structure, expected = recipe.PBE[symbol]
    constant = recipe.lattice_constant(relax(recipe.distorted(symbol), metals, **recipe.TIGHT))
    assert abs(constant / expected - 1) < 0.005
    stiffness = elastic(bulk(symbol, structure, a=constant), metals).stiffness
    c11, c12, c44 = stiffness[0, 0], stiffness[0, 1], stiffness[3, 3]
    assert c44 > 0 and c11 > c12 and c11 + 2 * c12 > 0, (c11, c12, c44)


def test_slab_relaxes_with_its_bottom_layers_frozen() -> None:
    slab = read(EXAMPLES / "structures" / "cu111-slab.extxyz")
    assert isinstance(slab, Atoms)
    result = relax(slab, "metals-pbe", fmax=0.02)
    moved = np.linalg.norm(result.atoms.positions - slab.positions, axis=1)
    frozen = slab.constraints[0].index
    assert result.converged
    assert moved[frozen].max() == 0
    assert 0 < moved.max() < 0.5


def test_metals_keep_the_energy_of_a_mirror_image(metals: EquiCalc) -> None:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.2, seed=0)
    image = atoms.copy()
    image.set_cell(atoms.cell.array * [1, 1, -1])
    image.positions = atoms.positions * [1, 1, -1]
    energies = [metals.get_property("energy", each) for each in (atoms, image)]
    assert abs(energies[1] - energies[0]) < 1e-10


@pytest.mark.parametrize("name", sorted(shipped_models()))
def test_every_shipped_model_is_small_conservative_and_has_a_card(name: str) -> None:
    folder = shipped_models()[name]
    assert (folder / "model.safetensors").stat().st_size < (3e6 if name == "universal-mini" else 2 * 2**20)
    card = (folder / "README.md").read_text(encoding="utf-8")
    for heading in ("Data", "Errors", "Limits", "Licence"):
        assert f"## {heading}" in card
    assert load_checkpoint(name).potential.config.conservative


def test_metals_are_refused_by_name_where_not_covered() -> None:
    gold = Atoms("AuCu", [[0, 0, 0], [0, 0, 2.5]], calculator=EquiCalc("metals-pbe"))
    with pytest.raises(ValueError, match="Au"):
        gold.get_potential_energy()


def test_metals_know_what_they_were_trained_on_and_tell_what_not() -> None:
    """Its elements at their densities; not a pair of them, nor one at 0.6 or 1.6 times its volume."""
    calculator = EquiCalc("metals-pbe")
    copper, alloy = bulk("Cu", a=3.63, cubic=True), bulk("Cu", a=3.57, cubic=True)
    alloy.symbols[[0, 2]] = "Ni"
    dense, thin = (bulk("Cu", a=a, cubic=True) for a in (3.06, 4.25))
    known, mixed, dense, thin = (calculator.uncertainty(atoms) for atoms in (copper, alloy, dense, thin))
    assert not known.outside and known.energy_std < 0.01 * len(copper)
    assert "Ni-Cu were never neighbours in its data" in mixed.reasons
    for found in (dense, thin):
        assert any("surroundings of atom" in reason for reason in found.reasons)
    assert min(mixed.energy_std, dense.energy_std, thin.energy_std) > 10 * known.energy_std


@pytest.mark.parametrize(
    "name", [name for name, path in shipped_models().items() if (path / UNCERTAINTY_FILE).is_file()]
)
def test_calibrated_models_are_less_sure_of_densities_never_seen(name: str) -> None:
    """And what is beside the weights is about these weights."""
    calculator = EquiCalc(name)
    assert calculator.checkpoint.knowledge is not None
    metal, a = ("Pt", 3.97) if name == "catalysis-rpbe" else ("Cu", 3.63)
    usual, dense, thin = (calculator.uncertainty(bulk(metal, a=factor * a)) for factor in (1, 0.6, 1.5))
    assert not usual.outside
    assert dense.energy_std > 3 * usual.energy_std
    assert thin.energy_std > 1.3 * usual.energy_std  # which data of all elements have more of than of dense ones


@pytest.mark.slow
def test_metals_conserve_energy() -> None:
    """2 ps of copper at 300 K with steps of 2 fs."""
    copper = bulk("Cu", "fcc", a=3.61, cubic=True) * (2, 2, 2)
    warm = md(copper, "metals-pbe", ensemble="langevin", temperature=300, timestep=2, steps=250, seed=0)
    free = md(warm.atoms, "metals-pbe", ensemble="nve", keep_velocities=True, timestep=2, steps=1000)
    assert free.temperature.mean > 200
    assert abs(free.energy_drift) < 0.1


def test_catalysis_pulls_adsorbates_the_right_way() -> None:
    """Forces on relaxations that the training held out are better than none: in these frames their mean is 50 meV/Å."""
    errors = load_example("recipes/catalysis_rpbe/errors.py")
    frames = [frame for frame in read(errors.HELD_OUT, ":") if frame.info["part"] != "reference"]
    found = errors.force_errors(EquiCalc("catalysis-rpbe"), frames[::4])
    assert found["relaxation"] < 38


@pytest.mark.slow
def test_catalysis_adsorption_energies_of_relaxations_held_out() -> None:
    """On the geometries of DFT, and where slab, molecules and adsorbate are relaxed by the model."""
    errors = load_example("recipes/catalysis_rpbe/errors.py")
    table = errors.adsorption_energies(EquiCalc("catalysis-rpbe"), read(errors.HELD_OUT, ":"), steps=300)
    assert len(table) == 7
    assert np.abs(table[:, 1:] - table[:, :1]).mean(axis=0).max() < 0.15


@pytest.mark.slow
def test_catalysis_orders_metals_as_rpbe_does(tmp_path: Path) -> None:
    """Ru > Ir > Pd ≈ Pt > Ag, hollows before other sites, and the slabs of platinum in the data within 0.2 eV."""
    example = load_example("recipes/catalysis_rpbe/pure_metals.py")
    found = example.main("catalysis-rpbe", str(tmp_path))
    oxygen = {metal: energy for (adsorbate, metal), energy in found.items() if adsorbate == "O"}
    assert oxygen["Ru"] < oxygen["Ir"] < min(oxygen["Pd"], oxygen["Pt"])
    assert max(oxygen["Pd"], oxygen["Pt"]) < oxygen["Ag"]
    for metal in oxygen:
        best = json.loads((tmp_path / f"O-{metal}" / "result.json").read_text())["configurations"][0]
        assert best["site"].startswith(("fcc", "hcp")), metal
    for key, energy in example.DENSITY_FUNCTIONAL.items():
        assert found[key] == pytest.approx(energy, abs=0.2), key
