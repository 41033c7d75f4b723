"""Two nights on the copy of the box, in a few seconds: cron believes a clock that runs much faster (faketime), and
timers of that minute are elapsed by hand. What was to be done at night is then there, or it isn't."""

import re
import secrets
import time

# Not two days of one week or of one month alike: what runs once a week or a month misses one of them.
DATES = ("2026-11-11", "2026-11-21")
_FASTER = (120, 30, 10)  # where cron came too late to its minute, the next one
# Seconds of the night's clock: so long before its minute cron starts, with the minute before in between.
_EARLY = 75

# An entry of our own for the same minute tells that cron has come to it, and how fast this machine is. An archive is
# known by its inode, too: two of one second have one name, and the later one replaces the earlier one.
_NIGHT = """
archives() {{ ls -i {dest}/ 2>/dev/null | grep ' {prefix}-.*[.]tar[.]gz$' | sed 's/^ *//; s/ /:/' >>{place}/$night; }}
more() {{ archives; grep -qvxF -f {place}/before {place}/$night; }}
# Hundredths of a second, on a clock that goes slower while the machine is busy: as labctl's own does.
cores=$(grep -c ^processor /proc/cpuinfo); counted=0; read -r up rest </proc/uptime; last=${{up%.*}}${{up#*.}}
tick() {{
    read -r up rest </proc/uptime; read -r minute five fifteen tasks rest </proc/loadavg
    up=${{up%.*}}${{up#*.}}; load=$((${{minute%.*}} + 1)); running=${{tasks%/*}}
    [ $running -le $load ] || load=$running
    slow=$((load * 100 / cores))
    [ $slow -ge 100 ] || slow=100
    [ $slow -le 800 ] || slow=800
    counted=$((counted + (up - last) * 10000 / slow)); last=$up; now=$((counted / 100))
}}
wait_for() {{ until $2 || {{ tick; [ $((now - began)) -gt $1 ]; }}; do usleep 15000; done; }}
came() {{ [ -e {place}/came ]; }}
start_cron() {{
    rm -f /run/crond.pid {place}/came
    setsid env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \\
        faketime -f "@$date {clock} x$1" cron -f </dev/null >/dev/null 2>&1 &
    faked=$!
}}
echo '{minute} {hour} * * * root /bin/touch {place}/came' >/etc/cron.d/{name}
night=0
for date in {dates}; do
    night=$((night + 1)); faked=; patience=800; tries=0; tick; began=$now
    archives; cp {place}/$night {place}/before; echo none >>{place}/before
    for unit in {units}; do timeout {limit} systemctl start --no-block "$unit"; done
    for faster in {faster}; do
        [ {cron} = yes ] || break
        tick; began=$now; tries=$((tries + 1)); start_cron $faster
        wait_for $(({early} * 100 / faster + 250)) came
        tick; patience=$(((now - began) * 6 + 100))
        ! came || break
        kill -9 -- -$faked
    done
    wait_for $patience more
    tick; began=$now
    while [ $((now - began)) -lt 115 ]; do archives; usleep 15000; tick; done
    more || break
    [ -z "$faked" ] || kill -9 -- -$faked
    sort -u {place}/$night | grep -vxF -f {place}/before >{place}/made-$night
    echo $tries >{place}/tries-$night
done
[ -z "$faked" ] || kill -9 -- -$faked
echo >{place}/over
"""


class Night:
    """``begin`` it before anything else is done on the copy, and look at what became of it at the end."""

    def __init__(self, exercise, box, params, clock):
        self._exercise, self._box, self._params, self._clock = exercise, box, params, clock
        self.place = f"/{secrets.token_hex(5)}"
        self.marker, self.word = f"today-{secrets.token_hex(4)}", secrets.token_hex(16)
        self.cron, self.units, self._begun = False, [], False

    def begin(self):
        """The first of several calls does it."""
        if self._begun:
            return
        self._begun = True
        inside, params = self._exercise("ops"), self._params
        look = 'for p in /proc/[0-9]*; do [ "$(readlink $p/exe)" = /usr/sbin/cron ] && echo ${p#/proc/}; done'
        pids = self._box("ops").run(look).stdout.split()
        self.cron = bool(pids)
        told = inside.run(
            f"timeout {self._clock.limit(5):.0f} systemctl show '*.timer' -p ActiveState,Unit,TimersCalendar"
        ).stdout
        self.units = nightly_units(told, params["hour"], params["minute"])
        minutes = params["hour"] * 60 + params["minute"]
        early = minutes * 60 - _EARLY
        clock = f"{early // 3600:02}:{early // 60 % 60:02}:{early % 60:02}"
        script = _NIGHT.format(
            dest="/srv/backup",
            prefix=params["prefix"],
            place=self.place,
            dates=" ".join(DATES),
            units=" ".join(self.units),
            limit=round(self._clock.limit(5)),
            cron="yes" if self.cron else "no",
            clock=clock,
            early=_EARLY,
            faster=" ".join(map(str, _FASTER)),
            hour=params["hour"],
            minute=params["minute"],
            name=f"night{secrets.token_hex(4)}",
        )
        stop = f"kill -STOP {' '.join(pids)}; " if pids else ""
        inside.run(
            f"{stop}mkdir -p {self.place} /srv/data; echo {self.word} >/srv/data/{self.marker};"
            " setsid sh -c %s </dev/null >/dev/null 2>&1 &",
            script,
        )

    def seen(self, seconds=60.0):
        """The new archives of each night, up to the first one without any. Where cron was started more than once, as it
        came too late, what it then did once more is left out."""
        deadline = self._clock() + seconds
        look = "cd %s && for n in 1 2; do cat made-$n tries-$n 2>/dev/null; echo ==; done; [ -e over ]"
        while True:
            told = self._box("ops").run(look, self.place)
            if told.rc == 0 or self._clock() > deadline:
                break
            time.sleep(0.05)
        nights = []
        for part in told.stdout.split("==\n")[:2]:
            *made, tries = part.split() or ["1"]
            more = max(0, int(tries) - 1)
            nights.append(made[: max(1, len(made) - more)])
        nights = nights or [[]]
        return nights if nights[0] else nights[:1]


def nightly_units(told, hour, minute):
    """Units that a timer starts at that minute of every day."""
    daily = re.compile(rf"OnCalendar=\*-\*-\* 0?{hour}:0?{minute}:00(\.0+)?( UTC)? ;")
    units = []
    for block in told.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if values.get("ActiveState") == "active" and daily.search(block):
            units.append(values.get("Unit", ""))
    return [unit for unit in units if re.fullmatch(r"[\w@.:\\-]+", unit)]
