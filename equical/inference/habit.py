"""What a caller will ask of the next structure, judged by what it asked of the one before."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ForceHabit"]


@dataclass
class ForceHabit:
    """Whether the forces of a structure will be asked for, judged by the structure before.

    Callers want energies only, or energy and forces of every structure, and then mostly the energy first. One pass
    gives both for hardly more than the energy alone takes, a second pass costs all of it again. So who asked for forces
    last time gets them computed along with the energy; who did not gets the energy alone.

    Attributes:
        before: forces or stress of the structure before were asked for.
        now: those of this one were.
    """

    before: bool = False
    now: bool = False

    def next_structure(self) -> None:
        """Another structure begins."""
        self.before, self.now = self.now, False

    def asked(self, derivatives: bool) -> None:
        """Note a question, and whether it was for forces or stress."""
        self.now |= derivatives

    @property
    def expects_forces(self) -> bool:
        return self.now or self.before
