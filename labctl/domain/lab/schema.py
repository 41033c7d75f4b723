"""The JSON Schema of lab.yml, for editors: docs/lab.schema.json, and a copy in a catalog of one's own."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from labctl.domain.lab.model import Lab

FILE = "lab.schema.json"

# What an editor shows of a field. Not in the structs: there a description stands in the place of a type's own fault.
_FIELDS: dict[str, dict[str, str]] = {
    "Lab": {
        "name": "What the lab is called: as its folder",
        "title": "What learners see in lists; params as {{ name }}",
        "summary": "What one can do afterwards, in a line",
        "image": "What its boxes start from: a folder of images/",
        "boxes": "Its machines, by name; up to 16",
        "tasks": "What a learner must do, in order",
        "networks": "Its networks, by name",
        "params": "Values of each learner's own, by name",
        "files": "Files that are put into boxes when they are made",
        "topics": "What it serves, in the words of the course",
        "level": "Whom it is for",
        "minutes": "How long it takes, in minutes",
        "footprint": "What one instance takes at rest; without it, a plan estimates by the number of boxes",
    },
    "AtRest": {
        "memory": "Of all boxes together, such as 40MiB",
        "cpu": "In cores, such as 0.02",
        "disk": "What is written in all boxes, such as 13MiB",
        "processes": "Processes with their threads",
        "inotify": "Instances of inotify(7)",
        "files": "Open files",
        "aio": "Asynchronous requests that databases reserve: aio(7)",
    },
    "Text": {"en": "In English", "zh": "In Chinese"},
    "Box": {
        "networks": "Network to the box's address there; the first is eth0. None: a box without network",
        "image": "Where this box starts from something else than the lab's image",
        "memory": "How much memory it may use, such as 256MiB",
        "cpus": "How many processors' time it may use",
        "pids": "How many processes and threads it may have",
        "nofile": "How many files one of its processes may have open",
        "capabilities": "What its root may do beyond the usual: capabilities(7)",
        "gateway": "Where its default route leads: an address on a network of the box",
        "sysctls": "Settings of its network, such as net.ipv4.ip_forward; nobody in the box can change them",
    },
    "Task": {
        "id": "What checks and commands call it",
        "title": "What must be so in the end; params as {{ name }}",
        "points": "What it gives",
        "hints": "Exactly three: a nudge, where to look, nearly the answer",
        "partial": "Whether each passing check gives its share of the points; else all of them must pass",
    },
    "Network": {"subnet": "Such as 10.10.10.0/24; networks of a lab don't overlap"},
    "PortParam": {"first": "The lowest", "last": "The highest"},
    "PasswordParam": {"length": "How many characters"},
    "IntParam": {"first": "The lowest", "last": "The highest", "step": "From one to the next"},
    "ChoiceParam": {"of": "At least two"},
    "LabFile": {
        "path": "Where it is put: an absolute path",
        "content": "What is in it; params as {{ name }}",
        "boxes": "Which boxes get it; none said: all",
        "mode": "Its permissions, octal, such as 0644",
        "owner": "Its owner and group as numbers, such as 0:0",
    },
}

# In what order an editor's user reads them. msgspec's own differs from release to release.
_KEYWORDS = (
    "$schema",
    "$ref",
    "title",
    "description",
    "type",
    "enum",
    "anyOf",
    "discriminator",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "propertyNames",
    "required",
    "additionalProperties",
)
_BY_NAME = ("properties", "$defs")
"""Keywords whose keys are names of the lab's own: in their order."""


def schema() -> str:
    """As a file's text, made from the structs that labs are decoded with."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Lab)}
    for name, struct in made["$defs"].items():
        struct["description"] = " ".join(struct["description"].split())  # newer Pythons take a docstring's indent away
        for field, kind in struct["properties"].items():
            if text := _FIELDS.get(name, {}).get(field):
                kind["description"] = text
    return json.dumps(_in_order(made), indent=2, ensure_ascii=False) + "\n"


def _in_order(node: Any) -> Any:
    """Its keywords as in ``_KEYWORDS``, those that aren't there by name behind them."""
    if isinstance(node, list):
        return [_in_order(one) for one in node]
    if not isinstance(node, dict):
        return node

    def place(keyword: str) -> tuple[int, str]:
        return (_KEYWORDS.index(keyword) if keyword in _KEYWORDS else len(_KEYWORDS), keyword)

    return {
        keyword: {name: _in_order(one) for name, one in node[keyword].items()}
        if keyword in _BY_NAME
        else _in_order(node[keyword])
        for keyword in sorted(node, key=place)
    }
