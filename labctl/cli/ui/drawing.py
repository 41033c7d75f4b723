"""A lab's boxes and networks as a drawing of 80 columns at most."""

from __future__ import annotations

from labctl.domain.lab.model import Lab

_WIDTH = 80
_FRAME = 5  # a cell's lines and blanks, and the blank between it and the next


def drawing(lab: Lab) -> str:
    """Each network as a bar with its boxes under it: name, interface, address. A box on two networks is under both."""
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
    # Of cells that are all as wide as the widest, as many as fit beside each other.
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
