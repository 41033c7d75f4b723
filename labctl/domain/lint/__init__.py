"""Finds faults of a lab in its files alone, without an engine and without executing anything."""
