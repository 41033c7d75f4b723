"""labctl: hands-on Linux and database labs on real boxes."""

__version__ = "0.2.0"
