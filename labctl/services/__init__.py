"""Use cases, one per file. Services call ports, and compose nothing themselves."""
