"""Configurations: placed, relaxed, looked at, compared and ranked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from equical.workflows.adsorption.adsorbates import Adsorbate
from equical.workflows.adsorption.anomalies import look_at
from equical.workflows.adsorption.giving_up import GivingUp
from equical.workflows.adsorption.place import Placement, place_all
from equical.workflows.adsorption.relaxer import CalculationError, Relaxed, Relaxer
from equical.workflows.adsorption.result import SAME_ENERGY, Configuration, Reference
from equical.workflows.adsorption.scatter import scatter
from equical.workflows.adsorption.settings import AdsorptionSettings
from equical.workflows.adsorption.sites import choose_sites
from equical.workflows.adsorption.surface import Surface
from equical.workflows.adsorption.symmetry import SurfaceSymmetry

__all__ = ["place", "rank", "relax_placements"]


def place(surface: Surface, species: Adsorbate, settings: AdsorptionSettings) -> list[Placement]:
    """Where to start: all kinds of sites first, then the random places.

    Raises:
        InputError: no such site, or a cell that is too small for the adsorbate.
    """
    chosen = choose_sites(surface.sites, settings.sites)
    placements = place_all(surface.slab, species, chosen, surface.symmetry, settings.azimuths)
    return placements + scatter(
        surface.slab, species, surface.sites, surface.symmetry, settings.configurations, settings.seed, placements
    )


def relax_placements(
    placements: Sequence[Placement],
    species: Adsorbate,
    surface: Surface,
    references: Sequence[Reference],
    relaxer: Relaxer,
    done: Callable[[], object] = lambda: None,
) -> list[Configuration]:
    """Relax all placements and look at what became of them.

    Those on sites are relaxed to their end; random ones only as long as there is hope, which is measured by the best
    that the sites have come to. That makes each outcome independent of what else is under way.

    Args:
        placements: unique names, one adsorbate, one slab.
        species: the adsorbate.
        surface: the bare slab.
        references: what energies are counted from.
        relaxer: of the run.
        done: called after each.

    Returns:
        One configuration for each placement, in their order, not ranked.
    """
    found: dict[str, Configuration] = {}

    def relax(some: Sequence[Placement], **options: Any) -> None:
        named = {placement.name: placement for placement in some}
        starts = {name: placement.atoms for name, placement in named.items()}
        for name, relaxed in relaxer.each(starts, **options):
            found[name] = _configuration(named[name], relaxed, species, surface, references)
            done()

    relax([placement for placement in placements if not placement.random])
    best = min((one.energy for one in found.values() if not one.anomalies), default=None)
    relax([placement for placement in placements if placement.random], hopeless=lambda: GivingUp(species, best))
    return [found[placement.name] for placement in placements]


def _configuration(
    placement: Placement,
    relaxed: Relaxed | CalculationError,
    species: Adsorbate,
    surface: Surface,
    references: Sequence[Reference],
) -> Configuration:
    origin: dict[str, Any] = {
        "name": placement.name,
        "site": placement.site.name,
        "tilt": placement.tilt,
        "azimuth": placement.azimuth,
        "random": placement.random,
    }
    if isinstance(relaxed, CalculationError):
        return Configuration(**origin, anomalies=("failed",), error=str(relaxed), atoms=placement.atoms)
    site = None if placement.random else placement.site
    outcome = look_at(relaxed.atoms, site, surface.slab, species, surface.sites)
    unfinished = () if relaxed.converged else ("given up",) if relaxed.stopped else ("not converged",)
    return Configuration(
        **origin,
        energy=relaxed.energy,
        adsorption_energy=surface.adsorption_energy(relaxed.energy, references),
        max_force=relaxed.max_force,
        steps=relaxed.steps,
        converged=relaxed.converged,
        final_site=outcome.final_site,
        height=outcome.height,
        shortest_bond=outcome.shortest_bond,
        anomalies=(*outcome.anomalies, *unfinished),
        given_up=relaxed.stopped,
        atoms=relaxed.atoms,
    )


def rank(found: Sequence[Configuration], symmetry: SurfaceSymmetry, size: int) -> tuple[Configuration, ...]:
    """Number the configurations without anomalies by energy.

    Args:
        found: relaxed, or failed.
        symmetry: of the slab. A random configuration that it maps onto another one, with the same energy to within
            0.01 eV, counts as the same.
        size: atoms of the adsorbate.

    Returns:
        Those with a number first, then the others; each by energy, failures at the end.
    """
    kept = [one for one in found if not one.random and not one.anomalies]
    marked = [one for one in found if not one.random or one.anomalies]
    drawn = [one for one in found if one.random and not one.anomalies]
    for one in sorted(drawn, key=lambda one: one.energy):
        twin = next((other for other in kept if _same(one, other, symmetry, size)), None)
        if twin is None:
            kept.append(one)
        marked.append(replace(one, same_as=None if twin is None else twin.name))
    ordered = sorted(marked, key=lambda one: (_without_rank(one), one.error is not None, one.adsorption_energy))
    return tuple(replace(one, rank=None if _without_rank(one) else i) for i, one in enumerate(ordered, start=1))


def _without_rank(one: Configuration) -> bool:
    return bool(one.anomalies) or one.same_as is not None


def _same(one: Configuration, other: Configuration, symmetry: SurfaceSymmetry, size: int) -> bool:
    if abs(one.energy - other.energy) > SAME_ENERGY:
        return False
    positions, others = one.atoms.positions[-size:], other.atoms.positions[-size:]
    return symmetry.equivalent(positions, others, one.atoms.numbers[-size:])
