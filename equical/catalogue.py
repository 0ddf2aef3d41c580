"""The shipped models: what each is made for, and which one to take for a structure."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from equical.checkpoint import CONFIG_FILE, WEIGHTS_FILE, shipped_models
from equical.domain import DOMAIN_FILE, Domain
from equical.errors import InputError, ModelChoice, frames_within
from equical.model.potential import EnergyKind
from equical.structures.kinds import kind_of

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["AUTO", "Choice", "ShippedModel", "catalogue", "choose_model", "model_to_start_from", "models_for"]
__all__ += ["WAYS_ON", "named_model", "objections", "tell"]

AUTO = "auto"
"""The name that stands for the choice of a model by the structure."""

WAYS_ON = (
    "name a model that you trust with it, take a published one with `equical convert`, or adapt one to your own data "
    "with `equical finetune`"
)


@dataclass(frozen=True)
class ShippedModel:
    """A model that comes with equical.

    Attributes:
        name: that it is asked for by.
        folder: where it lies.
        elements: chemical symbols.
        energy_kind: ``"total"``, or ``"adsorption"`` for energies relative to slab and gas.
        domain: what it is made for.
        size: bytes of its weights.
    """

    name: str
    folder: Path
    elements: tuple[str, ...]
    energy_kind: EnergyKind
    domain: Domain
    size: int

    @property
    def card(self) -> str:
        """The text of its card."""
        return (self.folder / "README.md").read_text("utf-8")

    def covers(self, atoms: Atoms) -> bool:
        """Whether a structure is what it is made for, and it computes total energies."""
        return self.energy_kind == "total" and self.domain.range_of(atoms) is not None

    def objection(self, atoms: Atoms) -> str:
        """Why not, in a few words that follow its name; empty where it covers the structure."""
        if self.covers(atoms):
            return ""
        missing = sorted(set(atoms.get_chemical_symbols()).difference(self.elements))
        if missing:
            return f"knows no {', '.join(missing)}"
        if self.energy_kind != "total":
            return "predicts adsorption energies"
        return f"is made for {self.domain}"


@dataclass(frozen=True)
class Choice:
    """Which model was taken, and why.

    Attributes:
        name: of the model.
        reason: one line.
    """

    name: str
    reason: str


def catalogue() -> list[ShippedModel]:
    """All shipped models, the most specialised first: the one that knows the fewest elements."""
    found = [_described(name, folder) for name, folder in shipped_models().items()]
    return sorted(found, key=lambda model: (len(model.elements), model.name))


def models_for(atoms: Atoms) -> list[ShippedModel]:
    """Shipped models whose domain covers a structure, the most specialised first."""
    return [model for model in catalogue() if model.covers(atoms)]


def objections(model: ShippedModel, images: Sequence[Atoms]) -> dict[str, int]:
    """Why a model does not cover some of several structures, and how many of them each reason is about."""
    found = Counter(f"{_named(atoms)}: {why}" for atoms in images if (why := model.objection(atoms)))
    return dict(found)


def choose_model(structures: Atoms | Sequence[Atoms], *, partly: bool = False) -> Choice:
    """The most specialised shipped model whose domain covers a structure, or all of several.

    Args:
        structures: what is to be computed, with one and the same model.
        partly: be content with the model that covers the most of them, one at least.

    Raises:
        InputError: there is no such model. The message says why not of each.
    """
    images = [structures] if hasattr(structures, "get_chemical_symbols") else list(structures)
    models = catalogue()
    covered = {model.name: sum(model.covers(atoms) for atoms in images) for model in models}
    most = max(covered.values(), default=0)
    if not images or most < (1 if partly else len(images)):
        raise InputError(_refusal(images, models))
    able = [model for model in models if covered[model.name] == most]
    what = _named(images[0]) if len(images) == 1 else f"{most} of {len(images)} structures"
    domain = able[0].domain
    why = f"made for {domain.range_of(images[0]) or domain}, level {domain.level}"
    rest = f"; less specialised: {', '.join(model.name for model in able[1:])}" if able[1:] else ""
    return Choice(able[0].name, f"model {able[0].name} for {what}: {why}{rest}")


def named_model(model: str | PathLike[str], structures: Sequence[Atoms], *, partly: bool = False) -> str:
    """The model of a name; for ``"auto"`` the one chosen for structures, which is told as a :class:`.ModelChoice`.

    Without structures the most general one is chosen.

    Args:
        model: name, folder or ``"auto"``.
        structures: what is to be computed.
        partly: see :func:`choose_model`.

    Raises:
        InputError: there is none to choose.
    """
    if model != AUTO:
        return fspath(model)
    if structures:
        choice = choose_model(structures, partly=partly)
    else:
        name = model_to_start_from(())
        choice = Choice(name, f"model {name}: no structure is given, and it knows the most elements")
    tell(choice)
    return choice.name


def tell(choice: Choice) -> None:
    """Say which model was chosen and why."""
    warnings.warn(choice.reason, ModelChoice, stacklevel=frames_within())


def model_to_start_from(elements: Iterable[str]) -> str:
    """Name of the shipped model that knows the most elements, these among them: the base of a fine-tuning.

    Raises:
        InputError: none knows all of them.
    """
    wanted = set(elements)
    able = [m.name for m in catalogue() if m.energy_kind == "total" and wanted.issubset(m.elements)]
    if not able:
        names = ", ".join(model.name for model in catalogue()) or "there is none in this installation"
        raise InputError(
            f"no shipped model ({names}) knows all of {', '.join(sorted(wanted)) or 'what is wanted'}: name one with "
            "--model and train the others anew with --new-elements, or take a published one with `equical convert`"
        )
    return able[-1]


def _described(name: str, folder: Path) -> ShippedModel:
    config = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
    elements, file = tuple(config["elements"]), folder / DOMAIN_FILE
    domain = Domain.read(file) if file.is_file() else Domain.anything_of(elements)
    size = (folder / WEIGHTS_FILE).stat().st_size
    return ShippedModel(name, folder, elements, config["energy_kind"], domain, size)


def _refusal(images: Sequence[Atoms], models: Sequence[ShippedModel]) -> str:
    """Of one structure why each model does not cover it; of several, of the first that most models do not cover."""
    if not images:
        return "there is no structure to choose a model for: name a model"
    if not models:
        return f"this installation has no shipped models: {WAYS_ON}"
    open_ones = [atoms for atoms in images if not any(model.covers(atoms) for model in models)]
    if not open_ones:
        return f"no shipped model covers all {len(images)} structures, each covers some: name one with --model"
    reasons = "; ".join(f"{model.name} {model.objection(open_ones[0])}" for model in models)
    return f"no shipped model is made for {_named(open_ones[0])} ({reasons}): {WAYS_ON}"


def _named(atoms: Atoms) -> str:
    return f"{kind_of(atoms)} {atoms.get_chemical_formula()}"
