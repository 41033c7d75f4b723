"""The command line. Only this package handles terminals."""
