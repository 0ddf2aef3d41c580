"""The one exception that means "the input is at fault, and here is what to do about it"."""

__all__ = ["InputError"]


class InputError(ValueError):
    """A user's mistake, told in one clear line: what was wrong and what to do.

    The command line prints the message and exits with code 1; library users catch it as a ``ValueError``.
    """
