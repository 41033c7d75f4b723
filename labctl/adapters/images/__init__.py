"""Images on a Docker engine: the base, builds, bakes, and their transfer to other machines."""
