"""What one does with a calculator: one folder for each workflow, named after its command, and ``common`` for all.

Every workflow is a function ``noun(atoms, calculator=None, *, ..., output=None, overwrite=False, resume=False,
progress=False) -> NounResult``. It takes any ASE calculator, leaves the caller's atoms alone, returns a frozen
:class:`~equical.workflows.common.result.Result`, and writes files only where ``output`` names a folder.
"""
