"""The elastic tensor of a crystal from stresses of strained cells.

``run`` strains the crystal as ``settings`` say, ``tensor`` knows Voigt's notation, symmetries and averages, ``files``
and ``plots`` keep the ``result``, ``page`` shows it.
"""

from equical.workflows.elastic.result import ElasticResult
from equical.workflows.elastic.run import elastic
from equical.workflows.elastic.settings import ElasticSettings

__all__ = ["ElasticResult", "ElasticSettings", "elastic"]
