"""The rights that accounts have: parsers and comparisons for :mod:`labctl.kit.accounts`, one module for each system."""
