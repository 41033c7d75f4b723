"""Use cases of the test of a lab."""
