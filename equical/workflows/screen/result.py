"""What a screening found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ase import Atoms

from equical.workflows.common.result import Result
from equical.workflows.screen.settings import ScreenSettings
from equical.workflows.screen.store import Row

__all__ = ["Adsorption", "ScreenFailure", "ScreenResult", "adsorptions_of", "failures_of"]


@dataclass(frozen=True)
class Adsorption:
    """The most stable configuration of an adsorbate on a surface.

    Attributes:
        surface: such as ``"Pt (1 1 1) 3x3"``.
        adsorbate: its name.
        reference: gas molecules that its energy is counted from.
        configuration: name of the most stable one without anomalies; None where there is none.
        site: above which it ended up.
        adsorption_energy: eV, negative where adsorption is exothermic.
        configurations: how many were relaxed.
        anomalous: how many of these are not what they were meant to be.
        atoms: the most stable one, relaxed, with energy and forces.
        outside: why the most stable one lies outside what the model knows; None where it does not, or the calculator
            does not tell.
    """

    surface: str
    adsorbate: str
    reference: str
    configuration: str | None
    site: str | None
    adsorption_energy: float | None
    configurations: int
    anomalous: int
    atoms: Atoms | None = field(repr=False)
    outside: str | None = None


@dataclass(frozen=True)
class ScreenFailure:
    """A calculation that could not be done.

    Attributes:
        name: such as ``"O on Pt (1 1 1) 3x3, fcc-Pt3"`` or ``"gas H2"``.
        reason: in one line.
    """

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ScreenResult(Result):
    """Adsorption energies of many adsorbates on many surfaces.

    Attributes:
        adsorptions: one for each adsorbate on each surface of which a configuration was relaxed, in the order of the
            table.
        failures: what could not be calculated, and why; tried again on request.
        blocked: what was not tried because something failed that it needs, such as ``"O on Pt (1 1 1) 3x3"``.
        unreadable: what is wrong with lines of the table that were left out.
        relaxations: how many there are, by what became of them: ``"done"``, ``"failed"``.
        reused: how many of those done are of an earlier run.
        settings: how it was done.
        converged: whether every line was read, every relaxation done and converged, and each adsorbate has a
            configuration without anomalies on each surface.
        warnings, wall_time, output: see :class:`.Result`.
    """

    adsorptions: tuple[Adsorption, ...]
    failures: tuple[ScreenFailure, ...]
    blocked: tuple[str, ...]
    unreadable: tuple[str, ...]
    relaxations: Mapping[str, int]
    reused: int
    settings: ScreenSettings

    UNITS: ClassVar[Mapping[str, str]] = {
        "adsorption_energy": "eV per adsorbate, negative where adsorption is exothermic",
        "fmax": "eV/Å",
        "azimuths": "degrees",
    }

    def numbers(self) -> dict[str, Any]:
        """See :meth:`.Result.numbers`."""
        return {
            "adsorptions": [
                {name: value for name, value in vars(one).items() if name != "atoms"} for one in self.adsorptions
            ],
            "failures": list(self.failures),
            "blocked": list(self.blocked),
            "unreadable": list(self.unreadable),
            "relaxations": dict(self.relaxations),
            "reused": self.reused,
            "settings": self.settings.to_json(),
        }


def adsorptions_of(rows: Sequence[Row]) -> tuple[Adsorption, ...]:
    """The best of each adsorbate on each surface, in the order of the rows."""
    by_pair: dict[str, list[Row]] = {}
    for row in rows:
        if row.kind == "adsorption" and row.status == "done":
            by_pair.setdefault(row.pair, []).append(row)
    return tuple(map(_best, by_pair.values()))


def _best(rows: Sequence[Row]) -> Adsorption:
    sound = [row for row in rows if row.values["anomalies"] == "none"]
    best = min(sound, key=lambda row: row.values["adsorption_energy"], default=None)
    found: Mapping[str, Any] = best.values if best else {}
    of_all = rows[0].values
    return Adsorption(
        surface=of_all["surface"],
        adsorbate=of_all["adsorbate"],
        reference=of_all["reference"],
        configuration=found.get("configuration"),
        site=found.get("final_site"),
        adsorption_energy=found.get("adsorption_energy"),
        configurations=len(rows),
        anomalous=len(rows) - len(sound),
        atoms=best.atoms if best else None,
        outside=found.get("outside"),
    )


def failures_of(rows: Sequence[Row]) -> tuple[ScreenFailure, ...]:
    """What has failed, and why."""
    return tuple(ScreenFailure(row.name, row.values["reason"]) for row in rows if row.status == "failed")
