"""What a member of a cohort gets of a lab."""

from __future__ import annotations

from labctl.domain.boxspec import Instance
from labctl.domain.cohort import Cohort, learner_of
from labctl.domain.params import seed_for


def instance_of(cohort: Cohort, member: str, lab: str, now: float) -> Instance:
    """A member's instance of a lab: its seed from the cohort's secret, its end from the cohort's and from the hours
    that a learner has. Of a cohort that has ended the time is over."""
    learner = learner_of(cohort.name, member)
    hours = now + cohort.each.hours * 3600 if cohort.each.hours else 0.0
    ends = [moment for moment in (cohort.ended, cohort.until, hours) if moment]
    seed = seed_for(cohort.secret, learner, lab)
    return Instance(lab, learner, seed, expires=int(min(ends, default=0)), cpus=cohort.each.cpus)
