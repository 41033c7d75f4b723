"""The path of the toolbox, the same in every box and in the probe.

This module uses only the standard library, because it is copied into the keeper's image.
"""

TOOLBOX = "/.labctl"
BUSYBOX = f"{TOOLBOX}/bin/busybox"
"""The toolbox's static shell and coreutils."""
