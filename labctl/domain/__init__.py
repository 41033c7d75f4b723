"""The model. It is pure: it does no I/O, and its results depend only on arguments."""
