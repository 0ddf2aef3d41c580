"""Write the page of a run that is over."""

from __future__ import annotations

from importlib import import_module
from os import PathLike
from pathlib import Path

from equical.errors import InputError
from equical.html import Page, write_page
from equical.workflows.common.finished import FinishedRun
from equical.workflows.common.folder import REPORT

__all__ = ["report"]

PAGES = {
    "adsorb": "equical.workflows.adsorption.page",
    "conductivity": "equical.workflows.conductivity.page",
    "elastic": "equical.workflows.elastic.page",
    "eos": "equical.workflows.eos.page",
    "md": "equical.workflows.md.page",
    "neb": "equical.workflows.neb.page",
    "phonon": "equical.workflows.phonon.page",
    "qha": "equical.workflows.qha.page",
    "relax": "equical.workflows.relax.page",
    "screen": "equical.workflows.screen.page",
    "search": "equical.workflows.search.page",
    "vib": "equical.workflows.vib.page",
}
"""Who makes the page of a run, by its command; imported when it is needed."""


def report(folder: str | PathLike[str]) -> Path:
    """Write ``report.html`` into the folder of a run: one file to look at in a browser, without a network.

    It holds the figures to know first, warnings, tables that sort and filter, the plots, and a viewer with the
    structures; a row shows its structure. Of long trajectories it holds some 200 frames.

    Args:
        folder: that a run has left its results in. An earlier page is replaced.

    Returns:
        The path of the page.

    Raises:
        InputError: there is no result in the folder, or what is there is damaged.
    """
    run = FinishedRun.read(folder)
    return write_page(page_of(run), run.path / REPORT)


def page_of(run: FinishedRun) -> Page:
    """What belongs on the page of a run."""
    maker = import_module(PAGES.get(run.workflow or "", "equical.workflows.report.general"))
    try:
        page: Page = maker.page(run)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        kind = f"a run of {run.workflow}" if run.workflow else "a run"
        raise InputError(f"{run.path} does not hold what {kind} leaves: {error!r}") from error
    return page
