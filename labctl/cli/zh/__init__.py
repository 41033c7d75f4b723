"""Chinese texts, keyed by the English ones. A box is 机器, a lab 实验, a task 任务, a hint 提示, a seed 种子."""

from __future__ import annotations

from labctl.cli.zh import cohort, commands, errors, grades, limits, proof, results, roster, store

TEXTS: dict[str, str] = {
    **commands.TEXTS,
    **results.TEXTS,
    **errors.TEXTS,
    **proof.TEXTS,
    **store.TEXTS,
    **cohort.TEXTS,
    **grades.TEXTS,
    **limits.TEXTS,
    **roster.TEXTS,
}
