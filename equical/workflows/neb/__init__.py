"""Paths of least energy and barriers by the nudged elastic band with a climbing image.

``matching`` finds which atom goes where, ``band`` starts and pulls the images as ``settings`` say, ``judgement`` doubts
what comes out; ``run`` does one after the other; ``files`` and ``plots`` keep the ``result``, ``page`` shows it.
"""

from equical.workflows.neb.result import NebResult
from equical.workflows.neb.run import neb
from equical.workflows.neb.settings import NebSettings

__all__ = ["NebResult", "NebSettings", "neb"]
