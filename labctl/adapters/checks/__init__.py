"""Checks on boxes: pytest in a child, testinfra in the checks, labctl's own channel underneath."""
