"""Use cases of a whole class."""
