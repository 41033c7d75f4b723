"""The output of each command with ``--json``. The table maps the command, as it is typed after ``labctl``, to its view.
The JSON Schemas in docs/json.schema.json are generated from this table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labctl.domain.diagnosis import Finding
from labctl.domain.imagery import ImageInfo
from labctl.domain.lab.model import Lab
from labctl.domain.plan import Plan
from labctl.domain.verdict import Attempt
from labctl.views.attempts import AttemptReport, Hints
from labctl.views.authoring import FaultsByLab, ProofReport
from labctl.views.classroom import CohortPage, CohortSummary, PlanReport
from labctl.views.gateway import GatewayKey, GatewayReport
from labctl.views.grades import GradeReport, JudgedReport, MatrixRow, RegradeReport
from labctl.views.host import Setting
from labctl.views.images import ImageList
from labctl.views.instances import BoxStatus, LabIsUp
from labctl.views.labs import BriefPage, LabValues, TaskPage
from labctl.views.rosters import CohortCreated, RosterAdded
from labctl.views.work import WorkReport

OUTPUTS: Mapping[str, Any] = {
    "list": tuple[Lab, ...],
    "show": BriefPage,
    "show LAB TASK": TaskPage,
    "show --values": LabValues,
    "up": LabIsUp,
    "up --dry-run": Plan,
    "status": tuple[BoxStatus, ...],
    "verify": AttemptReport,
    "hint": Hints,
    "history": tuple[Attempt, ...],
    "history --attempt": AttemptReport,
    "lint": FaultsByLab,
    "test-lab": ProofReport,
    "images list": ImageList,
    "images prune": tuple[ImageInfo, ...],
    "doctor": tuple[Finding, ...],
    "config list": tuple[Setting, ...],
    "cohort create": CohortCreated,
    "cohort add": RosterAdded,
    "cohort list": tuple[CohortSummary, ...],
    "cohort show": CohortPage,
    "cohort plan": PlanReport,
    "cohort up": WorkReport,
    "cohort stop": WorkReport,
    "cohort start": WorkReport,
    "cohort reset": WorkReport,
    "cohort down": WorkReport,
    "cohort remove": WorkReport,
    "cohort end": WorkReport,
    "cohort watch": dict[str, tuple[MatrixRow, ...]],
    "cohort verify": tuple[JudgedReport, ...],
    "cohort regrade": RegradeReport,
    "cohort report": GradeReport,
    "gateway keys": tuple[GatewayKey, ...],
    "gateway status": GatewayReport,
}
