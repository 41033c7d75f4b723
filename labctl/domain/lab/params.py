"""A learner's params. The same seed gives the same params, and another seed gives other params. A copied answer is
therefore wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from labctl.domain.lab.model import ChoiceParam, IntParam, Lab, PasswordParam, PortParam

_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

Params = Mapping[str, str | int]


def seed_for(secret: str, learner: str, lab: str) -> str:
    """Return the seed of a learner in a lab: 12 hex digits that nobody can guess without the secret."""
    return hashlib.sha256(f"{secret}\0{learner}\0{lab}".encode()).hexdigest()[:12]


def is_derived(seed: str) -> bool:
    """Return whether the seed has the form that ``seed_for`` gives. Any other seed was typed by a person."""
    return len(seed) == 12 and set(seed) <= set("0123456789abcdef")


def _number(seed: str, lab: str, name: str, bound: int, turn: int = 0) -> int:
    """Return a number below ``bound``: 256 bits of hash modulo the bound. The bias is less than one part in 2**190."""
    digest = hashlib.sha256(f"{seed}\0{lab}\0{name}\0{turn}".encode()).digest()
    return int.from_bytes(digest) % bound


def derive(lab: Lab, seed: str) -> dict[str, str | int]:
    """Return every param of the lab, derived from the seed. Ports differ from each other."""
    values: dict[str, str | int] = {}
    ports: set[int] = set()
    for name, param in lab.params.items():
        match param:
            case PortParam():
                port = param.first + _number(seed, lab.name, name, param.last - param.first + 1)
                while port in ports:
                    port = param.first + (port - param.first + 1) % (param.last - param.first + 1)
                ports.add(port)
                values[name] = port
            case IntParam():
                steps = (param.last - param.first) // param.step + 1
                values[name] = param.first + param.step * _number(seed, lab.name, name, steps)
            case PasswordParam():
                letters = (_number(seed, lab.name, name, len(_ALPHABET), turn) for turn in range(param.length))
                values[name] = "".join(_ALPHABET[n] for n in letters)
            case ChoiceParam():
                values[name] = param.of[_number(seed, lab.name, name, len(param.of))]
    return values


def template_values(lab: Lab, learner: str, params: Params) -> dict[str, str | int]:
    """Return the values for templates: the params, the learner's and the lab's name, and each box's address."""
    addresses = {f"{box.replace('-', '_')}_address": lab.address_of(box) for box in lab.boxes}
    return {"learner": learner, "lab": lab.name, **addresses, **params}
