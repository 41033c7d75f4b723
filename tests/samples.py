"""Labs and boxes to test with."""

from __future__ import annotations

from typing import Any

import msgspec

from labctl.domain.boxspec import BoxSpec, Instance, box_specs
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import derive
from labctl.domain.observed import ObservedBox, State
from labctl.domain.verdict import CheckResult, Verdict


def text(english: str, chinese: str = "中文") -> dict[str, str]:
    """A text in both languages, as lab.yml has it."""
    return {"en": english, "zh": chinese}


def task(name: str, points: int = 10) -> dict[str, Any]:
    """A task, as lab.yml has it."""
    return {"id": name, "title": text(f"do {name}"), "points": points, "hints": [text("a"), text("b"), text("c")]}


def lab_data(**changes: Any) -> dict[str, Any]:
    """A lab with three boxes on one network, as lab.yml has it."""
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
    """That lab, decoded."""
    return msgspec.convert(lab_data(**changes), Lab)


def make_instance(lab: Lab, learner: str = "lucy", seed: str = "seed", expires: int = 0) -> Instance:
    """The learner's instance of it."""
    return Instance(lab.name, learner, seed, expires)


def make_specs(
    lab: Lab, learner: str = "lucy", seed: str = "seed", image: str = "pond:1", store: str = ""
) -> tuple[BoxSpec, ...]:
    """Its boxes, of that store; without one, as they were made before stores had ids."""
    images = dict.fromkeys(lab.boxes, image)
    return box_specs(lab, make_instance(lab, learner, seed), derive(lab, seed), images, store)


def observed_of(spec: BoxSpec, state: State = State.RUNNING, **changes: Any) -> ObservedBox:
    """The box made from that, as an engine tells of it."""
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
    """A check of that task that passed."""
    return CheckResult(name, check, Verdict.PASSED)


def failed(name: str, check: str = "test_it", message: str = "expected a, found b") -> CheckResult:
    """A check of that task that failed."""
    return CheckResult(name, check, Verdict.FAILED, message=message)


def error(name: str, check: str = "test_it") -> CheckResult:
    """A check of that task that could not run."""
    return CheckResult(name, check, Verdict.ERROR, message="OSError: gone")
