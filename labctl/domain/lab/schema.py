"""The JSON Schemas of lab.yml and image.yml, for editors: docs/lab.schema.json and docs/image.schema.json, and copies
in each catalog of your own."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from labctl.domain.lab.model import Lab
from labctl.domain.lab.recipe import ImageRecipe

FILE = "lab.schema.json"
IMAGE_FILE = "image.schema.json"

# The text that an editor shows for a field. The text is not in the structs, because msgspec would then report the text
# instead of the type's own fault.
_FIELDS: dict[str, dict[str, str]] = {
    "Lab": {
        "name": "The lab's name, the same as its folder",
        "title": "The title that learners see in lists; params as {{ name }}",
        "summary": "What a learner can do after the lab, in one line",
        "image": "The image that its boxes start from: a folder of images/",
        "boxes": "The boxes, by name; up to 16",
        "tasks": "The tasks of the learner, in order",
        "networks": "The networks, by name",
        "params": "The params, by name; each learner gets other values",
        "files": "Files that are put into boxes when the boxes are created",
        "topics": "The topics of the course that the lab belongs to",
        "level": "The level of the learners",
        "minutes": "The time that the lab takes, in minutes",
        "languages": "The languages of the lab's texts; a lab may begin with one",
        "footprint": "The resources of one idle instance; without it, a plan estimates them by the number of boxes",
    },
    "AtRest": {
        "memory": "Memory of all boxes together, such as 40MiB",
        "cpu": "Processor time in cores, such as 0.02",
        "disk": "Data written in all boxes, such as 13MiB",
        "processes": "Processes with their threads",
        "inotify": "Instances of inotify(7)",
        "files": "Open files",
        "aio": "Asynchronous requests that databases reserve: aio(7)",
    },
    "Text": {"en": "In English", "zh": "In Chinese"},
    "Box": {
        "networks": "The box's address on each network; the first is eth0. Empty: a box without network",
        "image": "The image of this box, if it is not the lab's image",
        "memory": "The memory that the box may use, such as 256MiB",
        "cpus": "The number of processors that the box may use",
        "pids": "The number of processes and threads that the box may have",
        "nofile": "The number of files that one process of the box may have open",
        "capabilities": "Capabilities that root in the box has beyond the usual ones: capabilities(7)",
        "gateway": "The gateway of the box's default route: an address on a network of the box",
        "sysctls": "Settings of the box's network, such as net.ipv4.ip_forward; nobody in the box can change them",
        "ready": "When the box is ready for checks; labctl waits for it after every start of the box",
    },
    "ReadyWhen": {
        "port": "A TCP port on which something listens: a number, or a param as {{ name }}",
        "path": "A path that exists in the running box; params as {{ name }}",
        "command": "A command of the shell in the box that exits with 0; params as {{ name }}",
        "seconds": "The longest wait, in seconds",
    },
    "Task": {
        "id": "The task's name in checks and commands",
        "title": "The state that the learner must reach; params as {{ name }}",
        "points": "The points that the task gives",
        "hints": "Exactly three hints: a nudge, where to look, nearly the answer",
        "partial": "Whether each passed check gives its share of the points; if not, all checks must pass",
    },
    "Network": {"subnet": "The subnet, such as 10.10.10.0/24; networks of a lab don't overlap"},
    "PortParam": {"first": "The lowest port", "last": "The highest port"},
    "PasswordParam": {"length": "The number of characters"},
    "IntParam": {"first": "The lowest number", "last": "The highest number", "step": "The step between two numbers"},
    "ChoiceParam": {"of": "The values, at least two"},
    "LabFile": {
        "path": "The absolute path of the file in the box",
        "content": "The content of the file; params as {{ name }}",
        "boxes": "The boxes that get the file; empty: all boxes",
        "mode": "The permissions in octal, such as 0644",
        "owner": "The owner and the group as numbers, such as 0:0",
    },
    "ImageRecipe": {
        "from": "The image that this image starts from: a folder of images/",
        "about": "One sentence: what the image is for",
        "packages": "Debian packages, by name",
        "disable": "Units that don't start with the box, because a lab enables them",
        "pip": "Packages of Python with an upper bound, such as requests==2.32.3",
        "npm": "Packages of npm with their version, such as ws@8",
        "run": "Commands of the shell, after everything else; one that fails ends the build",
    },
}

# The order in which the schema has these keywords. msgspec's own order differs between its releases.
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
"""Keywords whose keys are names of fields and structs. These keys keep their order."""


def schema() -> str:
    """Return the schema of lab.yml as the text of a file. The source is the structs that decode labs."""
    return _schema(Lab)


def image_schema() -> str:
    """Return the schema of image.yml as the text of a file."""
    return _schema(ImageRecipe)


def _schema(root: type[msgspec.Struct]) -> str:
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(root)}
    for name, struct in made["$defs"].items():
        struct["description"] = " ".join(struct["description"].split())  # newer Pythons remove a docstring's indent
        for field, kind in struct["properties"].items():
            if text := _FIELDS.get(name, {}).get(field):
                kind["description"] = text
    return json.dumps(_in_order(made), indent=2, ensure_ascii=False) + "\n"


def _in_order(node: Any) -> Any:
    """Return the node with its keywords in the order of ``_KEYWORDS``; other keywords follow by name."""
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
