"""The comparison of enumerated rights with the rights that a task allows, and the words of its answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from labctl.kit import say
from labctl.kit.answers import AllUnmet, Pair, Unmet, Words, pair

MOST = 6
"""The number of rights that an answer lists. The others are only counted."""


@dataclass(frozen=True)
class AllowedRights:
    """What a task allows an account. ``rights`` are texts in the notation of the system. If ``optional`` is set, the
    account may have fewer rights or be absent. If ``everything`` is set, no right is too many."""

    rights: tuple[str, ...] = ()
    optional: bool = False
    everything: bool = False


def allowed(*rights: str) -> AllowedRights:
    """The account must exist and have exactly these rights.

    >>> allowed("SELECT ON shop.orders").rights
    ('SELECT ON shop.orders',)
    """
    return AllowedRights(rights)


def at_most(*rights: str) -> AllowedRights:
    """The account may have these rights, or fewer, or be absent."""
    return AllowedRights(rights, optional=True)


anything = AllowedRights(optional=True, everything=True)
"""The account may have any right, and may be absent. Somebody without a password must still not be able to use it."""

AllowedAccounts = Mapping[str, AllowedRights]
"""What a task allows, by the name of the account."""


@dataclass
class Reckoning:
    """The faults of one comparison. ``box`` and ``read`` are those of all its answers."""

    box: str
    read: Words = ""
    faults: list[Unmet] = field(default_factory=list)

    def add(self, found: Words, expected: Words, see: str = "") -> None:
        """Note a fault."""
        self.faults.append(Unmet(self.box, found=found, expected=expected, see=see, read=self.read))

    def beyond(self, account: str, rights: Iterable[Words], see: str = "") -> None:
        """Note rights that the task does not allow, if there are any."""
        if found := list(rights):
            self.add(
                say.joined((f"{account} has: ", f"{account} 拥有："), say.listed(found, MOST)),
                (f"{account} without rights that the task does not name", f"{account} 没有任务之外的权限"),
                see,
            )

    def lacking(self, account: str, rights: Iterable[Words], see: str = "") -> None:
        """Note rights that the account needs and does not have, if there are any."""
        if found := list(rights):
            self.add(
                say.joined((f"{account} lacks: ", f"{account} 缺少："), say.listed(found, MOST)),
                (f"{account} with all rights that the task names", f"{account} 拥有任务要求的全部权限"),
                see,
            )

    def strangers(self, accounts: Iterable[Words], see: str = "") -> None:
        """Note accounts that the task does not name, if there are any."""
        if found := list(accounts):
            self.add(
                say.joined(("also the account ", "还有账户 "), say.listed(found, MOST)),
                ("no account that the task does not name", "没有任务之外的账户"),
                see,
            )

    def absent(self, account: str, see: str = "") -> None:
        """Note an account that the task requires and that does not exist."""
        self.add((f"no account {account}", f"没有账户 {account}"), (f"the account {account}", f"账户 {account}"), see)

    def finish(self) -> None:
        """Raise the faults. Raises Unmet for one, and AllUnmet for several."""
        if len(self.faults) == 1:
            raise self.faults[0]
        if self.faults:
            raise AllUnmet(self.faults)


@contextmanager
def readable(box: str, server: str) -> Iterator[None]:
    """Take an answer that has not the form of that server's answers for a fault of the learner: a genuine server
    answers in its form. Raises Unmet."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise Unmet(
            box,
            found=(f"an answer that {server} would not give", f"不是 {server} 会给出的应答"),
            expected=(f"the accounts of {server}", f"{server} 的账户列表"),
        ) from error


def name_of(place: object, given: str) -> str:
    """Return the name of the box for answers: the given one, or the one that a client has."""
    return given or str(getattr(place, "name", ""))


def noted(text: str, note: Pair) -> Pair:
    """Return a name with a note in brackets."""
    return f"{text} ({note[0]})", f"{text}（{note[1]}）"


def texts(words: Iterable[Words]) -> list[Pair]:
    """Return all words in both languages."""
    return [pair(each) for each in words]
