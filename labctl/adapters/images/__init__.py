"""Images on a Docker engine: the base, builds, bakes, and moving them to other machines."""
