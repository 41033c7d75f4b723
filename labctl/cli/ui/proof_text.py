"""The results of ``labctl test-lab`` for a person: a table of tasks, a table of mutants, figures, and each flaw."""

from __future__ import annotations

from collections.abc import Mapping

import click

from labctl.cli.ui.answers import print_check
from labctl.cli.ui.table import print_table
from labctl.cli.ui.wrap import TIED, wrap
from labctl.domain.proof.outcome import LabProof, Proof, TaskCell, cell, columns
from labctl.domain.proof.rules import Flaw, Mutant, Phase
from labctl.domain.text import visible
from labctl.domain.verdict import Verdict
from labctl.i18n import _, language, listed, side

_SIGNS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.ERROR: "!"}
_MOST_CHECKS = 4
_MOST_LINES = 12
_MIB = 1 << 20


def print_proof(proof: Proof) -> None:
    """Print the proof on stdout."""
    for lab in proof.labs:
        click.echo(f"{click.style(lab.lab.name, bold=True)}  {lab.lab.title.in_(language())}")
        click.echo()
        _print_tasks(lab)
        if Phase.MUTANTS in proof.phases and lab.mutants:
            _print_mutants(lab)
        _print_figures(lab)
        click.echo()
    for flaw in proof.flaws:
        _print_flaw(flaw)
    for lab in proof.labs:
        count = len(lab.all_flaws)
        text = _("{mark} {lab}: all rules hold") if not count else _("{mark} {lab}: {n} flaws")
        text = _("{mark} {lab}: 1 flaw") if count == 1 else text
        mark = click.style("✗", fg="red") if count else click.style("✓", fg="green")
        click.echo(text.format(mark=mark, lab=lab.lab.name, n=count))


def _print_tasks(lab: LabProof) -> None:
    found = columns(lab)
    if not found:
        return
    rows = []
    for task in lab.lab.tasks:
        cells = ["".join(_sign(cell(states, task.id)) for states in several) for _name, several in found]
        rows.append((task.id, *cells))
    print_table((_("task"), *(_(name) for name, _several in found)), rows)
    if any(len(several) > 1 for _name, several in found):
        stages = {phase: any(lab.of(phase, name) for name in lab.solutions) for phase in (Phase.REBOOT, Phase.THOROUGH)}
        named = [_("solved"), *(_(str(phase)) for phase, there in stages.items() if there)]
        _print_dim(_("each solution: {stages}").format(stages=listed(named)))
    cells_found = [cell(states, task.id) for _name, several in found for states in several for task in lab.lab.tasks]
    if any(one is not None and not one.right for one in cells_found):
        _print_dim(_("≠ after a sign: the verdict differs from the expected verdict"))
    click.echo()


def _sign(found: TaskCell | None) -> str:
    if found is None:
        return click.style("·", dim=True)
    sign = _SIGNS[found.verdict]
    return click.style(sign, fg="green") if found.right else click.style(f"{sign}≠", fg="red", bold=True)


def _print_mutants(lab: LabProof) -> None:
    rows = [_mutant(lab, mutant) for mutant in lab.mutants]
    print_table(("", _("mutant"), _("must fail"), _("actually not passed")), rows)
    click.echo()


def _mutant(lab: LabProof, mutant: Mutant) -> tuple[str, ...]:
    states = lab.of(Phase.MUTANTS, mutant.name)
    if lab.caught(mutant):
        return click.style("✓", fg="green"), mutant.name, listed(mutant.fails), ""
    wrong = [state.not_passed for state in states if set(state.not_passed) != set(mutant.fails)]
    instead = (listed(wrong[0]) or _("none")) if wrong else ("" if states else _("not tried"))
    return click.style("✗", fg="red"), mutant.name, listed(mutant.fails), instead


def _print_figures(lab: LabProof) -> None:
    checks, hurting = lab.checks
    parts = [_("{n} checks, {m} of them thorough").format(n=checks, m=hurting)] if checks else []
    if any(lab.of(Phase.MUTANTS, mutant.name) for mutant in lab.mutants):
        caught = sum(map(lab.caught, lab.mutants))
        parts.append(_("{n} of {of} mutants caught").format(n=caught, of=len(lab.mutants)))
    if lab.flakes.verdicts:
        text = _("flake rate {rate:.1%}: {n} of {of} verdicts differed")
        parts.append(text.format(rate=lab.flakes.rate, n=lab.flakes.differing, of=lab.flakes.verdicts))
    if lab.seeds:
        seeds = listed(seed.seed for seed in lab.seeds)
        parts.append(_("seeds {seeds}").format(seeds=seeds))
        parts.append(_("{n} MiB when fresh").format(n=round(lab.memory / _MIB)))
    seconds = {"up": lab.up_seconds, "verify": lab.verify_seconds}
    parts += [_seconds({name: taken for name, taken in seconds.items() if taken})]
    click.echo(wrap(_joined(parts), 2, 0))
    phases = {_(name): taken for name, taken in lab.seconds.items() if name != "up"}
    if phases:
        _print_dim(_("time of the phases: {times}").format(times=_seconds(phases)))


def _seconds(taken: Mapping[str, float]) -> str:
    return _joined([f"{name} {seconds:.1f} s" for name, seconds in taken.items()])


def _joined(parts: list[str]) -> str:
    return " · ".join(part.replace(" ", TIED) for part in parts if part)


def _print_dim(text: str) -> None:
    click.echo(click.style(wrap(text, 2, 0), dim=True))


def where(flaw: Flaw) -> str:
    """Return the place of a flaw: lab, seed, phase, solution or mutant, and task. Unknown parts are left out."""
    at = flaw.at
    seed = _("seed {seed}").format(seed=at.seed) if at.seed else ""
    parts = (at.lab, seed, " ".join(filter(None, (_(str(at.phase)), at.name))))
    text = _(", ").join(filter(None, parts))
    return f"{text}{_(': ')}{flaw.task}" if flaw.task else text


def said(flaw: Flaw) -> tuple[str, str]:
    """Return a flaw's expected and found texts in the language in use."""
    values = {name: visible(side(_(value))) for name, value in flaw.values.items()}
    return _(flaw.expected).format_map(values), _(flaw.found).format_map(values)


def _print_flaw(flaw: Flaw) -> None:
    expected, found = said(flaw)
    mark = click.style("!", fg="magenta") if flaw.broken else click.style("✗", fg="red")
    click.echo(f"{mark} {click.style(wrap(where(flaw), 2), bold=True)}")
    click.echo(f"    {click.style(_('expected'), dim=True)}  {wrap(expected, 6)}")
    click.echo(f"    {click.style(_('found'), dim=True)}  {wrap(found, 6)}")
    for check in flaw.checks[:_MOST_CHECKS]:
        print_check(check, {}, author=True)
    more = len(flaw.checks) - _MOST_CHECKS
    if more > 0:
        click.echo(f"    {_('{n} more checks').format(n=more)}")
    for line in visible(flaw.detail).strip().splitlines()[-_MOST_LINES:]:
        click.echo(click.style(f"      {line}", dim=True))
