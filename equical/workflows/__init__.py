"""What one does with a calculator: one file per workflow, named after its command.

Every workflow is a function ``noun(atoms, calculator=None, *, ..., output=None, quiet=True) -> NounResult``. It takes
any ASE calculator, leaves the caller's atoms alone, returns a frozen dataclass, and writes files only where ``output``
names a folder.
"""
