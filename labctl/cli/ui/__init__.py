"""Output for a person on a terminal or for a program."""
