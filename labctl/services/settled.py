"""Wait until the services in boxes answer, as ``ready`` in lab.yml describes it.

systemd reports READY=1 when its first jobs are done. A service of Type=simple or Type=exec may need more time before it
listens. Checks that run too early would reject correct work.

One command in the box looks and waits, so a wait costs one exec. The box's own programs are used: a learner who breaks
them only ends the wait early, and the checks judge the box. The wait ends

- as soon as the condition holds;
- when ``seconds`` are over;
- when nothing in the box is starting any more: systemd has no job, and, if the condition is expected to hold, no
  service has changed its state for a quarter of ``seconds``.

The condition is expected to hold if it held in the box that was copied or switched off, or after a play. It is not
expected in a new box, because the learner hasn't configured the service yet.
"""

from __future__ import annotations

import select
import time
from collections.abc import Collection, Mapping

from labctl.domain.lab.model import Lab, ReadyWhen
from labctl.domain.lab.params import Params
from labctl.domain.text import fill
from labctl.errors import LabctlError
from labctl.ports import ByteStream, Engine

GRACE_SECONDS = 5.0
"""The time that a wait may last longer than ``seconds``, on a loaded machine. The box can't delay labctl any longer."""

# $1: the seconds of the wait. $2: the seconds without a change of a service, or 0: only jobs count. Dates have whole
# seconds. A look without a wait has 0 and 0.
_WAIT = """\
now() { date +%s; }
settled() {
    [ -z "$(systemctl list-jobs --no-legend 2>/dev/null </dev/null)" ] || return 1
    [ "$2" -gt 0 ] || return 0
    changed=$(systemctl show '*.service' --property=StateChangeTimestamp --timestamp=unix --value 2>/dev/null |
        sed 's/^@//' | sort -n | tail -n 1)
    [ -z "$changed" ] || [ $(($(now) - changed)) -gt "$2" ]
}
end=$(($(now) + $1))
while :; do
    holds >/dev/null 2>&1 </dev/null && echo yes && exit
    [ "$(now)" -lt "$end" ] || exit
    settled "$@" && exit
    sleep 0.1
done
"""


def settle(
    engine: Engine, lab: Lab, values: Params, boxes: Mapping[str, str], expected: Collection[str] = ()
) -> frozenset[str]:
    """Wait for these running boxes (name to id), all at once, and return the boxes whose condition holds. ``values``
    fill the templates, and ``expected`` are the boxes whose condition is expected to hold. Boxes without ``ready`` are
    left out. No failure is an error here, because the checks judge the boxes."""
    return _ask(engine, lab, values, boxes, expected, wait=True)


def holding(engine: Engine, lab: Lab, values: Params, boxes: Mapping[str, str]) -> frozenset[str]:
    """Return those of these boxes (name to id) whose condition holds now. Boxes that don't run are left out."""
    return _ask(engine, lab, values, boxes, (), wait=False)


def _ask(
    engine: Engine, lab: Lab, values: Params, boxes: Mapping[str, str], expected: Collection[str], *, wait: bool
) -> frozenset[str]:
    streams: dict[str, ByteStream] = {}
    held: set[str] = set()
    longest = 0
    try:
        for name, box_id in boxes.items():
            when = lab.boxes[name].ready if name in lab.boxes else None
            if when is None:
                continue
            seconds = when.seconds if wait else 0
            quiet = max(1, seconds // 4) if wait and name in expected else 0
            argv = ["/bin/sh", "-c", f"{condition(when, values)}\n{_WAIT}", "ready", str(seconds), str(quiet)]
            try:
                streams[name] = engine.stream(box_id, argv)
            except LabctlError:
                continue
            longest = max(longest, seconds)
        end = time.monotonic() + longest + GRACE_SECONDS
        while streams and (left := end - time.monotonic()) > 0:
            for name in _readable(streams, left):
                try:
                    data = streams[name].read()
                except OSError:
                    data = b""
                if b"yes" in data:
                    held.add(name)
                if not data:
                    streams.pop(name).close()
    finally:
        for stream in streams.values():
            stream.close()
    return frozenset(held)


def _readable(streams: Mapping[str, ByteStream], seconds: float) -> list[str]:
    if buffered := [name for name, stream in streams.items() if stream.pending()]:
        return buffered
    by_descriptor = {stream.fileno(): name for name, stream in streams.items()}
    return [by_descriptor[one] for one in select.select([*by_descriptor], [], [], seconds)[0]]


def condition(when: ReadyWhen, values: Params) -> str:
    """Return the condition as a function of the shell, with the name ``holds``."""
    import shlex

    if when.port is not None:
        port = int(fill(str(when.port), values))
        # The state 0A is LISTEN, and the remote address of a listener is 0: proc(5), /proc/net/tcp.
        test = f"cat /proc/net/tcp /proc/net/tcp6 | grep -q ':{port:04X} 0*:0000 0A '"
    elif when.path is not None:
        test = f"[ -e {shlex.quote(fill(when.path, values))} ]"
    else:
        test = f"timeout 5 /bin/sh -c {shlex.quote(fill(when.command or 'false', values))}"
    return f"holds() {{ {test}; }}"
