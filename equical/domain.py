"""What a shipped model is made for, as its folder declares it in ``domain.json``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from ase.data import atomic_numbers
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from equical.errors import InputError
from equical.structures.kinds import KINDS, Kind, kind_of

if TYPE_CHECKING:
    from ase import Atoms

__all__ = ["DOMAIN_FILE", "Domain", "Range"]

DOMAIN_FILE = "domain.json"

MOST_MINOR = 0.25
"""Share of atoms of the minor elements: a full layer of an adsorbate on a slab of three, and no oxide."""

MOST_NAMED = 12
"""Elements that are named; of more their number is told."""


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(_Declared):
    """Structures of some kinds, of some elements."""

    kinds: tuple[Kind, ...] = Field(min_length=1, description="bulk, slab, wire, molecule")
    elements: tuple[str, ...] = Field(min_length=1, description="chemical symbols")
    minor: tuple[str, ...] = Field((), description="elements that at most a quarter of the atoms may have, adsorbates")
    most: int | None = Field(None, ge=1, description="of how many of `elements` a structure may be at most")

    @field_validator("elements", "minor")
    @classmethod
    def _symbols_exist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [symbol for symbol in value if atomic_numbers.get(symbol, 0) == 0]:
            raise ValueError(f"{', '.join(unknown)} is no chemical symbol")
        return value

    def covers(self, atoms: Atoms) -> bool:
        """Whether a structure is one of these."""
        symbols = atoms.get_chemical_symbols()
        main = {symbol for symbol in symbols if symbol not in self.minor}
        few = sum(symbol in self.minor for symbol in symbols) <= MOST_MINOR * len(symbols)
        not_too_many = self.most is None or len(main) <= self.most
        return kind_of(atoms) in self.kinds and main.issubset(self.elements) and few and not_too_many

    def __str__(self) -> str:
        """For example ``slab of Pt, Ru with some H, O``."""
        many = len(self.elements) > MOST_NAMED
        text = f"{' or '.join(self.kinds)} of {f'{len(self.elements)} elements' if many else ', '.join(self.elements)}"
        if self.most is not None:
            text += ", one at a time" if self.most == 1 else f", {self.most} at a time"
        return text + (f" with some {', '.join(self.minor)}" if self.minor else "")


class Domain(_Declared):
    """What a model is made for, and what is to be known before it is chosen.

    Attributes:
        level: level of theory of its data.
        errors: how far off it is on data that it has not seen, in a few words.
        covers: ranges of structures, any of which will do.
    """

    level: str
    errors: str
    covers: tuple[Range, ...] = Field(min_length=1)

    @classmethod
    def read(cls, file: Path) -> Self:
        """What a file declares.

        Raises:
            InputError: it is not valid.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{file} is not valid: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error

    @classmethod
    def anything_of(cls, elements: tuple[str, ...]) -> Self:
        """The domain of a model that declares none: every structure of its elements."""
        return cls(level="not stated", errors="not stated", covers=(Range(kinds=KINDS, elements=elements),))

    def range_of(self, atoms: Atoms) -> Range | None:
        """The range that a structure lies in, if it does in any."""
        return next((one for one in self.covers if one.covers(atoms)), None)

    def __str__(self) -> str:
        return "; ".join(map(str, self.covers))
