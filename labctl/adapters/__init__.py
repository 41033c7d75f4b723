"""Adapters to the outside: Docker, Ansible, files, databases. Only this package imports libraries for them."""
