"""What is never trained on: crystals of the real DFT labels, crystals besides, and single numbers.

Three questions, three sets that training never sees:

- *How good is the model on real DFT?* One composition in five of mptrj-random-1k is held out. Neither its frames nor
  anything made from a crystal of that composition is trained on, in whatever kind: a perturbed copy with a teacher's
  label would give the answer away. The rest of mptrj-random-1k is trained on.
- *How good is it on crystals it has not seen?* Everything made from these compositions and from one in a hundred of
  the other parents, against the teacher.
- *How good is it on structures like those it has seen?* One number in a hundred of the rest. Numbers of crystals from
  200,000 on, which others judge by, are of this sort: their parents are those of the training.

Membership follows from a hash of names, so it does not change when labels are added. Elements on their own are never
held out as compositions: there are a few of each, and every one is needed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from ase import Atoms
from ase.formula import Formula

REAL = 20
"""Percent of the compositions of real labels that are held out."""

PARENTS = 1
NUMBERS = 1

NO_CRYSTAL = ("random", "none")
"""Parents of structures that come from no crystal."""

Part = Literal["training", "unseen crystals", "unseen numbers"]


def drawn(name: str, percent: int) -> bool:
    """Whether a name belongs to a share of all names; always the same."""
    digest = hashlib.sha256(f"universal-pbe {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100 < percent


@cache
def composition(symbols: str) -> str:
    """The reduced formula of a formula, such as ``CuO2`` for ``Cu2O4``, in the order of Hill."""
    return Formula(symbols).reduce()[0].format("hill")


@cache
def is_element(composition: str) -> bool:
    """Whether there is one element in a composition."""
    return len(Formula(composition).count()) == 1


def is_held_out(composition: str) -> bool:
    """Whether real labels of a composition are held out."""
    return not is_element(composition) and drawn(f"composition {composition}", REAL)


@dataclass(frozen=True)
class Split:
    """Where every frame belongs.

    Attributes:
        compositions: of real labels, held out.
        parents: composition of each parent by its name.
    """

    compositions: frozenset[str]
    parents: dict[str, str]

    @classmethod
    def of(cls, real: Iterable[Atoms], parents: Iterable[Atoms]) -> "Split":
        """From the real labels and the parents of structures."""
        found = {composition(str(atoms.symbols)) for atoms in real}
        named = {atoms.info["parent"]: composition(str(atoms.symbols)) for atoms in parents}
        return cls(frozenset(filter(is_held_out, found)), named)

    def real_is_held_out(self, atoms: Atoms) -> bool:
        """Whether a frame with real labels is kept for judging."""
        return composition(str(atoms.symbols)) in self.compositions

    def part(self, atoms: Atoms) -> Part:
        """Where a frame with a teacher's labels belongs."""
        kind, parent, number = (atoms.info[key] for key in ("kind", "parent", "number"))
        origin = self.composition_of(parent)
        if {composition(str(atoms.symbols)), origin} & self.compositions:
            return "unseen crystals"
        if origin is not None and not is_element(origin) and drawn(f"parent {parent}", PARENTS):
            return "unseen crystals"
        if kind != "atoms" and drawn(f"number {kind} {number}", NUMBERS):
            return "unseen numbers"
        return "training"

    def composition_of(self, parent: str) -> str | None:
        """Of a parent, or of a prototype such as ``rocksalt Na Cl``; None for what comes from no crystal.

        Raises:
            KeyError: a parent that is in no list.
        """
        if parent in NO_CRYSTAL:
            return None
        if " " in parent:
            return composition("".join(parent.split()[1:]))
        return self.parents[parent]
