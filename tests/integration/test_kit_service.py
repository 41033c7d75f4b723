"""Services of the kit on real boxes: Redis, nginx and sshd as they are, as learners change them, and as cheats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docker
import pytest
from kit_rig import KitRig, kit_rig
from rig import Labctl

from labctl.kit import configs, looks, service, survives
from labctl.kit.answers import Unmet
from labctl.kit.services import Service
from labctl.kit.surviving import WholeState
from labctl.kit.units import BoxUnits

pytestmark = pytest.mark.engine

REDIS = "/usr/bin/redis-server"
OWN = "10.10.10.11"


@pytest.fixture(scope="module")
def kit(engine: docker.DockerClient, shared: Labctl) -> Iterator[KitRig]:
    with kit_rig(engine, shared, "services", copy=True) as made:
        made.root("store", "systemctl enable --now redis-server 2>&1")
        yield made


@pytest.fixture
def redis(kit: KitRig) -> Iterator[Service]:
    """Redis as it was installed, enabled and running. Afterwards, the state is as before."""
    yield fresh(kit)
    kit.root(
        "store",
        """
        pkill -KILL 'redis|python3' || true
        rm -rf /etc/systemd/system/redis-server.service* /etc/systemd/system/my-cache.service /etc/default/extra*
        [ ! -e /etc/redis/kept ] || mv /etc/redis/kept /etc/redis/redis.conf
        systemctl -q enable redis-server
        systemctl reset-failed
        systemctl restart redis-server
        """,
        fails=True,
    )
    kit.forget()


def fresh(kit: KitRig, port: int = 6379) -> Service:
    """The service, with nothing read yet."""
    kit.forget()
    made: Service = service(kit.box("store"), program=REDIS, port=port, unit="redis-server")
    return made


def wrong(look: Any, *words: str) -> Any:
    """Require an unmet whose English words have all of these, and return it."""
    with pytest.raises(Unmet) as caught:
        look()
    (fault,) = caught.value.faults
    assert all(word in fault.found[0] for word in words), fault
    assert all(fault.found), fault
    return fault


def test_a_genuine_service(kit: KitRig, redis: Service) -> None:
    process = redis.ready(10)
    assert (process.program, process.unit) == ("/usr/bin/redis-check-rdb", "redis-server.service")
    assert redis.enabled().name == "redis-server.service"
    assert redis.listens_exactly(["127.0.0.1"], never=[6380]).pid == process.pid
    options = redis.options(configs.redis_conf)
    assert options["bind"].where[0].endswith(" of /etc/redis/redis.conf")
    assert options["daemonize"].words[0].startswith("daemonize no (line ")
    assert "Ready to accept connections" in redis.log()
    assert redis.client(lambda place, address, port: (place.name, address, port)) == ("store", OWN, 6379)


def test_units_that_start_at_boot_are_those_that_started(kit: KitRig) -> None:
    """Every socket, timer and target that runs in the fresh box is predicted by the files, and nothing else of them."""
    listed = "systemctl list-units --all --state=active --type=socket,timer,target --plain --no-legend"
    running = {line.split()[0] for line in kit.root("web", listed).splitlines()}
    predicted = {name for name in BoxUnits(kit.box("web")).at_boot if name.endswith((".socket", ".timer", ".target"))}
    assert predicted >= running
    assert predicted - running <= {"default.target", "systemd-journald-audit.socket"}


def test_sshd_behind_its_socket(kit: KitRig) -> None:
    ssh = service(kit.box("web"), program="/usr/sbin/sshd", port=22)
    assert ssh.genuine().pid == 1
    assert ssh.enabled().name == "ssh.service"
    ssh.listens_exactly(["*"])
    assert ssh.options(configs.key_value)["usepam"].value == "yes"
    wrong(service(kit.box("web"), program="/usr/sbin/nginx", port=22).genuine, "systemd (pid 1) listens on port 22")


def test_nginx_with_its_workers_and_the_unit_that_is_not_enabled(kit: KitRig) -> None:
    web = service(kit.box("web"), program="/usr/sbin/nginx", port=80)
    wrong(web.genuine, "nginx.service has no process and does not start at boot")
    kit.root("web", "systemctl start nginx")
    web = service(kit.box("web"), program="/usr/sbin/nginx", port=80)
    assert web.unit() == "nginx.service"
    web.listens_exactly(["*"])
    wrong(lambda: web.listens_exactly(["0.0.0.0"]), "TCP [::]:80, which means every address")
    fault = wrong(web.enabled, "nothing starts it at boot")
    assert fault.see == "systemctl is-enabled nginx.service"
    assert web.options(configs.nginx)["daemon"].where[0] == "line 23 of /usr/lib/systemd/system/nginx.service"


@pytest.mark.parametrize("target", ["graphical.target", "labctl-test.target"])
def test_a_link_from_a_target_that_no_boot_reaches_is_not_enabled(kit: KitRig, redis: Service, target: str) -> None:
    folder = f"/etc/systemd/system/{target}.wants"
    kit.root("store", f"systemctl -q disable redis-server; mkdir -p {folder}")
    kit.root("store", f"ln -s /lib/systemd/system/redis-server.service {folder}/")
    wrong(redis.enabled, "nothing starts it at boot")
    kit.root("store", f"rm -r {folder}; systemctl -q enable --runtime redis-server")
    wrong(fresh(kit).enabled, "nothing starts it at boot")


def test_right_work_under_another_name_is_enabled(kit: KitRig, redis: Service) -> None:
    start = f"[Service]\\nExecStart={REDIS} /etc/redis/redis.conf --daemonize no\\n"
    unit = start + "[Install]\\nWantedBy=multi-user.target\\n"
    kit.root(
        "store",
        f"""
        systemctl disable --now redis-server 2>&1; printf '{unit}' > /etc/systemd/system/my-cache.service
        systemctl daemon-reload; systemctl enable --now my-cache 2>&1
        """,
    )
    redis.ready(10)
    assert redis.enabled().name == "my-cache.service"
    assert redis.unit() == "my-cache.service"
    kit.root("store", "systemctl disable --now my-cache 2>&1")


def test_a_process_that_was_started_by_hand(kit: KitRig, redis: Service) -> None:
    kit.root("store", f"systemctl stop redis-server; {REDIS} --daemonize yes --bind 127.0.0.1 --port 6379")
    redis.ready(10)
    assert redis.unit() == ""
    fault = wrong(redis.enabled, "started by hand: no service of systemd runs it")
    assert fault.see.startswith("systemctl status ")
    kit.root("store", "pkill -KILL redis; systemd-run --unit=my-cache " + REDIS + " --port 6379 --bind 127.0.0.1 2>&1")
    redis.ready(10)
    wrong(fresh(kit).enabled, "my-cache.service is a transient unit")
    kit.root("store", "systemctl stop my-cache")
    kit.root("store", f"systemd-run --unit=my-cache sleep 60 2>&1; {REDIS} --daemonize yes --bind 127.0.0.1")
    folder = "/sys/fs/cgroup/systemd/system.slice/my-cache.service"
    kit.root("store", f"[ ! -d {folder} ] || pidof redis-server > {folder}/cgroup.procs")
    wrong(fresh(kit).enabled, "started by hand")
    kit.root("store", "systemctl stop my-cache", fails=True)


def test_options_of_an_environment_file_are_seen(kit: KitRig, redis: Service) -> None:
    kit.root(
        "store",
        f"""
        mkdir -p /etc/systemd/system/redis-server.service.d
        echo 'EXTRA="--maxmemory 600mb"' > /etc/default/extra.one
        printf '%s\\n' '[Service]' 'EnvironmentFile=-/etc/default/extra.*' 'ExecStart=' \
            'ExecStart={REDIS} /etc/redis/redis.conf --supervised systemd --daemonize no $EXTRA' \
            > /etc/systemd/system/redis-server.service.d/x.conf
        """,
    )
    assert (
        redis.options(configs.redis_conf)["maxmemory"].words[0] == "maxmemory 600mb (line 1 of /etc/default/extra.one)"
    )
    assert [one.name for one in redis.written_options()] == ["", "supervised", "daemonize", "maxmemory"]
    assert "/etc/systemd/system/redis-server.service.d/x.conf" in redis.unit_file().stale
    kit.root("store", "systemctl daemon-reload; systemctl restart redis-server")
    assert fresh(kit).unit_file().stale == ()


NASTY = r"""
mkdir -p /etc/systemd/system/a-b@.service.d /etc/systemd/system/a-.service.d /run/systemd/system/a-b@x-y.service.d
cat > /etc/systemd/system/a-b@.service <<'EOF'
[Service]
Environment="ONE=a  b" TWO='c d' \
# between
  THREE=3
EnvironmentFile=/etc/default/extra-a
ExecStart=-@/bin/sleep name $ONE ${TWO} x${THREE}y $NONE "${NONE}" $$HOME %i %I %p \x41 'q r'"s" \
  last
EOF
printf '%s\n' "TWO='from \$file'" '# no \' 'THREE=no' 'ONE=one \' > /etc/default/extra-a
printf '[Service]\nEnvironment=THREE=5\n' > /etc/systemd/system/a-b@.service.d/10-a.conf
printf '[Service]\nEnvironment=THREE=6\n' > /etc/systemd/system/a-.service.d/10-a.conf
printf '[Service]\nEnvironment=THREE=7\n' > /run/systemd/system/a-b@x-y.service.d/20-a.conf
systemctl daemon-reload
systemctl start a-b@x-y 2>&1 || true
systemctl show a-b@x-y -p DropInPaths --value
"""


# systemctl can't show a drop-in whose name is not UTF-8, but systemd reads it.
ODD = r"""
odd=$(printf '/run/systemd/system/a-b@x-y.service.d/30 \377.conf')
printf '[Service]\nEnvironmentFile=\nEnvironment=TWO=8\n' > "$odd"
sed -i 's,/bin/sleep name,/usr/local/bin/say name,' /etc/systemd/system/a-b@.service
systemctl daemon-reload; systemctl start a-b@x-y; until [ -s /run/arguments ]; do :; done
"""


def test_a_unit_reads_as_systemd_reads_it(kit: KitRig) -> None:
    """systemd itself and the arguments of a process that it started are the reference."""
    drop_ins = kit.root("web", NASTY).strip().split("\n")[-1].split(" ")
    script = "#!/bin/sh\nprintf '%s\\n' \"$@\" > /run/arguments\n"
    kit.root("web", f"cat > /usr/local/bin/say <<'EOF'\n{script}EOF\nchmod +x /usr/local/bin/say")
    kit.root("web", ODD)
    said = kit.root("web", "cat /run/arguments").rstrip("\n").split("\n")
    unit = BoxUnits(kit.box("web")).unit("a-b@x-y")
    assert len(unit.drop_ins) == 4
    assert [path for path in unit.drop_ins if "30 " not in path] == drop_ins
    assert list(unit.commands()[0].texts[1:]) == said
    assert not BoxUnits(kit.box("web")).starts_at_boot("a-b@x-y")


def test_too_many_sockets_are_named(kit: KitRig, redis: Service) -> None:
    redis.ready(10)
    kit.root("store", f"redis-cli config set bind '127.0.0.1 {OWN}'")
    fault = wrong(lambda: redis.listens_exactly(["127.0.0.1"]), f"too much is open: TCP {OWN}:6379")
    assert fault.found[1].startswith("多开放了：")
    redis.listens_exactly(["127.0.0.1"], may=[OWN, "::1"])
    wrong(lambda: redis.listens_exactly(["127.0.0.1", OWN, "10.9.9.9"]), "port 6379 is closed on 10.9.9.9")
    kit.root("store", "redis-cli config set bind '*'")
    wrong(lambda: redis.listens_exactly(["127.0.0.1"]), "TCP 0.0.0.0:6379, which means every address")
    kit.root("store", "redis-cli config set bind 127.0.0.1")
    udp = "import socket as s,time;a=s.socket(2,2);a.bind(('',{}));time.sleep(60)"
    kit.root("store", f'python3 -c "{udp.format(6379)}" >/dev/null 2>&1 & until ss -lun | grep -q :6379; do :; done')
    wrong(lambda: redis.listens_exactly(["127.0.0.1"]), "UDP 0.0.0.0:6379")
    redis.listens_exactly(["127.0.0.1"], udp=True, may=["0.0.0.0"])
    kit.root("store", "pkill python3; until ! ss -lun | grep -q :6379; do :; done")


def test_other_ports_of_the_same_unit_and_ports_that_must_stay_closed(kit: KitRig, redis: Service) -> None:
    helper = f"ExecStartPost=/bin/sh -c 'exec {REDIS} --port 7001 --bind 127.0.0.1 --daemonize yes'"
    kit.root(
        "store",
        f"""
        mkdir -p /etc/systemd/system/redis-server.service.d
        printf '%s\\n' '[Service]' "{helper}" > /etc/systemd/system/redis-server.service.d/x.conf
        systemctl daemon-reload; systemctl restart redis-server; until ss -ltn | grep -q :7001; do :; done
        """,
    )
    redis.ready(10)
    wrong(lambda: redis.listens_exactly(["127.0.0.1"]), "TCP 127.0.0.1:7001 (/usr/bin/redis-check-rdb)")
    redis.listens_exactly(["127.0.0.1"], also=[7001])
    kit.root(
        "store", f"{REDIS} --port 7002 --bind 127.0.0.1 --daemonize yes; until ss -ltn | grep -q :7002; do :; done"
    )
    redis.listens_exactly(["127.0.0.1"], also=[7001])
    wrong(lambda: redis.listens_exactly(["127.0.0.1"], also=[7001], never=[7002]), "127.0.0.1:7002")


def test_a_service_that_crashed_names_its_unit_and_its_log(kit: KitRig, redis: Service) -> None:
    kit.root("store", "cp -a /etc/redis/redis.conf /etc/redis/kept; echo 'bogus yes' >> /etc/redis/redis.conf")
    kit.root("store", "systemctl restart redis-server 2>&1", fails=True)
    kit.root("store", "until systemctl -q is-failed redis-server; do :; done")  # systemd tries five times
    fault = wrong(
        redis.genuine, "no program listens on port 6379", "redis-server.service has no process", "'bogus yes'"
    )
    assert fault.see == "journalctl -u redis-server.service -n 20 --no-pager"
    kit.root("store", "mv /etc/redis/kept /etc/redis/redis.conf; systemctl reset-failed; systemctl stop redis-server")
    kit.root("store", "sleep 1.1; echo 'Bad file format' >> /var/log/redis/redis-server.log")  # a later second
    fault = wrong(fresh(kit).genuine, "Bad file format")
    assert fault.see == "systemctl status redis-server.service; tail -n 20 /var/log/redis/redis-server.log"
    kit.root("store", "systemctl -q mask redis-server 2>&1")
    wrong(fresh(kit).genuine, "redis-server.service is masked by /etc/systemd/system/redis-server.service")


def test_a_service_on_another_port_is_named(kit: KitRig, redis: Service) -> None:
    fault = wrong(fresh(kit, port=6500).genuine, "no program listens on port 6500", "listens on TCP 127.0.0.1:6379")
    assert fault.see == "ss -lntup"


def test_a_library_in_front_and_a_stopped_process_are_seen(kit: KitRig, redis: Service) -> None:
    library = "/usr/lib/x86_64-linux-gnu/libz.so.1"
    kit.root("store", f"systemctl stop redis-server; cp $(readlink -f {library} || ls /lib/*/libm.so.6) /root/x.so")
    wait = "until ss -ltn | grep -q :6379; do :; done"
    kit.root("store", f"LD_PRELOAD=/root/x.so {REDIS} --daemonize yes --bind 127.0.0.1; {wait}")
    wrong(fresh(kit).genuine, "was changed")
    kit.root(
        "store", f"pkill -KILL redis; while pidof redis-server; do :; done; {REDIS} --daemonize yes --bind 127.0.0.1"
    )
    kit.root(
        "store", f"{wait}; pkill -STOP redis; until grep -q 'State:.T' /proc/$(pidof redis-server)/status; do :; done"
    )
    wrong(fresh(kit).genuine, "is stopped")
    kit.root(
        "store", f"pkill -CONT redis; {REDIS} --daemonize yes --bind {OWN}; until ss -ltn | grep -q {OWN}; do :; done"
    )
    wrong(fresh(kit).genuine, "several processes hold port 6379")


class RedisCli:
    """The toolbox's redis-cli as a client of looks."""

    def __init__(self, place: Any) -> None:
        self.place = place

    def ask(self, *words: str) -> Any:
        asked = " ".join("%s" for _ in words)
        return self.place.run(f"redis-cli --json {asked}", *words).stdout_bytes and self.lines(asked, words)

    def lines(self, asked: str, words: tuple[str, ...]) -> list[str]:
        return str(self.place.run(f"redis-cli {asked}", *words).stdout).removesuffix("\n").split("\n")


def test_the_whole_redis_survives_a_restart_only_if_all_is_written(kit: KitRig, redis: Service) -> None:
    store = kit.box("store")
    cli = RedisCli(store)

    def look() -> dict[str, Any]:
        redis.ready(10)
        return {"redis": looks.redis(cli), "sockets": looks.listeners(store), "units": looks.units(store)}

    survives(look, restart=[(store, "redis-server")])
    kit.root("store", "redis-cli config set maxmemory 1000000; redis-cli acl setuser guest on nopass '~*' +@all")
    with pytest.raises(Unmet) as caught:
        survives(look, restart=[(store, "redis-server")], seconds=0.1)
    found = caught.value.faults[0].found[0]
    assert found.startswith("changed after a restart of redis-server: ")
    assert "redis.config.maxmemory: 1000000 → 0" in found
    assert "redis.users.guest: on nopass" in found
    kit.root("store", "redis-cli config set maxmemory 1000000")
    survives(look, restart=[(store, "redis-server")], except_=["redis.config.maxmemory"])


def test_files_are_compared_by_content_mode_and_owner(kit: KitRig) -> None:
    kit.root("web", "mkdir -p '/srv/a b'; echo x > '/srv/a b/one'; ln -s one '/srv/a b/link'; mkfifo /srv/fifo")
    whole = WholeState(lambda: looks.files(kit.box("web"), "/srv", "/none"), "web")
    assert len(whole.before) == 6
    whole.unchanged()
    kit.root("web", "chmod 600 '/srv/a b/one'; ln -sf two '/srv/a b/link'; touch /none")
    fault = wrong(lambda: whole.unchanged(seconds=0.1, see="ls -lR /srv"), "/srv/a b/one", "mode 600", "content two")
    assert "/none: absent →" in fault.found[0]
    kit.root("web", "rm -r /srv/* /none")


def test_rules_are_compared_whole(kit: KitRig) -> None:
    nft = "/.labctl/bin/nft"
    kit.root("web", f"{nft} add table inet f; {nft} add chain inet f in '{{ type filter hook input priority 0; }}'")
    kit.root(
        "web", f"{nft} add rule inet f in tcp dport 80 counter accept; /.labctl/bin/iptables -A INPUT -p 47 -j DROP"
    )
    whole = WholeState(lambda: looks.rules(kit.box("web")), "web")
    assert set(whole.before) == {"inet f", "ip filter", "iptables"}
    kit.client().run("curl -s -m 2 http://10.10.10.12/")  # a packet, so that a counter changes
    whole.unchanged()
    kit.root("web", f"{nft} add rule inet f in udp dport 53 accept; /.labctl/bin/iptables -F")
    wrong(lambda: whole.unchanged(seconds=0.1), "inet f.chain in: new: ", "iptables: gone: -A INPUT -p 47 -j DROP")
    kit.root("web", f"{nft} flush ruleset")
    assert looks.rules(kit.box("store")) == {}


def test_forged_programs_are_not_genuine(kit: KitRig, redis: Service) -> None:
    wait = "until ss -ltn | grep -q :6379; do :; done"
    kit.root("store", f"systemctl stop redis-server; cp {REDIS} /root/redis-server")
    kit.root("store", f"/root/redis-server --daemonize yes --bind 127.0.0.1; {wait}")
    wrong(fresh(kit).genuine, "/root/redis-server (pid", "not /usr/bin/redis-server")
    kit.root("store", "pkill -KILL redis")
    server = "import http.server as h;h.test(h.SimpleHTTPRequestHandler,port=6379,bind='127.0.0.1')"
    kit.root("store", f'python3 -c "{server}" >/dev/null 2>&1 & {wait}')
    wrong(fresh(kit).genuine, "python3")
    # A link of the learner makes no other genuine program right.
    kit.root("store", f"mv {REDIS} /root/link; ln -s $(readlink -f /usr/bin/python3) {REDIS}")
    wrong(fresh(kit).genuine, "python3")
    kit.root("store", f"mv /root/link {REDIS}; pkill python3")
