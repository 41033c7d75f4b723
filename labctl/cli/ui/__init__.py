"""What shows values to a person on a terminal, or to a program."""
