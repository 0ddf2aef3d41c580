"""What an adsorption run is to calculate: all that can be checked before the first calculation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.build import SlabFromBulk, build_slab
from equical.workflows.adsorption.bulks import Bulk, find_bulk
from equical.workflows.adsorption.notes import notes_on_cut, notes_on_given
from equical.workflows.adsorption.references import Stoichiometry, reference_for
from equical.workflows.adsorption.slabs import freeze_bottom, standard_slab
from equical.workflows.common.inputs import read_structure, resolve_calculator
from equical.workflows.common.notes import warn

__all__ = ["Plan", "plan_for"]


@dataclass(frozen=True)
class Plan:
    """Where the slab comes from, and what computes.

    Attributes:
        calculator: of all energies.
        energy_kind: ``"total"``, or ``"adsorption"`` where it predicts adsorption energies.
        freeze: layers to freeze, as the settings have it.
        given: a slab ready to be relaxed; None where one is to be made.
        recipe: how to make it of ``bulk``; None where one is given.
        bulk: the crystal, not yet relaxed.
    """

    calculator: BaseCalculator
    energy_kind: str
    freeze: int | None
    given: Atoms | None
    recipe: SlabFromBulk | None
    bulk: Bulk | None

    @property
    def start(self) -> Atoms:
        """What the slab comes from: the given slab, or the crystal before it is relaxed and cut."""
        if self.given is not None:
            return self.given
        assert self.bulk is not None
        return self.bulk.crystal

    def reference_of(self, species: Adsorbate, asked: str | Mapping[str, float] | None) -> Stoichiometry:
        """What the energy of an adsorbate is counted from; nothing, where the calculator knows by itself.

        Raises:
            InputError: no such reference, or one for a calculator that knows by itself.
        """
        if self.energy_kind == "total":
            return reference_for(species, asked)
        if asked is not None:
            raise InputError("this model predicts adsorption energies with its own references: leave out --reference")
        return {}


def plan_for(
    slab: Atoms | str | PathLike[str] | SlabFromBulk,
    calculator: BaseCalculator | str | PathLike[str] | None,
    freeze: int | None,
    species: Sequence[Adsorbate],
) -> Plan:
    """Look at a slab, or at how to make one, and at what shall compute it with adsorbates on it.

    Raises:
        InputError: no slab, no calculator, or a bulk crystal that is to be relaxed by one that cannot.
    """
    recipe = slab if isinstance(slab, SlabFromBulk) else None
    given = bulk = None
    if isinstance(slab, SlabFromBulk):
        bulk = find_bulk(slab.bulk, slab.prototype)
        if bulk.estimated and not slab.relax:
            raise InputError(
                f"the lattice constant of {slab.bulk} is only an estimate: let it relax, without --keep-bulk, or give "
                "a file"
            )
        notes = notes_on_cut(slab, bulk)
    else:
        read = slab if isinstance(slab, Atoms) else read_structure(slab)
        given = freeze_bottom(standard_slab(read), freeze)
        notes = notes_on_given(given)
    for note in notes:
        warn(note)
    surface = given
    if surface is None:
        assert recipe is not None and bulk is not None
        surface = build_slab(recipe, bulk.crystal)
    both = [surface + one.atoms for one in species]  # wherever they stand: a choice asks for elements and vacuum
    calculator = resolve_calculator(calculator, slab if isinstance(slab, Atoms) else None, structures=both)
    energy_kind = getattr(calculator, "energy_kind", "total")
    if energy_kind == "adsorption" and recipe is not None and recipe.relax:
        raise InputError(
            "this model predicts adsorption energies and cannot relax a bulk crystal: give a relaxed slab with "
            "--slab, or --keep-bulk"
        )
    return Plan(calculator, energy_kind, freeze, given, recipe, bulk)
