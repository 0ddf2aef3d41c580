"""A package as an ASE calculator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from ase.data import chemical_symbols
from ase.stress import full_3x3_to_voigt_6_stress

from equical.errors import InputError
from equical.inference.eager import plain_mode
from equical.inference.step import Candidates, Outputs, StaticInputs, unpack
from equical.interfaces.package.contents import PackageContents
from equical.neighbors.build import COINCIDENT
from equical.neighbors.verlet import VerletList

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["PackagedCalc"]


class PackagedCalc(Calculator):
    """Energies, forces and stresses of a package that :func:`export_package` wrote, as :class:`~equical.EquiCalc` gives
    them: the same units, signs and, but for rounding, numbers.

    Args:
        path: the package. It is compiled code: open only those of people you trust.

    Raises:
        InputError: no such file, no package of equical, one of another release, or for a device that is not here.
            Later, from any calculation: elements that the model does not cover, or more atoms or pairs than the package
            holds.

    Attributes:
        contents: what the package says of itself.
    """

    name = "equical-package"
    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012 (as ASE has it)

    @torch.inference_mode(False)  # buffers made in a caller's inference mode could not be written to later
    def __init__(self, path: str | os.PathLike[str]):
        super().__init__()
        if not Path(path).is_file():
            raise InputError(f"there is no package {path}")
        try:
            self._run = torch._inductor.aoti_load_package(str(path))
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path} cannot be loaded ({reason}): export it again, with this torch") from None
        self.contents = PackageContents.from_metadata(self._run.loader.get_metadata())
        if self.contents.device == "cuda" and not torch.cuda.is_available():
            raise InputError(f"{path} was compiled for a GPU, and there is none here")
        if not self.contents.stress:
            self.implemented_properties = [one for one in self.implemented_properties if one != "stress"]
        self._inputs = StaticInputs.allocate(self.contents.capacity, torch.device(self.contents.device))
        self._search = VerletList(self.contents.cutoff)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute everything of ``atoms`` into ``results``; a stress only where there are three lattice vectors."""
        super().calculate(atoms, properties, system_changes)
        has_volume = self.atoms.cell.rank == 3
        if "stress" in properties and not has_volume:
            raise PropertyNotImplementedError("A stress needs a cell with three lattice vectors.")
        found = self._evaluate(self.atoms).prediction
        assert found.forces is not None
        energy = float(found.energy[0])
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "energies": found.atom_energies.numpy(),
            "forces": found.forces.numpy(),
        }
        if has_volume and found.stress is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(found.stress[0].numpy())

    def _evaluate(self, atoms: Atoms) -> Outputs:
        contents, inputs = self.contents, self._inputs
        uncovered = sorted(set(atoms.numbers.tolist()).difference(contents.elements))
        if uncovered or len(atoms) == 0:
            what = ", ".join(chemical_symbols[number] for number in uncovered) or "structures without atoms"
            raise InputError(f"the package of {contents.model} does not cover {what}")
        self._refuse_beyond("atoms", len(atoms), contents.capacity.atoms - 1)  # the last one is padding
        geometry = atoms.positions, atoms.cell.array, atoms.pbc
        listed, wraps = self._search.candidates(*geometry)
        if len(listed) > contents.capacity.candidates:  # kept from a denser cell, perhaps: a new list is shorter
            self._search = VerletList(contents.cutoff)
            listed, wraps = self._search.candidates(*geometry)
        self._refuse_beyond("pairs within reach", len(listed), contents.capacity.candidates)
        with plain_mode(inputs.device), torch.no_grad():
            pairs = (torch.from_numpy(one).to(inputs.device) for one in (listed.receiver, listed.sender, listed.shift))
            inputs.write(atoms.numbers, atoms.positions, atoms.cell.array, wraps, Candidates(*pairs))
            packed = self._run(*inputs.tensors()).to("cpu", copy=True)
        found = unpack(packed, contents.capacity, len(atoms), forces=True, stress=contents.stress)
        self._refuse_beyond("pairs within the cutoff", found.edges, contents.capacity.edges)
        if found.closest < COINCIDENT:
            self._search.neighbors(*geometry)  # refuses them by name
        return found

    def _refuse_beyond(self, what: str, count: int, most: int) -> None:
        if count > most:
            raise InputError(
                f"the structure has {count} {what}, and the package holds {most}: export one for a larger structure, "
                "or with more room"
            )
