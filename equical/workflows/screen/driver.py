"""What leads a screening: hands out what can be done, keeps what comes back, and finds out what can be done then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from ase import Atoms

from equical.errors import InputError
from equical.workflows.adsorption.anomalies import look_at
from equical.workflows.adsorption.notes import notes_before
from equical.workflows.adsorption.place import place_all
from equical.workflows.adsorption.relaxer import Relaxed
from equical.workflows.adsorption.sites import SiteClass, choose_sites, find_sites
from equical.workflows.adsorption.surface import BULK_FMAX
from equical.workflows.adsorption.symmetry import SurfaceSymmetry
from equical.workflows.screen.plan import Pair, ScreenPlan, WantedSurface
from equical.workflows.screen.settings import ScreenSettings
from equical.workflows.screen.store import Row, Store
from equical.workflows.screen.tasks import Finished, Task
from equical.workflows.screen.workers import Workers

__all__ = ["Driver"]

AT_ONCE = 8
"""Adsorptions that a worker relaxes side by side: more are hardly faster on a core, and a kill loses them."""

OUTCOME = ("reason", "seconds")
"""Values that a failure leaves and another try takes away."""


class Driver:
    """Goes through a plan, from what the database of an earlier run has."""

    def __init__(
        self, plan: ScreenPlan, store: Store, settings: ScreenSettings, energy_kind: str, *, in_batches: bool
    ) -> None:
        """Nothing is begun yet.

        Args:
            plan: what is asked for.
            store: where rows are kept.
            settings: of all relaxations.
            energy_kind: of the calculator; slabs of one that predicts adsorption energies stay as they are.
            in_batches: whether the calculator evaluates several structures at once.
        """
        self._plan, self._store, self._settings, self._energy_kind = plan, store, settings, energy_kind
        self._sites: dict[str, tuple[SurfaceSymmetry, tuple[SiteClass, ...]]] = {}
        self._waiting: list[WantedSurface | Pair] = []
        self._at_once = AT_ONCE if in_batches else 1

    @property
    def wanted(self) -> list[Row]:
        """The rows so far of what the table asks for; others may be there of an earlier table."""
        surfaces, pairs = self._plan.surfaces, self._plan.pairs
        shared = {surface.bulk_key for surface in surfaces.values()} | surfaces.keys()
        shared |= {gas for pair in pairs.values() for gas in pair.gases}
        return [row for row in self._store.rows.values() if row.task in shared or row.pair in pairs]

    @property
    def blocked(self) -> list[Pair]:
        """Pairs that wait for something: in the end, for something that has failed."""
        return [node for node in self._waiting if isinstance(node, Pair)]

    def open_again(self) -> None:
        """Let everything that has failed be tried once more."""
        for row in [row for row in self.wanted if row.status == "failed"]:
            if len(row.atoms) == 0:  # it could not even be made
                self._store.forget(row)
                continue
            values = {name: value for name, value in row.values.items() if name not in OUTCOME}
            self._store.write(replace(row, status="open", values=values))

    def go(self, workers: Workers) -> Iterator[Row]:
        """Do all that can be done; yields each row when it has come to its end and is on disk.

        Raises:
            InputError: the workers are gone, or the database cannot be written.
        """
        self._begin()
        # Adsorptions last: they are done several at a time.
        rows = sorted((row for row in self.wanted if row.status == "open"), key=lambda row: row.kind == "adsorption")
        rows = rows or self._next_ready()
        in_flight = 0
        while rows or in_flight:
            yield from (row for row in rows if row.status != "open")
            in_flight += self._hand_out([row for row in rows if row.status == "open"], workers)
            # What has ended is kept before the next slab is looked at, which takes a while: a kill would lose it.
            rows = self._next_ready()
            ended = workers.finished(wait=not rows) if in_flight else []
            in_flight -= len(ended)
            yield from self._keep(ended)
            rows = rows or self._next_ready()

    def _hand_out(self, rows: Sequence[Row], workers: Workers) -> int:
        """Submit rows, adsorptions several at a time unless that leaves workers without work; returns how many."""
        left = list(rows)
        while left:
            number = 1
            if self._at_once > 1 and left[0].kind == "adsorption":
                number = min(self._at_once, ceil(len(left) / max(workers.idle(), 1)))
            now, left = left[:number], left[number:]
            workers.submit([self._task(row) for row in now])
        return len(rows)

    def _begin(self) -> None:
        """Write what waits for nothing, and see what waits."""
        rows, plan = self._store.rows, self._plan
        crystals = {s.bulk_key: s.bulk.crystal for s in plan.surfaces.values() if s.bulk_key and s.bulk}
        molecules = {key: gas for pair in plan.pairs.values() for key, (_, gas) in pair.gases.items()}
        new = [Row(key, "bulk", atoms, values={"crystal": str(atoms.symbols)}) for key, atoms in crystals.items()]
        new += [Row(key, "gas", atoms, values={"molecule": str(atoms.symbols)}) for key, atoms in molecules.items()]
        self._store.write(*(row for row in new if row.task not in rows))
        placed = {row.pair for row in rows.values()}
        self._waiting = [surface for key, surface in plan.surfaces.items() if key not in rows]
        self._waiting += [pair for key, pair in plan.pairs.items() if key not in placed]

    def _next_ready(self) -> list[Row]:
        """Rows, written, of the first that had to wait and need not any more; none where all have to."""
        node = next(filter(self._is_ready, self._waiting), None)
        if node is None:
            return []
        self._waiting = [other for other in self._waiting if other is not node]
        rows = self._slab(node) if isinstance(node, WantedSurface) else self._adsorptions(node)
        self._store.write(*rows)
        return rows

    def _is_ready(self, node: WantedSurface | Pair) -> bool:
        if isinstance(node, WantedSurface):
            return node.bulk_key is None or self._is_done(node.bulk_key)
        return self._is_done(node.surface.key) and all(map(self._is_done, node.gases))

    def _is_done(self, key: str) -> bool:
        return key in self._store.rows and self._store.rows[key].status == "done"

    def _slab(self, surface: WantedSurface) -> list[Row]:
        """A slab, cut from the relaxed crystal if it is to be cut."""
        values: dict[str, Any] = {"surface": surface.name}
        try:
            start = self._start(surface)
        except InputError as error:
            return [Row(surface.key, "slab", Atoms(), "failed", values | {"reason": str(error)})]
        kept = self._energy_kind == "adsorption"
        return [
            Row(surface.key, "slab", start, "done" if kept else "open", values | ({"converged": 1} if kept else {}))
        ]

    def _start(self, surface: WantedSurface) -> Atoms:
        return surface.start(self._store.rows[surface.bulk_key].atoms if surface.bulk_key else None)

    def _adsorptions(self, pair: Pair) -> list[Row]:
        """The adsorbate on every kind of site."""
        surface, species = pair.surface, pair.adsorbate
        values: dict[str, Any] = {
            "surface": surface.name,
            "adsorbate": species.name,
            "reference": pair.reference or "of the model",
        }
        slab = self._store.rows[surface.key].atoms
        try:
            symmetry, sites = self._sites_of(surface)
            placements = place_all(
                slab, species, choose_sites(sites, self._settings.sites), symmetry, self._settings.azimuths
            )
        except InputError as error:
            return [Row(pair.key, "adsorption", Atoms(), "failed", values | {"reason": str(error)}, pair.key)]
        found = notes_before(slab, species, placements[0].atoms, self._start(surface))
        notes = tuple(f"{surface.name}: {note}" for note in found)
        return [
            Row(
                f"{pair.key} {placement.name}",
                "adsorption",
                placement.atoms,
                values=values
                | {
                    "configuration": placement.name,
                    "site": placement.site.name,
                    "tilt": placement.tilt,
                    "azimuth": placement.azimuth,
                },
                pair=pair.key,
                notes=notes,
            )
            for placement in placements
        ]

    def _sites_of(self, surface: WantedSurface) -> tuple[SurfaceSymmetry, tuple[SiteClass, ...]]:
        if surface.key not in self._sites:
            slab = self._store.rows[surface.key].atoms
            symmetry = SurfaceSymmetry.of(slab)
            self._sites[surface.key] = symmetry, find_sites(slab, symmetry)
        return self._sites[surface.key]

    def _task(self, row: Row) -> Task:
        fmax, steps = self._settings.fmax, self._settings.steps
        if row.kind == "bulk":
            return Task(row.task, "bulk", row.atoms, BULK_FMAX, steps, {"cell": "free", "symmetry": True}, urgent=True)
        return Task(row.task, row.kind, row.atoms, fmax, steps, urgent=row.kind != "adsorption")

    def _keep(self, ended: Sequence[Finished]) -> list[Row]:
        """Write what came of tasks."""
        rows = [self._row(finished) for finished in ended]
        self._store.write(*rows)
        return rows

    def _row(self, finished: Finished) -> Row:
        row, relaxed = self._store.rows[finished.key], finished.relaxed
        values = dict(row.values) | {"seconds": finished.seconds}
        if relaxed is None:
            return replace(row, status="failed", values=values | {"reason": finished.error})
        values |= {"converged": int(relaxed.converged), "steps": relaxed.steps, "max_force": relaxed.max_force}
        if finished.outside:
            values |= {"outside": finished.outside}
        if row.kind == "adsorption":
            values |= self._seen(row, relaxed)
        return replace(row, status="done", values=values, atoms=relaxed.atoms)

    def _seen(self, row: Row, relaxed: Relaxed) -> dict[str, Any]:
        """What became of an adsorbate, and how strongly it is bound."""
        pair = self._plan.pairs[row.pair]
        sites = self._sites_of(pair.surface)[1]
        slab = self._store.rows[pair.surface.key].atoms
        site = next(site for site in sites if site.name == row.values["site"])
        fate = look_at(relaxed.atoms, site, slab, pair.adsorbate, sites)
        anomalies = fate.anomalies if relaxed.converged else (*fate.anomalies, "not converged")
        return {
            "adsorption_energy": relaxed.energy - self._zero(pair),
            "final_site": fate.final_site or "none",
            "height": fate.height,
            "shortest_bond": fate.shortest_bond,
            "anomalies": "; ".join(anomalies) or "none",
        }

    def _zero(self, pair: Pair) -> float:
        """eV: energy of the bare slab and of the gas molecules."""
        if self._energy_kind == "adsorption":
            return 0.0
        rows = self._store.rows
        gases = (float(n) * rows[key].atoms.get_potential_energy() for key, (n, _) in pair.gases.items())
        return float(rows[pair.surface.key].atoms.get_potential_energy() + sum(gases))
