"""The instance of a lab that a member of a cohort gets."""

from __future__ import annotations

from labctl.domain.boxspec import Instance
from labctl.domain.classroom.cohort import Cohort, learner_of
from labctl.domain.lab.params import seed_for


def instance_of(cohort: Cohort, member: str, lab: str, now: float) -> Instance:
    """Return a member's instance of a lab. The seed is derived from the cohort's secret. The expiry depends on the
    cohort's end and on the learner's hours. If the cohort has ended, the instance is already expired."""
    learner = learner_of(cohort.name, member)
    hours = _least(cohort.each.hours, cohort.whole.hours)
    idle = _least(cohort.each.idle, cohort.whole.idle)
    ends = [moment for moment in (cohort.ended, cohort.until, hours and now + hours * 3600) if moment]
    seed = seed_for(cohort.secret, learner, lab)
    return Instance(
        lab,
        learner,
        seed,
        expires=int(min(ends, default=0)),
        cpus=cohort.each.cpus,
        grace=max(0, int(cohort.grace)),
        idle=int(idle * 60),
        disk=cohort.each.disk,
    )


def _least(one: float, other: float) -> float:
    """Return the lower of two limits. A limit of 0 means no limit."""
    return min(filter(None, (one, other)), default=0.0)
