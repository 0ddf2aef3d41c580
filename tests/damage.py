"""Model folders that are damaged, and the one sentence that says so."""

import json
from pathlib import Path

import pytest

from equical.checkpoint import CONFIG_FILE, load_checkpoint
from equical.errors import InputError


def edit(folder: Path, **changes) -> None:
    """Change fields of the configuration; None removes one."""
    config = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
    for name, value in changes.items():
        if value is None:
            del config[name]
        else:
            config[name] = value
    (folder / CONFIG_FILE).write_text(json.dumps(config), "utf-8")


def refusal(folder, *words: str) -> str:
    """The sentence that refuses a folder, which holds all of these words."""
    with pytest.raises(InputError) as caught:
        load_checkpoint(folder)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message
