"""A drawing of a lab's boxes and networks, at most 80 columns wide."""

from __future__ import annotations

from labctl.domain.lab.model import Lab

_WIDTH = 80
_FRAME = 5  # a cell's lines and spaces, and the space before the next cell


def drawing(lab: Lab) -> str:
    """Return the drawing. Each network is a bar with its boxes under it: name, interface, address. A box on two
    networks is drawn under both."""
    parts = [_network(lab, name) for name in lab.networks]
    lonely = [name for name, box in lab.boxes.items() if not box.networks]
    if lonely:
        parts.append("\n".join(f"[ {name} ]" for name in lonely))
    return "\n\n".join(parts)


def _network(lab: Lab, network: str) -> str:
    cells = []
    for name, box in lab.boxes.items():
        if network in box.networks:
            interface = f"eth{list(box.networks).index(network)}"
            cells.append((name, f"{interface} {box.networks[network]}"))
    # All cells are as wide as the widest cell. A row has as many cells as fit into 80 columns.
    widest = max((len(text) for cell in cells for text in cell), default=0)
    beside = max(1, min(4, (_WIDTH + 1) // (widest + _FRAME)))
    lines = []
    for start in range(0, max(1, len(cells)), beside):
        title = f"{network} {lab.networks[network].subnet}" if start == 0 else ""
        lines += _row(cells[start : start + beside], title)
    return "\n".join(lines)


def _row(cells: list[tuple[str, str]], title: str) -> list[str]:
    width = max([len(text) for cell in cells for text in cell] + [(len(title) + 6) // max(1, len(cells))])
    bar = "═" * ((width + _FRAME) * max(1, len(cells)) - 1)
    head = f"══ {title} {bar[len(title) + 4 :]}" if title else bar
    if not cells:
        return [head]
    return [
        head,
        " ".join("│".center(width + 4) for _ in cells),
        " ".join("┌" + "┴".center(width + 2, "─") + "┐" for _ in cells),
        " ".join(f"│ {name.center(width)} │" for name, _ in cells),
        " ".join(f"│ {address.center(width)} │" for _, address in cells),
        " ".join("└" + "─" * (width + 2) + "┘" for _ in cells),
    ]
