"""Chinese texts, keyed by the English ones. A box is 机器, a lab 实验, a task 任务, a hint 提示, a seed 种子."""

from __future__ import annotations

from labctl.cli.zh import (
    cohort,
    commands,
    copying,
    errors,
    gateway,
    grades,
    limits,
    notes,
    proof,
    results,
    roster,
    store,
)

_PARTS = (commands, results, errors, proof, store, cohort, grades, limits, notes, roster, gateway, copying)
TEXTS: dict[str, str] = {english: chinese for part in _PARTS for english, chinese in part.TEXTS.items()}
