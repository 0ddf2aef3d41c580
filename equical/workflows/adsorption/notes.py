"""Remarks on an adsorption run: what its user should know before trusting the numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms

from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.anomalies import MOVED, displacement
from equical.workflows.adsorption.build import SlabFromBulk
from equical.workflows.adsorption.bulks import Bulk
from equical.workflows.adsorption.place import closest_image
from equical.workflows.adsorption.result import SAME_ENERGY, AdsorptionResult
from equical.workflows.adsorption.slabs import count_layers, fixed_atoms, uneven_top, vacuum_of
from equical.workflows.adsorption.terminations import terminations

__all__ = ["notes_after", "notes_before", "notes_on_cut", "notes_on_given"]

CLOSE_IMAGES = 5.0
"""Å. Adsorbates closer than this to their periodic images interact noticeably."""

CLOSE_SLABS = 8.0
"""Å. Vacuum above the adsorbate that keeps it from the next image of the slab."""

THIN = 4.0
"""Å. Fewer than three layers of a close-packed metal."""


def notes_on_cut(recipe: SlabFromBulk, bulk: Bulk) -> Iterator[str]:
    """What is decided for the user where a recipe leaves it open."""
    if bulk.guess:
        yield f"{recipe.bulk} is taken for {bulk.guess}; another structure with --prototype, or from a file"
    choices = terminations(bulk.crystal, recipe.three_indices)
    if len(choices) > 1:
        face, formula = " ".join(map(str, recipe.three_indices)), bulk.crystal.symbols.formula.reduce()[0]
        tops = ", ".join(f"{choice.index} {choice.top}" for choice in choices)
        yield (
            f"({face}) of {formula:metal} can end with different layers ({tops}); this slab has termination "
            f"{recipe.termination}, choose with --termination"
        )


def notes_on_given(slab: Atoms) -> Iterator[str]:
    """What looks wrong about a slab that the user gave, not yet relaxed."""
    uneven = uneven_top(slab)
    if uneven is not None:
        yield (
            f"the top layer of the slab {slab.get_chemical_formula()} has {uneven[0]} of the {uneven[1]} atoms that a "
            "layer below has: fine for adatoms, vacancies and steps, but it may be half a layer that a cut left there"
        )


def notes_before(slab: Atoms, adsorbate: Adsorbate, placed: Atoms, start: Atoms) -> Iterator[str]:
    """What the model system leaves to be desired.

    Args:
        slab: bare, relaxed.
        adsorbate: the one under study.
        placed: slab with the adsorbate, not yet relaxed.
        start: the slab before its relaxation.
    """
    image = closest_image(placed, adsorbate)[0]
    if image < CLOSE_IMAGES:
        yield (
            f"{adsorbate.name} comes within {image:.1f} Å of its periodic images, so this is adsorption at high "
            "coverage; for an isolated adsorbate use a larger surface cell"
        )
    if vacuum_of(placed) < CLOSE_SLABS:
        yield f"only {vacuum_of(placed):.1f} Å of vacuum above the adsorbate: {CLOSE_SLABS:.0f} keep images away"
    if np.ptp(slab.positions[:, 2]) < THIN and count_layers(slab) > 1:
        yield f"the slab is only {np.ptp(slab.positions[:, 2]):.1f} Å thick: check with more layers"
    if not fixed_atoms(slab).any() and count_layers(slab) > 1:
        yield "no atom of the slab is frozen, so that its bottom relaxes like a second surface"
    if displacement(slab, start) > MOVED:
        yield f"atoms of the bare slab moved by up to {displacement(slab, start):.1f} Å while it relaxed"


def notes_after(result: AdsorptionResult) -> Iterator[str]:
    """What did not go as planned."""
    if not result.slab_converged:
        yield "the bare slab or its bulk did not converge: allow more steps"
    for reference in result.references:
        if not reference.converged:
            yield f"the reference {reference.name} did not converge: allow more steps"
    best = result.best
    if best is None:
        yield "no configuration is free of anomalies, so none is ranked"
    for other in result.configurations:
        lower = best.adsorption_energy - other.adsorption_energy if best else 0.0
        if lower > SAME_ENERGY and other.anomalies == ("migrated",):
            yield (
                f"{other.name} migrated to {other.final_site} and ended {lower:.2f} eV below the best ranked "
                "configuration: try more azimuths and tilts there"
            )
