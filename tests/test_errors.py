"""One line, whatever stands in the file that is refused."""

import pickle

from equical.errors import InputError


def test_names_from_files_neither_break_the_line_nor_command_the_terminal():
    error = InputError("field 'a\nb\x1b[2J\u2028' is no number of Å")
    assert str(error) == "field 'a b [2J ' is no number of Å"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
