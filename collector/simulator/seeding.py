"""Random numbers that depend on the seed and on what they are for, and on nothing else."""

import random


def seeded(*purpose: object) -> random.Random:
    """Return a generator of its own for each purpose, so that one never shifts another's draws."""
    text = ":".join(str(part) for part in purpose)
    return random.Random(text)  # noqa: S311 - repeatable on purpose, nothing secret depends on it
