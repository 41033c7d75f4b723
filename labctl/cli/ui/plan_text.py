"""A plan as text, for --dry-run."""

from __future__ import annotations

from labctl.domain.plan import Action, AwaitReady, BuildImages, CreateBox, EnsureKeeper, Plan, RemoveBox, StartBox
from labctl.i18n import _


def lines(plan: Plan) -> list[str]:
    """Return a line for each action, in order."""
    if not plan.actions:
        return [_("nothing to do")]
    return [_line(action) for action in plan.actions]


def _line(action: Action) -> str:
    match action:
        case BuildImages():
            return _("build the images of {lab} that are missing").format(lab=action.lab)
        case EnsureKeeper():
            return _("start keeper and switch")
        case RemoveBox():
            return _("finish removing {box}").format(box=action.box)
        case CreateBox():
            spec = action.spec
            addresses = ", ".join(f"{link.interface} {link.address}" for link in spec.links)
            return _("create {box} from {image} ({addresses})").format(
                box=spec.name, image=spec.image or _("an image that is not built yet"), addresses=addresses
            )
        case StartBox():
            return _("start {box}").format(box=action.box)
        case AwaitReady():
            return _("wait until {boxes} are ready").format(boxes=", ".join(action.boxes))
        case _:
            raise AssertionError(action)
