"""The model, pure: no I/O, nothing that isn't decided by its arguments."""
