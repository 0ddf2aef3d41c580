"""``python -m equical`` is ``equical``."""

from equical.cli import main

if __name__ == "__main__":
    main()
