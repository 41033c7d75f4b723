"""``python -m labctl`` and the command ``labctl``."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from labctl.cli.app import run

    run()


if __name__ == "__main__":
    main()
