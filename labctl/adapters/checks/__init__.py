"""Run checks on boxes: pytest in a child process, testinfra in the checks, and labctl's own channel to the boxes."""
