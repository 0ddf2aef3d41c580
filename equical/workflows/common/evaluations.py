"""A series of expensive calculations, each kept on disk as soon as it is done, so that a killed run can go on."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from equical.errors import InputError
from equical.files import atomic_path
from equical.workflows.common.folder import RunFolder
from equical.workflows.common.provenance import comparable, parameters_of, provenance

__all__ = ["AT_ONCE", "Arrays", "Evaluations"]

Arrays = dict[str, NDArray[Any]]

AT_ONCE = 24
"""Structures that are calculated together: enough to fill the machine, few enough to lose little by a kill."""


class Evaluations:
    """Results of calculations on numbered structures, one ``.npz`` file each, or nothing on disk.

    A file is written atomically and carries a fingerprint of the structure, the model and the settings; it is read
    back instead of calculating only where all of them are the same, to the last bit.

    Attributes:
        reused: how many results came from disk so far.
    """

    def __init__(
        self, folder: RunFolder, subfolder: str, calculator: BaseCalculator, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Keep results in a subfolder of a run's folder.

        What is calculated before the run has begun, to find out whether its input can be accepted, is written when it
        has.

        Args:
            folder: of the run; where it is resumed, every result that is there is read instead of calculated.
            subfolder: its name, created with the first result.
            calculator: its model and parameters are part of the fingerprint, the device it runs on is not.
            settings: whatever else decides the results, such as the convergence limit of a relaxation.
        """
        self._run = folder
        self._folder = folder / subfolder if folder else None
        self._origin = repr([provenance(calculator)["model"], parameters_of(calculator), comparable(settings or {})])
        self._unwritten: list[tuple[Path, str, Arrays]] = []
        self.reused = 0

    def get(self, name: str, atoms: Atoms, calculate: Callable[[Atoms], Mapping[str, Any]]) -> Arrays:
        """Result ``name`` for ``atoms``: read from disk if it is there, else calculated and written.

        Args:
            name: stem of the file, such as ``"0007"``.
            atoms: the structure that goes into ``calculate``.
            calculate: function of that structure that returns named arrays or numbers.

        Raises:
            InputError: the file there belongs to another structure, model or setting.
        """
        stored = self._stored(name, atoms)
        return self._keep(name, atoms, calculate(atoms)) if stored is None else stored

    def get_all(
        self, named: Mapping[str, Atoms], calculate: Callable[[list[Atoms]], Iterable[Mapping[str, Any]]]
    ) -> Iterator[Arrays]:
        """Results for many structures, in their order; those that are not on disk are calculated several at a time.

        Args:
            named: structures by the stems of their files.
            calculate: function of a list of structures that returns named arrays or numbers for each of them.

        Raises:
            InputError: as :meth:`get`.
        """
        known: dict[str, Arrays | None] = {name: self._stored(name, atoms) for name, atoms in named.items()}
        missing = [name for name, result in known.items() if result is None]
        for name in named:
            if known[name] is None:
                now, missing = missing[:AT_ONCE], missing[AT_ONCE:]
                results = calculate([named[one] for one in now])
                for one, result in zip(now, results, strict=True):
                    known[one] = self._keep(one, named[one], result)
            found = known.pop(name)
            assert found is not None
            yield found

    def get_each(
        self,
        named: Mapping[str, Atoms],
        calculate: Callable[[dict[str, Atoms]], Iterable[tuple[str, Mapping[str, Any]]]],
    ) -> Iterator[tuple[str, Arrays]]:
        """Results with their names as they come: first those on disk, then the others, each kept as soon as it is done.

        Args:
            named: structures by the stems of their files.
            calculate: function of the structures that are missing, which gives names with arrays or numbers, in any
                order; one that it leaves out has no result.

        Raises:
            InputError: as :meth:`get`.
        """
        missing = {}
        for name, atoms in named.items():
            stored = self._stored(name, atoms)
            if stored is None:
                missing[name] = atoms
            else:
                yield name, stored
        for name, result in calculate(missing) if missing else ():
            yield name, self._keep(name, named[name], result)

    def _stored(self, name: str, atoms: Atoms) -> Arrays | None:
        """What an earlier run has left; None where it is to be calculated."""
        if self._folder is None or not self._run.resume:
            return None
        path = self._folder / f"{name}.npz"
        stored = _read(path)
        if stored is None:
            return None
        if str(stored.pop("fingerprint", "")) != self._fingerprint(atoms):
            raise InputError(
                f"{path} belongs to another structure, model or setting: "
                "resume with the same ones, or start afresh with --overwrite or another --output"
            )
        self.reused += 1
        return stored

    def _keep(self, name: str, atoms: Atoms, calculated: Mapping[str, Any]) -> Arrays:
        result = {key: np.asarray(value) for key, value in calculated.items()}
        if self._folder is not None:
            self._unwritten.append((self._folder / f"{name}.npz", self._fingerprint(atoms), result))
            if self._run.begun:
                self.write()
        return result

    def write(self) -> None:
        """Write what was calculated before the run had begun; the next result would take it along."""
        for path, fingerprint, result in self._unwritten:
            self._run.require_there()
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                np.savez(temporary, fingerprint=np.array(fingerprint), **result)  # type: ignore[arg-type]
        self._unwritten.clear()

    def _fingerprint(self, atoms: Atoms) -> str:
        digest = hashlib.sha256(self._origin.encode())
        for array in (atoms.numbers, atoms.positions, atoms.cell[:], atoms.pbc):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def _read(path: Path) -> Arrays | None:
    """The arrays in a file; None where there is none, or not a whole one."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except (FileNotFoundError, zipfile.BadZipFile, EOFError, ValueError):
        return None
