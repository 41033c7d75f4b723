"""What must be the same after a reboot, a power cut or a restart: the whole state, less what may differ."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from labctl.kit import say
from labctl.kit.answers import Pair, Unmet, Words
from labctl.kit.places import CheckedBox
from labctl.kit.timing import within

State = Mapping[str, Any]
"""A state by name. A value is a text, a number, a boolean, None, a list or another mapping."""

SHOWN = 60
"""The most characters of a value that an answer shows."""


class StateChange(NamedTuple):
    """One difference of two states. ``path`` has dots between the names. A missing value is None."""

    path: str
    before: Any
    after: Any

    @property
    def words(self) -> Pair:
        """The difference in words, such as ``config.save: 3600 1 → (empty)``. Of two lists, only the items that differ
        are shown."""
        before, after = self.before, self.after
        if isinstance(before, tuple) and isinstance(after, tuple):
            gone, new = _without(before, after), _without(after, before)
            if not gone and not new:
                return f"{self.path}: another order", f"{self.path}：顺序变了"
            parts = [("gone: ", "少了 ", gone), ("new: ", "多了 ", new)]
            shown = [(en + _item(each), zh + _item(each)) for en, zh, items in parts for each in items[:2]]
            more = len(gone) + len(new) - len(shown)
            return say.joined(
                (f"{self.path}: ", f"{self.path}："), say.listed([*shown, *([say.more(more)] if more else [])])
            )
        return say.joined((f"{self.path}: ", f"{self.path}："), _value(before), " → ", _value(after))


def _without(items: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    left = list(others)
    kept = []
    for each in items:
        if each in left:
            left.remove(each)
        else:
            kept.append(each)
    return kept


def _item(value: Any) -> str:
    text = "".join(sign if sign.isprintable() else " " for sign in str(value))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _value(value: Any) -> Words:
    if value is None:
        return "absent", "不存在"
    return say.value(_item(value))


def flat(state: Any, path: str = "") -> dict[str, Any]:
    """Return the values of a nested state by their paths, with dots between the names. A list is one value.

    >>> flat({"config": {"save": "", "port": 1}, "users": ["a"]})
    {'config.save': '', 'config.port': 1, 'users': ('a',)}
    """
    if isinstance(state, Mapping):
        found: dict[str, Any] = {}
        for name, value in state.items():
            found |= flat(value, f"{path}.{name}" if path else str(name))
        return found
    return {path: _frozen(state)}


def _frozen(value: Any) -> Any:
    """Return the value with its lists as tuples. Sets are sorted, because their order has no meaning."""
    if isinstance(value, set | frozenset):
        return tuple(sorted((_frozen(one) for one in value), key=str))
    if isinstance(value, list | tuple):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, Mapping):
        return tuple((name, _frozen(one)) for name, one in sorted(value.items(), key=lambda pair: str(pair[0])))
    return value


def changes(before: State, after: State, except_: Iterable[str] = ()) -> list[StateChange]:
    """Return all differences, except at the paths that match one of the patterns (fnmatch(3)), such as
    ``config.run_id`` and ``info.*``."""
    one, other, patterns = flat(before), flat(after), list(except_)
    return [
        StateChange(path, one.get(path), other.get(path))
        for path in dict.fromkeys([*one, *other])
        if (one.get(path) != other.get(path) or (path in one) != (path in other))
        and not any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
    ]


class WholeState:
    """The state at one moment, to be compared after an action. ``look`` returns the whole state. ``box`` is the name of
    the box that an answer names."""

    def __init__(self, look: Callable[[], State], box: str = "") -> None:
        self.look, self.box = look, box
        self.before = look()

    def unchanged(
        self, except_: Iterable[str] = (), *, seconds: float = 10.0, after: Words = "", see: str = ""
    ) -> None:
        """Raise one unmet with at most five differences, unless the state is as it was, apart from the patterns in
        ``except_``. A service may need time after an action, so the state is looked at again for ``seconds`` of an idle
        machine. ``after`` names the action, for example ``("after a reboot", "重启后")``."""
        patterns = tuple(except_)

        def look() -> None:
            found = changes(self.before, self.look(), patterns)
            if found:
                listed = say.listed([one.words for one in found])
                raise Unmet(self.box, found=say.joined(_prefix(after), listed), see=see)

        within(seconds, look)


def _prefix(after: Words) -> Pair:
    if not after:
        return ("changed: ", "发生了变化：")
    english, chinese = after if isinstance(after, tuple) else (after, after)
    return f"changed {english}: ", f"{chinese}发生了变化："


def survives(
    look: Callable[[], State],
    *,
    reboot: Sequence[CheckedBox] = (),
    power: Sequence[CheckedBox] = (),
    restart: Sequence[tuple[CheckedBox, str]] = (),
    except_: Iterable[str] = (),
    seconds: float = 10.0,
    box: str = "",
    see: str = "",
) -> None:
    """Raise unmet unless the whole state survives the actions, which happen in the order of the parameters.

    ``look`` returns the state, see :mod:`labctl.kit.looks`. ``reboot`` are boxes of the copy that reboot one after the
    other. ``power`` are boxes that lose their power together and then get it back. ``restart`` are pairs of a box of
    the copy and a unit. For another action, use WholeState."""
    if not (reboot or power or restart):
        raise ValueError("survives needs an action: reboot=, power= or restart=. For your own action, use WholeState")
    named = [*reboot, *power, *(one for one, _ in restart)]
    whole = WholeState(look, box or named[0].name)
    for one in reboot:
        one.reboot()
    for one in power:
        one.off()
    for one in power:
        one.on()
    for one, unit in restart:
        done = one.exercise().run("systemctl restart %s", unit)
        if done.rc != 0:
            raise Unmet(
                one.name,
                found=(f"systemctl restart {unit} fails", f"systemctl restart {unit} 失败"),
                see=f"systemctl status {unit}",
            )
    words = [
        *([("after a reboot", "重启后")] if reboot else []),
        *([("after a power cut", "断电后")] if power else []),
        *([(f"after a restart of {unit}", f"重启 {unit} 后") for _, unit in restart]),
    ]
    whole.unchanged(except_, seconds=seconds, after=words[0] if len(words) == 1 else ("afterwards", "之后"), see=see)
