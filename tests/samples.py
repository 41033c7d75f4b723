"""Labs and boxes for tests."""

from __future__ import annotations

from typing import Any

import msgspec

from labctl.domain.boxspec import BoxSpec, Instance, box_specs
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import derive
from labctl.domain.observed import ObservedBox, State
from labctl.domain.verdict import CheckResult, Verdict


def text(english: str, chinese: str = "中文") -> dict[str, str]:
    """Return a text in both languages, as in lab.yml."""
    return {"en": english, "zh": chinese}


def task(name: str, points: int = 10) -> dict[str, Any]:
    """Return a task, as in lab.yml."""
    return {"id": name, "title": text(f"do {name}"), "points": points, "hints": [text("a"), text("b"), text("c")]}


def lab_data(**changes: Any) -> dict[str, Any]:
    """Return a lab with three boxes on one network, as in lab.yml."""
    return {
        "name": "pond",
        "title": text("A pond", "池塘"),
        "summary": text("Three boxes in a pond"),
        "image": "box",
        "networks": {"lan": {"subnet": "10.10.10.0/24"}},
        "boxes": {
            "master": {"networks": {"lan": "10.10.10.11"}},
            "replica1": {"networks": {"lan": "10.10.10.12"}},
            "replica2": {"networks": {"lan": "10.10.10.13"}},
        },
        "params": {"port": {"kind": "port"}, "password": {"kind": "password"}},
        "files": [{"path": "/etc/pond.conf", "content": "port {{ port }}\n", "boxes": ["master"]}],
        "tasks": [task("listen"), task("auth", 5)],
        **changes,
    }


def make_lab(**changes: Any) -> Lab:
    """Return the lab of ``lab_data``, decoded."""
    return msgspec.convert(lab_data(**changes), Lab)


def make_instance(lab: Lab, learner: str = "lucy", seed: str = "seed", expires: int = 0) -> Instance:
    """Return the learner's instance of the lab."""
    return Instance(lab.name, learner, seed, expires)


def make_specs(
    lab: Lab, learner: str = "lucy", seed: str = "seed", image: str = "pond:1", store: str = ""
) -> tuple[BoxSpec, ...]:
    """Return the specs of the lab's boxes for that store. Without a store the specs have the old names without a store
    id."""
    images = dict.fromkeys(lab.boxes, image)
    return box_specs(lab, make_instance(lab, learner, seed), derive(lab, seed), images, store)


def observed_of(spec: BoxSpec, state: State = State.RUNNING, **changes: Any) -> ObservedBox:
    """Return the box created from the spec, as an engine reports it."""
    labels = spec.all_labels()
    box = ObservedBox(
        id=f"id-{spec.container}",
        container=spec.container,
        box=spec.name,
        lab=labels["labctl.lab"],
        instance=labels["labctl.instance"],
        learner=labels["labctl.owner"],
        seed=labels["labctl.seed"],
        state=state,
        status=str(state),
        image=spec.image,
        spec_hash=spec.spec_hash,
        expires=int(labels["labctl.expires"]),
    )
    return msgspec.structs.replace(box, **changes)


def passed(name: str, check: str = "test_it") -> CheckResult:
    """Return a passed check of the task."""
    return CheckResult(name, check, Verdict.PASSED)


def failed(name: str, check: str = "test_it", message: str = "expected a, found b") -> CheckResult:
    """Return a failed check of the task."""
    return CheckResult(name, check, Verdict.FAILED, message=message)


def error(name: str, check: str = "test_it") -> CheckResult:
    """Return a check of the task that could not run."""
    return CheckResult(name, check, Verdict.ERROR, message="OSError: gone")
