"""One adsorbate on one slab, from its placements to its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from equical.errors import InputError
from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.configurations import rank, relax_placements
from equical.workflows.adsorption.notes import notes_after, notes_before
from equical.workflows.adsorption.place import Placement
from equical.workflows.adsorption.plan import Plan
from equical.workflows.adsorption.relaxer import Relaxer
from equical.workflows.adsorption.result import AdsorptionResult, Configuration, Reference, all_converged
from equical.workflows.adsorption.settings import AdsorptionSettings
from equical.workflows.adsorption.sites import exposed_atoms
from equical.workflows.adsorption.slabs import fixed_atoms
from equical.workflows.adsorption.surface import Surface
from equical.workflows.adsorption.thermo import Vibrations, at_temperature
from equical.workflows.common.evaluations import Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.notes import warn
from equical.workflows.common.progress import progress_bar
from equical.workflows.common.suitability import reason_outside, warn_of_unknown

__all__ = ["Case", "relaxer_for", "vibrations_for"]


def relaxer_for(plan: Plan, folder: RunFolder, settings: AdsorptionSettings) -> Relaxer:
    """What relaxes the structures of a run, and keeps them in its folder."""
    frozen = None if plan.given is None else fixed_atoms(plan.given)
    decisive = {"fmax": settings.fmax, "steps": settings.steps, "freeze": settings.freeze, "frozen": frozen}
    store = Evaluations(folder, "steps", plan.calculator, decisive)
    return Relaxer(plan.calculator, store, settings.fmax, settings.steps)


def vibrations_for(plan: Plan, folder: RunFolder, settings: AdsorptionSettings) -> Vibrations | None:
    """What computes the vibrations of a run; None where the energy is all that is asked for.

    Raises:
        InputError: the calculator cannot.
    """
    if settings.thermo is None:
        return None
    if plan.energy_kind != "total":
        raise InputError("this model predicts adsorption energies, and no gas molecules: leave out --thermo")
    return Vibrations(folder, plan.calculator, *settings.thermo)


@dataclass(frozen=True)
class Case:
    """An adsorbate, the slab it is put on, where, and what its energy is counted from."""

    plan: Plan
    species: Adsorbate
    references: tuple[Reference, ...]
    surface: Surface
    placements: list[Placement]
    settings: AdsorptionSettings

    def calculate(self, relaxer: Relaxer, vibrations: Vibrations | None, progress: bool) -> AdsorptionResult:
        """Relax the placements and rank what became of them; warnings, time and folder are the caller's.

        Args:
            relaxer: of the run.
            vibrations: of the run, for the best configuration; None where the energy is all that is asked for.
            progress: show a progress bar.

        Raises:
            InputError: not one of them could be calculated.
        """
        surface, species = self.surface, self.species
        for note in notes_before(surface.slab, species, self.placements[0].atoms, surface.start):
            warn(note)
        total = len(self.placements)
        with progress_bar(None, species.name, "relaxations", show=progress, total=total) as bar:
            found = relax_placements(self.placements, species, surface, self.references, relaxer, bar.update)
        if all(configuration.error for configuration in found):
            raise InputError(f"no configuration could be calculated; the first one failed with: {found[0].error}")
        ranked = self._judged(rank(found, surface.symmetry, len(species.atoms)))
        result = AdsorptionResult(
            adsorbate=species.name,
            energy_kind=self.plan.energy_kind,
            references=self.references,
            slab=surface.slab,
            slab_energy=surface.energy,
            slab_converged=surface.converged,
            bulk=surface.bulk,
            surface_atoms=len(exposed_atoms(surface.slab)),
            sites=surface.sites,
            configurations=ranked,
            settings=self.settings,
            converged=all_converged(surface.converged, self.references, ranked),
        )
        for note in notes_after(result):
            warn(note)
        reasons = [(one.name, one.outside) for one in ranked if one.error is None]
        warn_of_unknown(reasons, f"configurations of {species.name}")
        best = result.best
        if vibrations is None or best is None:
            return result
        adsorbed = vibrations.of_adsorbate(best.name, best.atoms, len(species.atoms))
        gases = {one.name: (float(one.number), vibrations.of_gas(one.name, one.atoms)) for one in self.references}
        thermo = at_temperature(best.name, best.adsorption_energy, adsorbed, gases, vibrations.pressure)
        return replace(result, thermo=thermo)

    def _judged(self, found: Sequence[Configuration]) -> tuple[Configuration, ...]:
        """The same, and whether the model knows anything like what they have become."""
        calculator = self.plan.calculator
        return tuple(one if one.error else replace(one, outside=reason_outside(calculator, one.atoms)) for one in found)
