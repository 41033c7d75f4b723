"""The results of ``labctl test-lab`` for a page of documentation."""

from __future__ import annotations

import datetime
import re

from labctl.domain.proof.outcome import LabProof, Proof
from labctl.domain.proof.rules import Phase
from labctl.i18n import _, language

_MIB = 1 << 20


def markdown(proof: Proof, before: str = "") -> str:
    """Return the figures as a table in the language in use, with a description of the machine. ``before`` is the
    earlier report. For labs that this proof does not test, the rows of the earlier report are kept."""
    head = (
        *(_("lab"), _("title"), _("tasks"), _("checks (thorough)"), _("solutions"), _("mutants caught"), _("boxes")),
        *(_("memory"), "up", "verify", _("flakes"), _("seeds"), _("holds"), _("date")),
    )
    rows = _rows(before, _row(head)) | {lab.lab.name: _row(_cells(proof, lab)) for lab in proof.labs}
    lines = [_row(head), _row(["---"] * len(head)), *(row for _name, row in sorted(rows.items()))]
    return "\n".join([*lines, "", *_notes(proof)]) + "\n"


def _rows(report: str, head: str) -> dict[str, str]:
    """Return the rows of a report by lab. The result is empty if the text has no table with these columns."""
    lines = report.splitlines()
    if head not in lines:
        return {}
    return {found[1]: line for line in lines if (found := re.match(r"\| `([^`]+)` \|", line))}


def _cells(proof: Proof, lab: LabProof) -> list[str]:
    checks, hurting = lab.checks
    caught = f"{sum(map(lab.caught, lab.mutants))}/{len(lab.mutants)}"
    flakes = f"{lab.flakes.differing}/{lab.flakes.verdicts}, {lab.repeat} ×" if lab.flakes.verdicts else "–"
    return [
        f"`{lab.lab.name}`",
        lab.lab.title.in_(language()),
        str(len(lab.lab.tasks)),
        f"{checks} ({hurting})" if checks else "–",
        str(len(lab.solutions)),
        caught if Phase.MUTANTS in proof.phases else "–",
        str(len(lab.lab.boxes)),
        f"{lab.memory / _MIB:.0f} MiB" if lab.memory else "–",
        f"{lab.up_seconds:.1f} s" if lab.up_seconds else "–",
        f"{lab.verify_seconds:.1f} s" if lab.verify_seconds else "–",
        flakes,
        str(len(lab.seeds)),
        "✗" if lab.all_flaws else "✓",
        _day(proof),
    ]


def _day(proof: Proof) -> str:
    return datetime.datetime.fromtimestamp(proof.at).astimezone().strftime("%Y-%m-%d")


def _notes(proof: Proof) -> list[str]:
    machine = proof.machine
    text = _(
        "{when}, on {cpus} processors, {memory:.0f} GiB, Linux {kernel}, Docker Engine {engine}. Phases: {phases}."
    )
    measured = text.format(
        when=_day(proof),
        cpus=machine.cpus,
        memory=machine.memory / (1 << 30),
        kernel=machine.kernel,
        engine=machine.version,
        phases=_(", ").join(_(str(phase)) for phase in proof.phases),
    )
    return [
        measured,
        "",
        _("- mutants caught: mutants that fail exactly the tasks that they name, with every seed."),
        _("- memory: memory of all boxes of a fresh instance, by their cgroups, without reclaimable page cache."),
        _(
            "- up, verify: medians of wall time within one process, with existing images. The command's own start"
            " is not included."
        ),
        _(
            "- flakes: verdicts of a check that differed between runs on the same boxes. Fresh and solved boxes "
            "are judged several times with each seed."
        ),
    ]


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
