"""A lab: its definition, its params and its brief."""
