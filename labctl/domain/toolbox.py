"""The path of the toolbox, the same in every box and in the probe.

Standard library only: this module is copied into the keeper's image.
"""

TOOLBOX = "/.labctl"
BUSYBOX = f"{TOOLBOX}/bin/busybox"
"""The toolbox's static shell and coreutils."""
