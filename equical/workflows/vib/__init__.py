"""Vibrations of molecules and adsorbates from finite displacements.

``structure`` says which atoms vibrate and ``hessian`` displaces them, ``modes`` diagonalises, ``pointgroup`` and
``thermo`` turn frequencies into enthalpies and entropies; ``run`` does one after the other as ``settings`` say;
``files`` and ``plots`` keep the ``result``, ``page`` shows it.
"""

from equical.workflows.vib.result import VibResult
from equical.workflows.vib.run import vib
from equical.workflows.vib.settings import VibSettings

__all__ = ["VibResult", "VibSettings", "vib"]
