"""Adsorption energies on surfaces: cut and relax a slab, find its sites, place an adsorbate on them, relax, rank.

One file for each step, in this order: ``build`` (slab from bulk), ``slabs`` (which way is up), ``symmetry``,
``triangulation`` and ``sites``, ``adsorbates``, ``references``, ``place``, ``relaxer``, ``anomalies``, ``result``,
``notes``, ``report`` and ``plots``; ``run`` goes through all of them.
"""

from equical.workflows.adsorption.adsorbates import ADSORBATES, Adsorbate, adsorbate
from equical.workflows.adsorption.build import SlabFromBulk, build_slab
from equical.workflows.adsorption.notes import AdsorptionWarning
from equical.workflows.adsorption.result import AdsorptionResult, Configuration, Reference
from equical.workflows.adsorption.run import adsorption_energy
from equical.workflows.adsorption.sites import Site, SiteClass, find_sites

__all__ = [
    "ADSORBATES",
    "Adsorbate",
    "AdsorptionResult",
    "AdsorptionWarning",
    "Configuration",
    "Reference",
    "Site",
    "SiteClass",
    "SlabFromBulk",
    "adsorbate",
    "adsorption_energy",
    "build_slab",
    "find_sites",
]
