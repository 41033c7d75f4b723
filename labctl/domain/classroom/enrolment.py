"""What a member of a cohort gets of a lab."""

from __future__ import annotations

from labctl.domain.boxspec import Instance
from labctl.domain.classroom.cohort import Cohort, learner_of
from labctl.domain.lab.params import seed_for


def instance_of(cohort: Cohort, member: str, lab: str, now: float) -> Instance:
    """A member's instance of a lab: its seed from the cohort's secret, its end from the cohort's and from the hours
    that a learner has. Of a cohort that has ended the time is over."""
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
    """Of two limits, where 0 is none."""
    return min(filter(None, (one, other)), default=0.0)
