"""The one exception that means "the input is at fault, and here is what to do about it"."""

__all__ = ["InputError"]


class InputError(ValueError):
    """A user's mistake, told in one clear line: what was wrong and what to do.

    The command line prints the message and exits with code 1; library users catch it as a ``ValueError``. Names and
    values in it may come from anybody's file, so what would break the line, or command the terminal, becomes a space.
    """

    def __init__(self, message: str):
        super().__init__("".join(character if character.isprintable() else " " for character in message))
