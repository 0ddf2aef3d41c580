"""Searches for stable crystals from random structures.

``composition`` says which atoms go into a cell, ``sizes`` how much room they need and ``groups`` which symmetry they
may have; ``generate`` makes structure number n of it, ``hopeless`` gives up on it, ``duplicates`` and ``hull`` compare
what remains, ``ranking`` puts it in order and ``judgement`` doubts it; ``run`` does one after the other; ``files``,
``plots`` and ``page`` keep and show the ``result``.
"""

from equical.workflows.search.result import Found, SearchResult
from equical.workflows.search.run import search
from equical.workflows.search.settings import SearchSettings

__all__ = ["Found", "SearchResult", "SearchSettings", "search"]
