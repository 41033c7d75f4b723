"""A class: its roster, its limits, what it needs of a server, and its grades."""
