"""Use cases for testing a lab."""
