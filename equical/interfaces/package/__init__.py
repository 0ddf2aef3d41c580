"""A force field compiled ahead of time into one file, for structures up to some size: written, and run through ASE.

``contents`` is what a file says of itself, ``export`` writes it, ``calculator`` runs it.
"""

from equical.interfaces.package.calculator import PackagedCalc
from equical.interfaces.package.export import export_package

__all__ = ["PackagedCalc", "export_package"]
