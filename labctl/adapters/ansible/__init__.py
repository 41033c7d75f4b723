"""Plays on boxes, by ansible-playbook in a process of its own."""
