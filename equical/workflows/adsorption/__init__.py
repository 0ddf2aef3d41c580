"""Adsorption energies on surfaces: cut and relax a slab, find its sites, place an adsorbate on them, relax, rank.

One file for each step, in this order: ``prototypes`` and ``bulks``, ``layers`` and ``planes``, ``build`` (slab from
bulk), ``terminations``, ``slabs`` (which way is up), ``symmetry``, ``triangulation`` and ``sites``, ``coverage``,
``oc20``, ``sketch`` and ``adsorbates``, ``references``, ``plan``, ``relaxer``, ``surface``, ``place`` and ``scatter``,
``giving_up``, ``anomalies``, ``configurations``, ``thermo``, ``result``, ``notes``, ``case``, ``report``, ``files``,
``plots`` and ``page``; ``run`` goes through all of them as ``settings`` say, and ``series`` does for several
adsorbates, with ``series_result`` and ``series_files``.
"""

from equical.workflows.adsorption.adsorbates import ADSORBATES, Adsorbate, adsorbate
from equical.workflows.adsorption.build import SlabFromBulk, build_slab
from equical.workflows.adsorption.bulks import bulk_crystal
from equical.workflows.adsorption.coverage import spread_cell
from equical.workflows.adsorption.result import AdsorptionResult, Configuration, Reference
from equical.workflows.adsorption.run import adsorption_energy
from equical.workflows.adsorption.series import adsorption_energies
from equical.workflows.adsorption.series_result import AdsorptionSeriesResult, SeriesFailure
from equical.workflows.adsorption.settings import AdsorptionSettings
from equical.workflows.adsorption.sites import Site, SiteClass, find_sites
from equical.workflows.adsorption.terminations import Termination, terminations
from equical.workflows.adsorption.thermo import AdsorptionThermo

__all__ = [
    "ADSORBATES",
    "Adsorbate",
    "AdsorptionResult",
    "AdsorptionSeriesResult",
    "AdsorptionSettings",
    "AdsorptionThermo",
    "Configuration",
    "Reference",
    "SeriesFailure",
    "Site",
    "SiteClass",
    "SlabFromBulk",
    "Termination",
    "adsorbate",
    "adsorption_energies",
    "adsorption_energy",
    "build_slab",
    "bulk_crystal",
    "find_sites",
    "spread_cell",
    "terminations",
]
