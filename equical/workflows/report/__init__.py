"""A page about a run that is over, for looking at it in a browser.

``run`` reads the folder, lets the run's own workflow say what belongs on its page (``page`` in its room), and writes
it; ``general`` is the page of a run whose workflow has none.
"""

from equical.workflows.report.run import report

__all__ = ["report"]
