"""What a table asks for: surfaces, adsorbates on them, and the crystals and gas molecules that these need."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from ase import Atoms

from equical.errors import InputError
from equical.workflows.adsorption import Adsorbate, SlabFromBulk, adsorbate, build_slab
from equical.workflows.adsorption.bulks import Bulk, find_bulk
from equical.workflows.adsorption.notes import notes_on_cut, notes_on_given
from equical.workflows.adsorption.references import Stoichiometry, format_reference, gas_molecule, reference_for
from equical.workflows.adsorption.slabs import freeze_bottom, standard_slab
from equical.workflows.common.inputs import read_structure
from equical.workflows.common.notes import warn
from equical.workflows.common.provenance import constraints_of, structure_digest
from equical.workflows.screen.table import Line

__all__ = ["Pair", "ScreenPlan", "WantedSurface", "make_plan"]


@dataclass(frozen=True)
class WantedSurface:
    """A slab, given as it is or as a recipe.

    Attributes:
        name: such as ``"Pt (1 1 1) 3x3"``; for people, and unique in a plan.
        given: the slab, ready to be relaxed; None where there is a recipe.
        recipe: how to cut it.
        bulk: the crystal that it is cut from.
        freeze: layers to freeze at the bottom of one that is cut; None for the lower half.
    """

    name: str
    given: Atoms | None = field(repr=False, default=None)
    recipe: SlabFromBulk | None = None
    bulk: Bulk | None = field(repr=False, default=None)
    freeze: int | None = None

    @cached_property
    def bulk_key(self) -> str | None:
        """Of the relaxation of the crystal that the slab waits for; None where there is none."""
        if self.bulk is None or self.recipe is None or not self.recipe.relax:
            return None
        return _key("bulk", structure_digest(self.bulk.crystal))

    @cached_property
    def key(self) -> str:
        """The same for slabs that are the same."""
        if self.given is not None:
            return _key("slab", structure_digest(self.given), constraints_of(self.given), self.given.pbc.tolist())
        assert self.recipe is not None and self.bulk is not None
        cut = replace(self.recipe, bulk="", prototype=None, miller=self.recipe.three_indices)
        return _key("slab", structure_digest(self.bulk.crystal), cut, self.freeze)

    def start(self, crystal: Atoms | None) -> Atoms:
        """The slab before its relaxation.

        Args:
            crystal: the relaxed one, where it was relaxed.

        Raises:
            InputError: there is no such slab.
        """
        if self.given is not None:
            return self.given
        assert self.recipe is not None and self.bulk is not None
        return freeze_bottom(standard_slab(build_slab(self.recipe, crystal or self.bulk.crystal)), self.freeze)


@dataclass(frozen=True)
class Pair:
    """An adsorbate to be put on all sites of a surface.

    Attributes:
        surface: where.
        adsorbate: what.
        stoichiometry: gas molecules that make it; empty where the model predicts adsorption energies.
    """

    surface: WantedSurface
    adsorbate: Adsorbate
    stoichiometry: Stoichiometry

    @cached_property
    def reference(self) -> str:
        """The gas molecules as text."""
        return format_reference(self.stoichiometry)

    @cached_property
    def key(self) -> str:
        """The same for pairs that are the same."""
        species = self.adsorbate
        return _key(
            "pair", self.surface.key, species.name, structure_digest(species.atoms), species.binding, self.reference
        )

    @cached_property
    def gases(self) -> dict[str, tuple[Fraction, Atoms]]:
        """By the key of its relaxation: how many of a gas molecule, and the molecule."""
        molecules = [(number, gas_molecule(name, self.adsorbate)) for name, number in self.stoichiometry.items()]
        return {_key("gas", structure_digest(atoms)): (number, atoms) for number, atoms in molecules}


@dataclass(frozen=True)
class ScreenPlan:
    """Everything that is asked for, each once.

    Attributes:
        pairs: by key.
        unreadable: what is wrong with the lines that ask for nothing.
    """

    pairs: dict[str, Pair]
    unreadable: tuple[str, ...]

    @cached_property
    def surfaces(self) -> dict[str, WantedSurface]:
        """By key."""
        return {pair.surface.key: pair.surface for pair in self.pairs.values()}

    def examples(self) -> list[Atoms]:
        """Each adsorbate with its surface, wherever it stands: what a model for all of them must know."""
        return [pair.surface.start(None) + pair.adsorbate.atoms for pair in self.pairs.values()]


def make_plan(lines: Sequence[Line], energy_kind: str) -> ScreenPlan:
    """Look into every line; one that cannot be used is warned of, and stops no other.

    Args:
        lines: of the table.
        energy_kind: of the calculator; one that predicts adsorption energies needs no references, and relaxes no bulk.

    Raises:
        InputError: not a single line can be used.
    """
    pairs: dict[str, Pair] = {}
    wrong: list[str] = []
    names: dict[str, str] = {}
    for line in lines:
        try:
            found = list(_pairs(line, energy_kind))
        except InputError as error:
            wrong.append(f"{line.where} of the table is left out: {error}")
            continue
        for pair in found:
            pairs.setdefault(pair.key, _distinct(pair, names))
    if not pairs:
        more = f" (and {len(wrong) - 1} more lines)" if len(wrong) > 1 else ""
        raise InputError(f"the table asks for nothing that can be calculated: {wrong[0]}{more}")
    for complaint in wrong:
        warn(complaint)
    return ScreenPlan(pairs, tuple(wrong))


def _distinct(pair: Pair, names: dict[str, str]) -> Pair:
    """Number surfaces that are different and would have the same name."""
    surface, key, count = pair.surface, pair.surface.key, 1
    name = surface.name
    while names.setdefault(name, key) != key:
        count += 1
        name = f"{surface.name} #{count}"
    return replace(pair, surface=replace(surface, name=name))


def _pairs(line: Line, energy_kind: str) -> Iterator[Pair]:
    """All combinations of one line."""
    line.check()
    binding = line.whole_numbers("binding_atom") or None
    wanted = [line.path_or_name(value) for value in line.several("adsorbates", spaced=True)]
    if not wanted:
        raise InputError("it names no adsorbates")
    species = [adsorbate(value, _binding_of(value, binding)) for value in wanted]
    surfaces = list(_surfaces(line))
    for surface in surfaces:
        if energy_kind == "adsorption" and surface.bulk_key is not None:
            raise InputError(
                "this model predicts adsorption energies and cannot relax a bulk crystal: give a relaxed slab, or "
                "keep_bulk: yes"
            )
        for one in species:
            stoichiometry = {} if energy_kind == "adsorption" else reference_for(one, line.text("reference"))
            yield Pair(surface, one, stoichiometry)


def _binding_of(value: Any, binding: list[int] | None) -> list[int] | None:
    """``binding_atom`` is for adsorbates from files; those with names, which may stand beside them, know theirs."""
    return binding if isinstance(value, Atoms | PathLike) else None


def _surfaces(line: Line) -> Iterator[WantedSurface]:
    bulks, slabs = line.several("bulk"), line.several("slab")
    if bool(bulks) == bool(slabs):
        raise InputError("it must say either bulk or slab")
    freeze = line.whole("freeze")
    if slabs:
        of_bulks = ("prototype", "facets", "layers", "size", "vacuum", "termination", "keep_bulk")
        wrong = [name for name in of_bulks if name in line.cells]
        if wrong:
            raise InputError(f"{', '.join(wrong)} goes with bulk; a slab is taken as it is")
        for value in slabs:
            yield _given(line, value, freeze)
        return
    stated = {name: line.whole(name) for name in ("layers", "termination")} | {"vacuum": line.number("vacuum")}
    cut: dict[str, Any] = {name: value for name, value in stated.items() if value is not None}
    for value in bulks:
        what, prototype = line.path_or_name(value), line.text("prototype")
        bulk = find_bulk(what, prototype)
        for facet in line.facets():
            recipe = SlabFromBulk(
                what, facet, size=line.size(), relax=not line.truth("keep_bulk"), prototype=prototype, **cut
            )
            if bulk.estimated and not recipe.relax:
                raise InputError(f"the lattice constant of {what} is only an estimate: leave out keep_bulk")
            for note in notes_on_cut(recipe, bulk):
                warn(f"{line.where} of the table: {note}")
            surface = WantedSurface(_name(what, recipe, freeze, stated), recipe=recipe, bulk=bulk, freeze=freeze)
            surface.start(None)  # refuses what cannot be cut or frozen, while its line can be named
            yield surface


def _given(line: Line, value: Any, freeze: int | None) -> WantedSurface:
    what = line.path_or_name(value)
    read = what if isinstance(what, Atoms) else read_structure(what)
    slab = freeze_bottom(standard_slab(read), freeze)
    for note in notes_on_given(slab):
        warn(f"{line.where} of the table: {note}")
    return WantedSurface(_label(what), given=slab)


def _name(what: Any, recipe: SlabFromBulk, freeze: int | None, stated: dict[str, Any]) -> str:
    face, size = " ".join(map(str, recipe.miller)), "x".join(map(str, recipe.size))
    kind = f"-{recipe.prototype}" if recipe.prototype else ""
    more = stated | {"freeze": freeze, "kept": recipe.relax is False or None}
    details = "".join(f" {name} {value}" for name, value in more.items() if value is not None)
    return f"{_label(what)}{kind} ({face}) {size}{details}".replace(" kept True", " bulk kept")


def _label(what: Any) -> str:
    if isinstance(what, Atoms):
        return what.get_chemical_formula()
    return Path(what).stem if isinstance(what, Path) else str(what)


def _key(kind: str, *parts: Any) -> str:
    """A name for a calculation that says what it starts from; begins with a letter, as ASE takes digits for numbers."""
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()
    return f"{kind}-{digest[:20]}"
