"""`gradino assess`."""


def assess() -> None:
    """Measure on which level each track of a project stands, from evidence."""
