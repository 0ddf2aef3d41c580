"""Barriers by the nudged elastic band with a climbing image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.utils.forcecurve import fit_images

from equical.errors import InputError
from equical.workflows.common.at_rest import largest_force
from equical.workflows.common.batch import evaluate_all
from equical.workflows.common.evaluations import Arrays, Evaluations
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.inputs import check_structure, require_atoms_in, resolve_calculator
from equical.workflows.common.notes import noted_warnings
from equical.workflows.common.provenance import structure_digest
from equical.workflows.common.suitability import warn_if_unknown, warn_if_unsuitable
from equical.workflows.neb.band import Band, first_path, pull
from equical.workflows.neb.files import NEB_FILES, last_band, write_band, write_neb
from equical.workflows.neb.judgement import judge, judge_ends
from equical.workflows.neb.matching import check_alike, followed, matched
from equical.workflows.neb.result import NebResult
from equical.workflows.neb.settings import BandOptimizer, NebSettings
from equical.workflows.relax import relax

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator

__all__ = ["neb"]

PURPOSE = "a path of least energy"

IMAGES = 7
"""Between the ends, unless a path or another number is given; odd, so that one can lie in the middle."""

END_FMAX = 0.01
"""eV/Å. Where the relaxations of the ends stop."""

SAME = 0.05
"""Å. Ends whose atoms are all this close are the same structure."""


def neb(  # noqa: PLR0913 (the settings are spelled out for those who call this by hand)
    initial: Atoms | None = None,
    final: Atoms | None = None,
    calculator: BaseCalculator | str | PathLike[str] | None = None,
    *,
    path: Sequence[Atoms] | None = None,
    images: int | None = None,
    climb: bool = True,
    spring: float = 0.1,
    fmax: float = 0.05,
    steps: int = 500,
    optimizer: BandOptimizer = "fire",
    keep_order: bool = False,
    relax_ends: bool = False,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> NebResult:
    """Find the path of least energy between two structures, and the barrier on it.

    The atoms of the two ends are matched so that they have the shortest way, through periodic boundaries where that is
    shorter. The band starts on a path of even interatomic distances (ASE's IDPP), and is pulled by ASE's nudged elastic
    band with the improved tangent. All images of a step are evaluated together where the calculator can
    (:meth:`.EquiCalc.batch`). Constraints of the initial structure hold for all images.

    Args:
        initial: where the path begins; not changed.
        final: where it ends; its atoms may be in another order, but not in another cell.
        calculator: any ASE calculator, the name or folder of a model, or None for the calculator of the initial
            structure and, without one, the shipped model that is made for it.
        path: all images from the initial to the final structure, in place of these two; their atoms are in one order.
        images: between the ends; by default 7, or those of ``path``.
        climb: let the highest image climb to the saddle point.
        spring: eV/Å², of the springs between images.
        fmax: eV/Å, largest force on the band to accept.
        steps: of the band, the most to take.
        optimizer: ``"fire"`` (robust), or ``"lbfgs"`` (half the steps where the path is smooth; may fail where not).
        keep_order: atoms of the two ends correspond in the order they have.
        relax_ends: relax both ends first, to 0.01 eV/Å.
        output: folder for ``result.json``, ``band.extxyz``, ``band.csv``, ``saddle.extxyz`` (the highest image) and
            ``neb.png``; None writes nothing.
        overwrite: accept a folder with earlier results.
        resume: go on from the last band in the folder; the optimizer's memory starts afresh.
        progress: show a progress bar.

    Raises:
        InputError: ends that no path can join, or that are the same; settings or an output folder that are unusable; or
            an image that cannot be evaluated.

    >>> from ase.build import bulk
    >>> from ase.calculators.emt import EMT
    >>> crystal = bulk("Cu", cubic=True) * (2, 2, 2)
    >>> initial, final = crystal.copy(), crystal.copy()
    >>> del initial[0]
    >>> del final[1]
    >>> hop = neb(initial, final, EMT(), images=1, relax_ends=True)
    >>> hop.converged, round(hop.barrier, 2), round(hop.reverse_barrier, 2)
    (True, 0.76, 0.76)
    """
    began = time.perf_counter()
    given = _given(initial, final, path)
    if path is not None and images is not None:
        raise InputError("a path has its images: leave out their number")
    number = IMAGES if images is None else images
    settings = NebSettings(
        len(given) - 2 if path is not None else number, climb, spring, fmax, steps, optimizer, keep_order, relax_ends
    )
    with RunFolder(output, NEB_FILES, overwrite=overwrite, resume=resume) as folder, noted_warnings() as noted:
        start = _joined(given, settings)
        calc = resolve_calculator(calculator, given[0])
        warn_if_unsuitable(calc, start[0], PURPOSE)
        store = Evaluations(folder, "ends", calc)
        first = _end("initial", start[0], calc, store, settings)
        last = _end("final", start[-1], calc, store, settings)
        _require_different(first, last, relax_ends)
        warn_if_unknown(calc, first, "the initial structure")
        warn_if_unknown(calc, last, "the final structure")
        end_forces = (largest_force(first.get_forces()), largest_force(last.get_forces()))
        judge_ends(end_forces)
        middle = first_path(first, last, settings.images)[1:-1] if path is None else start[1:-1]
        rest = [structure_digest(image) for image in given[1:]]
        folder.begin("neb", settings, calc, given[0], **({"final": rest[0]} if path is None else {"path": rest}))
        store.write()

        images_now, done = last_band(folder, [first, *middle, last])
        images_now[0].calc, images_now[-1].calc = first.calc, last.calc
        band = Band(images_now, calc, spring)
        taken = done
        for taken in pull(band, settings, done, progress):
            if folder:
                write_band(folder, band.images, taken)
        result = NebResult(
            images=tuple(band.images),
            lengths=band.lengths(),
            max_force=band.max_force,
            end_forces=end_forces,
            climbing=band.climb,
            fit=fit_images(band.images),
            steps=taken,
            settings=settings,
            converged=band.is_converged(settings),
        )
        judge(result)
        if result.saddle is not None:
            warn_if_unknown(calc, result.saddle, "the highest image")
        result = replace(result, warnings=tuple(noted), wall_time=time.perf_counter() - began, output=folder.path)
        if folder:
            write_neb(folder, result)
            folder.finish(result, calc)
    return result


def _given(initial: Atoms | None, final: Atoms | None, path: Sequence[Atoms] | None) -> list[Atoms]:
    """What the user has given of the path, in order."""
    if path is None:
        if initial is None or final is None:
            raise InputError("give an initial and a final structure, or a path")
        return [initial, final]
    if initial is not None or final is not None:
        raise InputError("a path has its ends: leave out the initial and the final structure")
    require_atoms_in(path)
    if len(path) < 3:
        raise InputError(f"a path needs three structures at least, both ends and one between; this one has {len(path)}")
    return list(path)


def _joined(given: Sequence[Atoms], settings: NebSettings) -> list[Atoms]:
    """Copies with one order of atoms, none of which jumps by a lattice vector on the way."""
    check_structure(given[0])
    first = given[0].copy()
    first.calc = None
    if len(given) == 2:
        check_alike(first, given[1], "the final one")
        return [first, matched(first, given[1], settings.keep_order)]
    images = [first]
    for number, image in enumerate(given[1:], start=1):
        name = f"image {number} of the path"
        check_alike(first, image, name)
        if (image.numbers != first.numbers).any():
            raise InputError(f"{name} has its atoms in another order than the initial structure")
        images.append(followed(images[-1], image, name))
    return images


def _end(name: str, atoms: Atoms, calculator: BaseCalculator, store: Evaluations, settings: NebSettings) -> Atoms:
    """One end, relaxed if asked, with its energy and forces attached."""
    end = atoms.copy()
    if settings.relax_ends:
        relaxed = store.get(f"{name}-relaxed", end, lambda start: _relaxed(start, calculator))
        end.set_positions(relaxed["positions"], apply_constraint=False)
    kind = f"the {name} structure"
    found = store.get(name, end, lambda image: evaluate_all(calculator, [image], kind)[0]._asdict())
    end.calc = SinglePointCalculator(end, energy=float(found["energy"]), forces=found["forces"])
    return end


def _relaxed(atoms: Atoms, calculator: BaseCalculator) -> Arrays:
    return {"positions": relax(atoms, calculator, fmax=END_FMAX).atoms.positions}  # the force left is told


def _require_different(first: Atoms, last: Atoms, relaxed: bool) -> None:
    furthest = np.linalg.norm(last.positions - first.positions, axis=1).max()
    if furthest < SAME:
        what = "relax to the same structure" if relaxed else "are the same structure"
        raise InputError(
            f"the two ends {what} (no atom is more than {furthest:.2g} Å away): there is no path between them"
        )
