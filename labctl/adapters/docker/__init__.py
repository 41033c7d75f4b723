"""The Docker engine, used through its SDK."""
