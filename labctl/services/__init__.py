"""Use cases, one per file. Services call ports, and don't compose adapters themselves."""
