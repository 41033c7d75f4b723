"""A learner's params: the same for the same seed, other for another, so that a copied answer is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from labctl.domain.lab.model import ChoiceParam, IntParam, Lab, PasswordParam, PortParam

_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

Params = Mapping[str, str | int]


def seed_for(secret: str, learner: str, lab: str) -> str:
    """The seed of a learner in a lab: 12 hex digits that nobody without the secret can guess."""
    return hashlib.sha256(f"{secret}\0{learner}\0{lab}".encode()).hexdigest()[:12]


def is_derived(seed: str) -> bool:
    """Whether that is a seed as ``seed_for`` makes them. Any other was given by hand."""
    return len(seed) == 12 and set(seed) <= set("0123456789abcdef")


def _number(seed: str, lab: str, name: str, bound: int, turn: int = 0) -> int:
    """A number below ``bound``, even to one part in 2**190 and more: 256 bits of hash modulo the bound."""
    digest = hashlib.sha256(f"{seed}\0{lab}\0{name}\0{turn}".encode()).digest()
    return int.from_bytes(digest) % bound


def derive(lab: Lab, seed: str) -> dict[str, str | int]:
    """Every param of the lab from the seed. Ports differ from each other."""
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
    """What templates may use: the params, the learner's name, the lab's, and each box's address."""
    addresses = {f"{box.replace('-', '_')}_address": lab.address_of(box) for box in lab.boxes}
    return {"learner": learner, "lab": lab.name, **addresses, **params}
