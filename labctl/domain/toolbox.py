"""Where the toolbox is: the same path in every box and in the probe. Standard library only: the keeper's image has a
copy."""

TOOLBOX = "/.labctl"
BUSYBOX = f"{TOOLBOX}/bin/busybox"
"""Its static shell and coreutils."""
