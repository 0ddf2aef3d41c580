"""A packaged force field says what the plain one says, and refuses what it has no room for."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from equical import EquiCalc, InputError
from equical.checkpoint import save_checkpoint
from equical.inference.step import StaticInputs
from equical.interfaces.package import PackagedCalc, export_package
from equical.interfaces.package.contents import PackageContents
from tests.conftest import TINY, random_potential


@pytest.fixture
def uncompiled(monkeypatch):
    """Packages hold the step as it is: torch's part, which takes a minute, is left to the slow test."""
    packages = {}

    def package(step, package_path, inductor_configs):
        packages["last"] = step, inductor_configs["aot_inductor.metadata"]
        with open(package_path, "wb") as file:
            file.write(b"compiled")
        return package_path

    class Loaded:
        def __init__(self, path):
            self.step, metadata = packages["last"]
            self.loader = SimpleNamespace(get_metadata=lambda: {"AOTI_DEVICE_KEY": "cpu"} | metadata)

        def __call__(self, *tensors):
            return self.step(StaticInputs(*tensors))

    monkeypatch.setattr("equical.interfaces.package.export.trace_functional", lambda step, inputs: step)
    monkeypatch.setattr("torch.export.export", lambda step, inputs: step)
    monkeypatch.setattr("torch._inductor.aoti_compile_and_package", package)
    monkeypatch.setattr("torch._inductor.aoti_load_package", Loaded)


def agree(packaged: PackagedCalc, calculator: EquiCalc, atoms: Atoms, tolerance: float) -> None:
    properties = ["energy", "energies", "forces", "stress"][: 4 if atoms.cell.rank == 3 else 3]
    for name in properties:
        found, expected = packaged.get_property(name, atoms), calculator.get_property(name, atoms)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def rattled(repeats: tuple[int, int, int] = (1, 1, 1)) -> Atoms:
    atoms = bulk("Cu", a=3.6, cubic=True) * repeats
    atoms.rattle(0.1, seed=3)
    return atoms


def test_a_package_agrees_with_the_model_along_a_run(tiny_calculator, tmp_path, uncompiled):
    with torch.inference_mode():  # whatever mode the caller is in
        packaged = PackagedCalc(export_package(tiny_calculator, rattled(), tmp_path / "copper.pt2"))
    atoms = rattled()
    for _ in range(3):
        agree(packaged, tiny_calculator, atoms, 1e-10)
        atoms.rattle(0.1, rng=np.random.default_rng(0))
        atoms.positions[0] += atoms.cell[1]  # over the boundary
        atoms.set_cell(atoms.cell * [1.01, 1, 0.99], scale_atoms=True)
    agree(packaged, tiny_calculator, molecule("CH3OH"), 1e-10)


def test_a_package_tells_what_it_holds(tiny_calculator, tmp_path, uncompiled):
    contents = PackagedCalc(export_package(tiny_calculator, rattled(), tmp_path / "copper.pt2", room=1.0)).contents
    assert contents.capacity.atoms == 8  # four and one for padding, in steps of eight
    assert (contents.dtype, contents.device, contents.stress) == ("float64", "cpu", True)
    assert contents.sha256 == tiny_calculator.checkpoint.sha256
    assert PackageContents.from_metadata(contents.as_metadata()) == contents


def test_what_does_not_fit_is_refused(tiny_calculator, tmp_path, uncompiled):
    packaged = PackagedCalc(export_package(tiny_calculator, rattled(), tmp_path / "copper.pt2", room=1.0))
    with pytest.raises(InputError, match="has 8 atoms, and the package holds 7: export one for a larger structure"):
        packaged.get_potential_energy(rattled((1, 1, 2)))
    dense = rattled()
    dense.set_cell(0.8 * dense.cell, scale_atoms=True)
    with pytest.raises(InputError, match="pairs within reach, and the package holds"):
        packaged.get_potential_energy(dense)
    with pytest.raises(InputError, match="does not cover Au"):
        packaged.get_potential_energy(bulk("Au", cubic=True))
    with pytest.raises(InputError, match="does not cover structures without atoms"):
        packaged.get_potential_energy(Atoms())
    together = rattled()
    together.positions[1] = together.positions[0]
    with pytest.raises(InputError, match="same place|coincide|closer"):
        packaged.get_potential_energy(together)
    agree(packaged, tiny_calculator, rattled(), 1e-10)  # which the list of the denser cell would have no room for


def test_what_cannot_be_packaged_is_refused(tiny_calculator, tmp_path, uncompiled):
    with pytest.raises(InputError, match=r"ends in \.pt2, and copper\.so does not"):
        export_package(tiny_calculator, rattled(), tmp_path / "copper.so")
    with pytest.raises(InputError, match="room must be a finite number of at least 1"):
        export_package(tiny_calculator, rattled(), tmp_path / "copper.pt2", room=0.5)
    capped = random_potential(TINY.model_copy(update={"max_neighbors": 8, "num_layers": 1}))
    save_checkpoint(tmp_path / "capped", capped, {})
    with pytest.raises(InputError, match="caps the number of neighbours"):
        export_package(EquiCalc(tmp_path / "capped"), rattled(), tmp_path / "copper.pt2")
    assert not (tmp_path / "copper.pt2").exists()


def test_what_is_no_package_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no package"):
        PackagedCalc(tmp_path / "absent.pt2")
    (tmp_path / "text.pt2").write_text("nothing of that kind")
    with pytest.raises(InputError, match="cannot be loaded .*: export it again"):
        PackagedCalc(tmp_path / "text.pt2")
    with pytest.raises(InputError, match="no model of equical"):
        PackageContents.from_metadata({"AOTI_DEVICE_KEY": "cpu"})
    with pytest.raises(InputError, match="another release"):
        PackageContents.from_metadata({"equical": '{"format": 0}'})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch's, of its own compiler
@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_compiled_code_agrees_with_the_model(tmp_path):
    small = random_potential(TINY.model_copy(update={"num_layers": 1, "lmax": 1, "mmax": 1}))
    save_checkpoint(tmp_path / "small", small, {})
    calculator = EquiCalc(tmp_path / "small", device="cpu", dtype="float64")
    packaged = PackagedCalc(export_package(calculator, rattled(), tmp_path / "copper.pt2"))
    agree(packaged, calculator, rattled(), 1e-9)
    agree(packaged, calculator, molecule("CH3OH"), 1e-9)
