"""Run checks on boxes. pytest runs in a child process, the checks use testinfra, and labctl has its own channel to
boxes."""
