"""Words from files and settings as parts of SQL statements."""


def name(word: str) -> str:
    """Quote `word` as the name of a table or column."""
    return '"' + word.replace('"', '""') + '"'


def text(word: str) -> str:
    """Quote `word` as a text."""
    return "'" + word.replace("'", "''") + "'"
