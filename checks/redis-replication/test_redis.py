"""What the three Redis servers do, asked from the servers themselves, and what they would do after a reboot."""

import fnmatch
import hashlib
import re
import secrets
import shlex
import time

import pytest

BOXES = ("master", "replica1", "replica2")
REPLICAS = ("replica1", "replica2")

# How timeout ends a command that takes too long: coreutils' way, busybox' way.
TIMED_OUT = (124, 143)

# What the Redis documentation gives a replica's user: https://redis.io/docs/management/security/acl/ ("ACL rules for
# Sentinel and replicas").
REPLICA_COMMANDS = {"+psync", "+replconf", "+ping"}


def say(*, en, zh):
    return f"{en}\n[zh] {zh}"


class UnmetError(AssertionError):
    """What is not as the task wants it on one box, in both languages."""

    def __init__(self, box, *, en, zh):
        super().__init__(say(en=f"{box}: {en}", zh=f"{box}：{zh}"))
        self.box, self.en, self.zh = box, en, zh


def grouped(unmet):
    """One fault that tells all of them: boxes with the same fault in one line."""
    together = {}
    for fault in unmet:
        together.setdefault((fault.en, fault.zh), []).append(fault.box)
    lines = [(", ".join(boxes), "、".join(boxes), en, zh) for (en, zh), boxes in together.items()]
    return AssertionError(
        say(
            en="\n".join(f"{boxes}: {en}" for boxes, _, en, _ in lines),
            zh="\n".join(f"{boxes}：{zh}" for _, boxes, _, zh in lines),
        )
    )


class Redis:
    """The Redis of one box, asked with redis-cli in that box."""

    def __init__(self, name, box, params):
        self.name, self.host, self.params = name, box(name), params
        self.port = str(params["redis_port"])
        self.address = None

    def raw(self, address, *command, user="default", password=None):
        """One command and its answer as (stdout, stderr)."""
        login = ("--user", user, "--pass", password, "--no-auth-warning") if password is not None else ()
        words = ("timeout", "5", "redis-cli", "-h", address, "-p", self.port, *login, *command)
        asked = self.host.run(" ".join(["%s"] * len(words)), *words)
        if asked.rc in (126, 127):
            raise RuntimeError(f"redis-cli could not run: {asked.stderr}")
        late = asked.rc in TIMED_OUT
        return asked.stdout.rstrip("\n"), "no answer within 5 seconds" if late else asked.stderr.strip()

    def find(self):
        """The address at which this Redis answers its own box."""
        if self.address is None:
            for address in ("127.0.0.1", self.params[f"{self.name}_address"]):
                out, why = self.raw(address, "ping")
                if out:
                    self.address = address
                    break
            else:
                why = why.rpartition(": ")[2]
                raise UnmetError(
                    self.name,
                    en=f"no Redis answers on port {self.port} ({why}). "
                    "See `systemctl status redis-server` and `ss -ltnp` there; task listen comes first.",
                    zh=f"{self.port} 端口上没有 Redis 应答（{why}）。"
                    "请在那台机器上看 `systemctl status redis-server` 和 `ss -ltnp`；先完成任务 listen。",
                )
        return self.address

    def ask(self, *command):
        """One command as the administrator, and its answer."""
        out, error = self.raw(self.find(), *command, password=self.params["password"])
        if out.startswith("NOAUTH"):
            raise UnmetError(
                self.name,
                en=f"Redis runs, but does not take the password {self.params['password']} ({error}). "
                "Task auth comes first.",
                zh=f"Redis 在运行，但不接受密码 {self.params['password']}（{error}）。先完成任务 auth。",
            )
        if not out and error:
            raise UnmetError(
                self.name,
                en=f"`{command[0]}` got no answer: {error}.",
                zh=f"命令 `{command[0]}` 没有得到回答：{error}。",
            )
        return out

    def config(self, *names):
        """Settings of the running server, as CONFIG GET tells them."""
        lines = self.ask("config", "get", *names).split("\n")
        return dict(zip(lines[::2], [*lines[1::2], ""], strict=False))

    def info(self, section):
        """A section of INFO."""
        lines = (line.strip().partition(":") for line in self.ask("info", section).splitlines())
        return {name: value for name, colon, value in lines if colon}

    def users(self):
        """The running server's users: name to rules."""
        found = {}
        for line in self.ask("acl", "list").splitlines():
            words = line.split()
            if words[:1] == ["user"]:
                found[words[1]] = Rules(words[2:])
        return found

    def uptime(self):
        return int(self.info("server").get("uptime_in_seconds", "0"))

    def cli(self, command):
        """The command as a learner would type it in the box."""
        return f"`redis-cli -p {self.port} -a {self.params['password']} {command}`"


def on(names, box, params, look):
    """Look at the Redis of each of these boxes, and tell of all of them what is not right."""
    unmet = []
    for name in names:
        try:
            look(Redis(name, box, params))
        except UnmetError as fault:
            unmet.append(fault)
    if unmet:
        raise grouped(unmet)


class Rules:
    """A user's ACL rules, read one after the other as Redis does."""

    def __init__(self, words):
        self.on, self.nopass = False, False
        self.passwords, self.commands, self.keys, self.channels = set(), set(), set(), set()
        for word in words:
            self._read(word)

    def _read(self, word):
        low = word.lower()
        if low == "reset":
            self.__init__(())
        elif low in ("on", "off"):
            self.on = low == "on"
        elif low == "nopass":
            self.nopass, self.passwords = True, set()
        elif low == "resetpass":
            self.nopass, self.passwords = False, set()
        elif word[0] in ">#":
            self.nopass = False
            self.passwords.add(hashlib.sha256(word[1:].encode()).hexdigest() if word[0] == ">" else low[1:])
        elif word[0] in "<!":
            self.passwords.discard(hashlib.sha256(word[1:].encode()).hexdigest() if word[0] == "<" else low[1:])
        elif low in ("allcommands", "+@all"):
            self.commands = {"+@all"}
        elif low in ("nocommands", "-@all"):
            self.commands = set()
        elif word[0] in "+-":
            self.commands.discard({"+": "-", "-": "+"}[word[0]] + low[1:])
            if word[0] == "+" or self.commands:
                self.commands.add(low)
        elif low in ("allkeys", "resetkeys"):
            self.keys = {"~*"} if low == "allkeys" else set()
        elif low in ("allchannels", "resetchannels"):
            self.channels = {"&*"} if low == "allchannels" else set()
        elif word[0] in "~%":
            self.keys.add(word)
        elif word[0] == "&":
            self.channels.add(word)

    def __eq__(self, other):
        return vars(self) == vars(other)


# ---------------------------------------------------------------------------------------------------------------- auth


@pytest.mark.task("auth")
def test_no_password_no_answer(box, params):
    """Without a password, or with a wrong one, no box answers
    zh: 没有密码或密码不对，哪台机器都不应答
    """

    def look(redis):
        out, _ = redis.raw(redis.find(), "ping")
        if not out.startswith("NOAUTH"):
            raise UnmetError(
                redis.name,
                en=f"PING without a password was answered {out!r}, expected NOAUTH. "
                f"Try `redis-cli -p {redis.port} ping`; the directive is requirepass.",
                zh=f"不带密码的 PING 得到了 {out!r}，应当是 NOAUTH。"
                f"可用 `redis-cli -p {redis.port} ping` 自己试；对应的指令是 requirepass。",
            )
        out, _ = redis.raw(redis.find(), "ping", password=secrets.token_hex(8))
        if not out.startswith("NOAUTH"):
            raise UnmetError(
                redis.name,
                en="a made-up password was accepted. `ACL LIST` must not say nopass for default.",
                zh="随便编的密码也被接受了。`ACL LIST` 里 default 用户不应带 nopass。",
            )

    on(BOXES, box, params, look)


@pytest.mark.task("auth")
def test_the_password_opens(box, params):
    """With your password every box answers
    zh: 用你的密码，每台机器都应答
    """

    def look(redis):
        out, error = redis.raw(redis.find(), "ping", password=params["password"])
        if out != "PONG" or error:
            raise UnmetError(
                redis.name,
                en=f"with the password {params['password']} PING should be answered PONG and nothing else, "
                f"but: {' / '.join(filter(None, (error, out)))}. Try {redis.cli('ping')}.",
                zh=f"用密码 {params['password']} 执行 PING 应当只得到 PONG，"
                f"实际是：{' / '.join(filter(None, (error, out)))}。可用 {redis.cli('ping')} 自己试。",
            )

    on(BOXES, box, params, look)


# ---------------------------------------------------------------------------------------------------- replication-user


@pytest.mark.task("replication-user")
def test_replication_user_can_log_in(box, params):
    """The replication user can log in on every box, with its password only
    zh: 复制用户在每台机器上都能登录，而且只能用它自己的密码
    """
    user, password = params["repl_user"], params["repl_password"]

    def look(redis):
        redis.ask("ping")
        out, error = redis.raw(redis.find(), "ping", user=user, password=password)
        if out != "PONG" or error:
            raise UnmetError(
                redis.name,
                en=f"user {user} with password {password} gets: {error or out}. "
                f"See {redis.cli(f'acl getuser {user}')}.",
                zh=f"用户 {user}（密码 {password}）得到的是：{error or out}。请看 {redis.cli(f'acl getuser {user}')}。",
            )
        _, error = redis.raw(redis.find(), "ping", user=user, password=secrets.token_hex(8))
        if "WRONGPASS" not in error:
            raise UnmetError(
                redis.name,
                en=f"user {user} gets in with any password; it must not be nopass.",
                zh=f"用户 {user} 用任意密码都能登录；不能设成 nopass。",
            )

    on(BOXES, box, params, look)


@pytest.mark.task("replication-user")
def test_replication_user_may_replicate_only(box, params):
    """The replication user may run PSYNC, REPLCONF and PING, and nothing else
    zh: 复制用户只能执行 PSYNC、REPLCONF 和 PING，别的都不行
    """
    user, password = params["repl_user"], params["repl_password"]

    def look(redis):
        rules = redis.users().get(user)
        see = redis.cli(f"acl getuser {user}")
        if rules is None:
            raise UnmetError(
                redis.name,
                en=f"there is no user {user}. See {redis.cli('acl list')}.",
                zh=f"没有用户 {user}。请看 {redis.cli('acl list')}。",
            )
        for command in (("psync", "?", "-1"), ("replconf", "ack", "0"), ("ping",)):
            answer = redis.ask("acl", "dryrun", user, *command)
            if answer != "OK":
                raise UnmetError(
                    redis.name,
                    en=f"{user} may not run {command[0].upper()}, which a replica needs: {answer}. See {see}.",
                    zh=f"{user} 不能执行从机必需的 {command[0].upper()}：{answer}。请看 {see}。",
                )
        key = f"labctl:probe:{secrets.token_hex(6)}"
        out, _ = redis.raw(redis.find(), "get", key, user=user, password=password)
        extra = sorted({rule for rule in rules.commands if rule.startswith("+")} - REPLICA_COMMANDS)
        if extra or (out and not out.startswith(("NOPERM", "NOAUTH"))):
            told = " ".join(extra) or "GET"
            raise UnmetError(
                redis.name,
                en=f"{user} may do more than a replica needs: {told}. See {see}; begin its rules with -@all.",
                zh=f"{user} 的权限超出了从机所需：{told}。请看 {see}；规则应从 -@all 开始。",
            )
        reach = sorted(rules.keys | rules.channels)
        if reach:
            raise UnmetError(
                redis.name,
                en=f"{user} needs no keys and no channels, but has {' '.join(reach)}. "
                f"resetkeys and resetchannels take them away. See {see}.",
                zh=f"{user} 不需要任何键和频道，现在却有 {' '.join(reach)}。"
                f"用 resetkeys 和 resetchannels 去掉。请看 {see}。",
            )

    on(BOXES, box, params, look)


# ------------------------------------------------------------------------------------------------------------ replicas


def follows_the_master(redis):
    """Whether INFO replication names the lab's master; raises where not. Returns what INFO said."""
    params = redis.params
    told = redis.info("replication")
    wanted = f"{params['master_address']} {redis.port}"
    if told.get("role") != "slave":
        raise UnmetError(
            redis.name,
            en=f"is not a replica (role:{told.get('role')}). `replicaof {wanted}` makes it one; "
            f"see {redis.cli('info replication')}.",
            zh=f"还不是从机（role:{told.get('role')}）。`replicaof {wanted}` 让它成为从机；"
            f"请看 {redis.cli('info replication')}。",
        )
    found = f"{told.get('master_host')} {told.get('master_port')}"
    if found not in (wanted, f"master {redis.port}"):
        raise UnmetError(
            redis.name,
            en=f"follows {found}, expected {wanted}. See replicaof.",
            zh=f"跟随的是 {found}，应当是 {wanted}。请看 replicaof。",
        )
    return told


def patience(*servers):
    """For how many seconds a link may still be down: right after a start it needs some, else it is up or broken."""
    return 8.0 if any(server.uptime() < 30 for server in servers) else 1.5


@pytest.mark.task("replicas")
def test_replicas_are_linked(box, params):
    """Both replicas follow the master and the link is up
    zh: 两台从机都跟随 master，而且链路是通的
    """

    def look(redis):
        told = follows_the_master(redis)
        if told.get("master_link_status") == "up":
            return
        syncing = told.get("master_sync_in_progress") == "1"
        deadline = time.monotonic() + (8.0 if syncing else patience(redis, Redis("master", box, params)))
        while told.get("master_link_status") != "up" and time.monotonic() < deadline:
            time.sleep(0.1)
            told = redis.info("replication")
        if told.get("master_link_status") == "up":
            return
        if told.get("master_sync_in_progress") == "1":
            raise UnmetError(
                redis.name,
                en="the first sync is still going on. Verify again in a few seconds.",
                zh="首次同步还在进行。过几秒再验证一次。",
            )
        raise UnmetError(
            redis.name,
            en="knows its master, but the link is down (master_link_status:down). "
            "The reason is at the end of the log there: `tail /var/log/redis/redis-server.log`.",
            zh="知道主机是谁，但链路不通（master_link_status:down）。"
            "原因写在那台机器日志的末尾：`tail /var/log/redis/redis-server.log`。",
        )

    on(REPLICAS, box, params, look)


@pytest.mark.task("replicas")
def test_what_the_master_learns_the_replicas_know(box, params):
    """A random key written on the master can be read on both replicas
    zh: 在 master 上写入的随机键，两台从机都读得到
    """
    master = Redis("master", box, params)
    on(REPLICAS, box, params, follows_the_master)
    key, value = f"labctl:probe:{secrets.token_hex(6)}", secrets.token_hex(8)
    deadline = time.monotonic() + patience(master)
    while (answer := master.ask("set", key, value, "ex", "60")).startswith("NOREPLICAS"):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if answer != "OK":
        raise UnmetError(
            "master",
            en=f"a write was refused: {answer}. Try {master.cli('set a 1')}.",
            zh=f"写入被拒绝：{answer}。可用 {master.cli('set a 1')} 自己试。",
        )

    def look(redis):
        if redis.ask("get", key) == value:
            return
        deadline = time.monotonic() + patience(redis, master)
        while redis.ask("get", key) != value:
            if time.monotonic() > deadline:
                raise UnmetError(
                    redis.name,
                    en=f"a key written on the master did not arrive. See {redis.cli('info replication')}.",
                    zh=f"在 master 上写入的键，没有传到这里。请看 {redis.cli('info replication')}。",
                )
            time.sleep(0.05)

    try:
        on(REPLICAS, box, params, look)
    finally:
        master.ask("del", key)


@pytest.mark.task("replicas")
def test_replicas_log_in_as_the_replication_user(box, params):
    """The master sees both replicas, logged in as the replication user
    zh: 在 master 看来，两台从机都以复制用户的身份登录
    """
    master = Redis("master", box, params)
    user = params["repl_user"]

    def seen():
        clients = master.ask("client", "list", "type", "replica").splitlines()
        fields = [dict(pair.split("=", 1) for pair in client.split() if "=" in pair) for client in clients]
        return {client.get("addr", "").rpartition(":")[0]: client.get("user") for client in fields}

    deadline = time.monotonic() + patience(master)
    wanted = {params[f"{name}_address"] for name in REPLICAS}
    while not wanted <= set(found := seen()) and time.monotonic() < deadline:
        time.sleep(0.1)

    def look(redis):
        name, address = redis.name, params[f"{redis.name}_address"]
        if address not in found:
            raise UnmetError(
                name,
                en=f"the master sees no replica at {address}. See {master.cli('client list type replica')} on master.",
                zh=f"master 没有看到来自 {address} 的从机。请在 master 上看 {master.cli('client list type replica')}。",
            )
        if found[address] != user:
            raise UnmetError(
                name,
                en=f"replicates as the user {found[address]}, expected {user}. See masteruser and masterauth there.",
                zh=f"复制时用的是用户 {found[address]}，应当是 {user}。请看那台机器上的 masteruser 和 masterauth。",
            )

    on(REPLICAS, box, params, look)


# ----------------------------------------------------------------------------------------------------------- read-only


@pytest.mark.task("read-only")
def test_replicas_refuse_writes(box, params):
    """A write on a replica is refused
    zh: 往从机上写会被拒绝
    """

    def look(redis):
        follows_the_master(redis)
        key = f"labctl:probe:{secrets.token_hex(6)}"
        answer = redis.ask("set", key, "1", "ex", "60")
        if answer.startswith("READONLY"):
            return
        if answer == "OK":
            redis.ask("del", key)
            raise UnmetError(
                redis.name,
                en=f"a write was accepted; what is written there is on no other box, and gone with the next "
                f"sync. See {redis.cli('config get replica-read-only')}, and where redis.conf is right, "
                "`systemctl cat redis-server`.",
                zh=f"写入被接受了；写在那里的数据别处都没有，下次同步就没了。"
                f"请看 {redis.cli('config get replica-read-only')}；如果 redis.conf 没问题，"
                "再看 `systemctl cat redis-server`。",
            )
        raise UnmetError(
            redis.name,
            en=f"a write was answered {answer!r}, expected READONLY.",
            zh=f"写入得到的回答是 {answer!r}，应当是 READONLY。",
        )

    on(REPLICAS, box, params, look)


# ----------------------------------------------------------------------------------------------------------------- aof


@pytest.mark.task("aof")
def test_append_only_file(box, params):
    """Every box keeps an append-only file and syncs it every second
    zh: 每台机器都在写 AOF，并且每秒同步一次
    """

    def look(redis):
        told = redis.info("persistence")
        running = redis.config("appendonly", "appendfsync", "dir", "appenddirname", "appendfilename")
        if told.get("aof_enabled") != "1":
            raise UnmetError(
                redis.name,
                en=f"no append-only file is kept (aof_enabled:0). See {redis.cli('info persistence')}; "
                "if redis.conf says appendonly yes: has Redis been restarted, and with which command line "
                "(`systemctl cat redis-server`)?",
                zh=f"没有开启 AOF（aof_enabled:0）。请看 {redis.cli('info persistence')}；"
                "如果 redis.conf 里已经写了 appendonly yes，那么 Redis 重启过吗？"
                "启动命令行是什么（`systemctl cat redis-server`）？",
            )
        if running.get("appendfsync") != "everysec":
            raise UnmetError(
                redis.name,
                en=f"appendfsync is {running.get('appendfsync')}, expected everysec.",
                zh=f"appendfsync 是 {running.get('appendfsync')}，应当是 everysec。",
            )
        if told.get("aof_last_write_status") != "ok" or told.get("aof_last_bgrewrite_status") != "ok":
            raise UnmetError(
                redis.name,
                en=f"Redis could not write its append-only file. See {redis.cli('info persistence')} "
                "and /var/log/redis/redis-server.log.",
                zh=f"Redis 写 AOF 失败。请看 {redis.cli('info persistence')} 和 /var/log/redis/redis-server.log。",
            )
        manifest = "{dir}/{appenddirname}/{appendfilename}.manifest".format(**running)
        kept = not re.match(r"/(run|tmp|dev|var/run|var/tmp)(/|$)", running["dir"])
        if not kept or redis.host.run("test -s %s", manifest).rc != 0:
            raise UnmetError(
                redis.name,
                en=f"expected the list of its append-only files at {manifest}, in a place that outlives a reboot "
                "(Debian's is /var/lib/redis). See `dir` and `ls /var/lib/redis/appendonlydir`.",
                zh=f"AOF 的清单文件应当在 {manifest}，并且放在重启后还在的目录里（Debian 用 /var/lib/redis）。"
                "请看 `dir` 和 `ls /var/lib/redis/appendonlydir`。",
            )

    on(BOXES, box, params, look)


# -------------------------------------------------------------------------------------------------------- min-replicas


@pytest.mark.task("min-replicas")
def test_minimum_of_replicas(box, params):
    """On every box a master would take writes only with a replica close behind
    zh: 每台机器当主机时，都要求至少有一台从机跟得上才接受写入
    """
    wanted = {"min-replicas-to-write": "1", "min-replicas-max-lag": str(params["max_lag"])}

    def look(redis):
        running = redis.config(*wanted)
        wrong = {name: running.get(name) for name in wanted if running.get(name) != wanted[name]}
        if wrong:
            found = ", ".join(f"{name} {value}" for name, value in wrong.items())
            asked = ", ".join(f"{name} {wanted[name]}" for name in wrong)
            see = redis.cli("config get 'min-replicas-*'")
            raise UnmetError(
                redis.name,
                en=f"has {found}; expected {asked}. See {see}.",
                zh=f"现在是 {found}；应当是 {asked}。请看 {see}。",
            )

    on(BOXES, box, params, look)


@pytest.mark.task("min-replicas")
def test_master_has_good_replicas(box, params):
    """The master counts at least one good replica, so it takes writes
    zh: master 至少有一台合格的从机，因此接受写入
    """
    master = Redis("master", box, params)
    deadline = time.monotonic() + patience(master)
    while (good := master.info("replication").get("min_slaves_good_slaves")) in (None, "0"):
        if time.monotonic() > deadline or good is None:
            told = "does not count its replicas" if good is None else "counts no good replica"
            told_zh = "没有统计合格的从机" if good is None else "没有一台合格的从机"
            raise UnmetError(
                "master",
                en=f"{told}; with min-replicas-to-write 1 it would have at least one (min_slaves_good_slaves). "
                f"See {master.cli('info replication')}.",
                zh=f"{told_zh}；设好 min-replicas-to-write 1 之后应当至少有一台（min_slaves_good_slaves）。"
                f"请看 {master.cli('info replication')}。",
            )
        time.sleep(0.1)


# -------------------------------------------------------------------------------------------------------------- memory


@pytest.mark.task("memory")
def test_memory_limit_and_policy(box, params):
    """Every box has your memory limit and your eviction policy
    zh: 每台机器都有你的内存上限和淘汰策略
    """
    size = params["maxmemory_mb"]

    def look(redis):
        running = redis.config("maxmemory", "maxmemory-policy")
        found = int(running.get("maxmemory") or 0)
        if found != size * 1024 * 1024:
            unit = (
                (
                    " (that is `m`, a million bytes; `mb` is 1024 × 1024)",
                    "（这是按 `m`（一百万字节）算的；`mb` 才是 1024 × 1024）",
                )
                if found == size * 1000 * 1000
                else ("", "")
            )
            raise UnmetError(
                redis.name,
                en=f"maxmemory is {found} bytes{unit[0]}, expected {size}mb = {size * 1024 * 1024}. "
                f"See {redis.cli('config get maxmemory')}.",
                zh=f"maxmemory 是 {found} 字节{unit[1]}，应当是 {size}mb = {size * 1024 * 1024}。"
                f"请看 {redis.cli('config get maxmemory')}。",
            )
        if running.get("maxmemory-policy") != params["policy"]:
            raise UnmetError(
                redis.name,
                en=f"maxmemory-policy is {running.get('maxmemory-policy')}, expected {params['policy']}.",
                zh=f"maxmemory-policy 是 {running.get('maxmemory-policy')}，应当是 {params['policy']}。",
            )

    on(BOXES, box, params, look)


# -------------------------------------------------------------------------------------------------------------- reboot


@pytest.mark.task("reboot")
def test_started_at_boot(box, params):
    """systemd runs Redis on every box, and starts it at boot
    zh: 每台机器上的 Redis 都由 systemd 运行，并且开机自动启动
    """

    def look(redis):
        redis.ask("ping")
        shown = redis.host.run("systemctl show redis-server.service -p ActiveState -p UnitFileState").stdout
        state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        if state.get("UnitFileState") != "enabled":
            raise UnmetError(
                redis.name,
                en=f"redis-server.service is {state.get('UnitFileState') or 'unknown'}, so it would not start at "
                "boot. `systemctl enable redis-server`.",
                zh=f"redis-server.service 是 {state.get('UnitFileState') or '未知'}，开机不会启动。"
                "请执行 `systemctl enable redis-server`。",
            )
        if state.get("ActiveState") != "active":
            raise UnmetError(
                redis.name,
                en=f"a Redis answers, but the service is {state.get('ActiveState')}: somebody started it by hand. "
                "See `systemctl status redis-server` and `pgrep -a redis`.",
                zh=f"有 Redis 在应答，但服务的状态是 {state.get('ActiveState')}：它是被人手工启动的。"
                "请看 `systemctl status redis-server` 和 `pgrep -a redis`。",
            )

    on(BOXES, box, params, look)


# What Redis takes where the file says nothing (redis 7.0, src/config.c).
DEFAULTS = {
    "port": "6379",
    "bind": "* -::*",
    "protected-mode": "yes",
    "replicaof": "",
    "masteruser": "",
    "masterauth": "",
    "replica-read-only": "yes",
    "min-replicas-to-write": "0",
    "min-replicas-max-lag": "10",
    "appendonly": "no",
    "appendfsync": "everysec",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
}
UNITS = {"": 1, "b": 1, "k": 10**3, "kb": 2**10, "m": 10**6, "mb": 2**20, "g": 10**9, "gb": 2**30}


class Disk:
    """What a Redis would be told at its next start: its command line, its configuration file, what that includes."""

    def __init__(self, redis):
        self.host, self.settings, self.user_lines, self.read = redis.host, dict(DEFAULTS), [], []
        shown = self.host.run("systemctl show redis-server.service -p ExecStart --value").stdout
        argv = re.search(r"argv\[\]=(.*?) ; ignore_errors=", shown)
        words = split(argv.group(1))[1:] if argv else []
        if words and not words[0].startswith("-"):
            self._file(words.pop(0))
        options = []
        for word in words:
            if word.startswith("--"):
                options.append([word[2:]])
            elif options:
                options[-1].append(word)
        for option in options:
            self._directive(option)

    def _text(self, path):
        self.read.append(path)
        return self.host.run("cat %s", path).stdout

    def _file(self, path, depth=0):
        folder, _, last = path.rpartition("/")
        paths = [path]
        if any(sign in last for sign in "*?["):
            names = self.host.run("ls -1 %s", folder or "/").stdout.split("\n")
            paths = [f"{folder}/{name}" for name in sorted(fnmatch.filter(names, last))]
        for each in paths if depth < 8 else ():
            for line in self._text(each).splitlines():
                words = split(line.strip()) if not line.strip().startswith("#") else []
                if words and words[0].lower() == "include" and len(words) > 1:
                    self._file(words[1], depth + 1)
                elif words:
                    self._directive(words)

    def _directive(self, words):
        name, values = words[0].lower(), words[1:]
        name = (
            name.replace("slaveof", "replicaof").replace("min-slaves-", "min-replicas-").replace("slave-", "replica-")
        )
        if name == "user":
            self.user_lines.append(values)
            return
        value = " ".join(values)
        if name == "replicaof" and value.lower() == "no one":
            value = ""
        self.settings[name] = value

    def users(self):
        """The users there would be. An aclfile makes Redis pass over requirepass; a line for default does so too."""
        found = {"default": Rules(["on", "nopass", "~*", "&*", "+@all"])}
        lines = self.user_lines
        if self.settings.get("aclfile"):
            text = self._text(self.settings["aclfile"])
            lines = [words[1:] for words in map(split, text.splitlines()) if words[:1] == ["user"]]
        elif self.settings.get("requirepass"):
            found["default"] = Rules(["on", ">" + self.settings["requirepass"], "~*", "&*", "+@all"])
        for words in lines:
            if words:
                found[words[0]] = Rules(words[1:])
        return found


def split(line):
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def same(name, one, other):
    """Whether two values of a setting mean the same."""
    if name == "bind":
        return set(one.split()) == set(other.split())
    if name == "maxmemory":
        numbers = []
        for value in (one, other):
            match = re.fullmatch(r"(\d+)([a-z]*)", value.strip().lower())
            numbers.append(int(match[1]) * UNITS.get(match[2], 0) if match else value)
        return numbers[0] == numbers[1]
    return one == other if name.startswith("master") else one.lower() == other.lower()


@pytest.mark.task("reboot")
def test_what_runs_is_what_is_written(box, params):
    """What Redis would read at its next start is what it does now
    zh: Redis 下次启动会读到的配置，就是它现在的运行状态
    """

    def look(redis):
        running, users = redis.config(*DEFAULTS), redis.users()
        disk = Disk(redis)
        where = disk.read[0] if disk.read else "redis.conf"
        lost = [
            (name, running[name], disk.settings[name])
            for name in DEFAULTS
            if name in running and not same(name, running[name], disk.settings[name])
        ]
        if lost:
            name, now, then = lost[0]
            more = [other for other, _, _ in lost[1:]]
            raise UnmetError(
                redis.name,
                en=f"{name} is {now or '(empty)'} now and would be {then or '(empty)'} after a restart"
                f"{'; likewise ' + ', '.join(more) if more else ''}. "
                f"Compare {where} with {redis.cli(f'config get {name}')}; "
                "CONFIG REWRITE writes down what runs, a restart reads what is written.",
                zh=f"{name} 现在是 {now or '（空）'}，重启之后会变成 {then or '（空）'}"
                f"{'；同样的还有 ' + '、'.join(more) if more else ''}。"
                f"请对照 {where} 和 {redis.cli(f'config get {name}')}；"
                "CONFIG REWRITE 把运行中的写进文件，重启则按文件来。",
            )
        written = disk.users()
        for user in ("default", params["repl_user"]):
            if users.get(user) != written.get(user):
                raise UnmetError(
                    redis.name,
                    en=f"the user {user} would be another after a restart (password, rights, or gone). Compare "
                    f"{redis.cli('acl list')} with the user and requirepass lines in {where}; "
                    "CONFIG REWRITE (with an aclfile: ACL SAVE) writes users down.",
                    zh=f"重启之后用户 {user} 会变样（密码、权限不同，或者没了）。请对照 {redis.cli('acl list')} 和 "
                    f"{where} 里的 user、requirepass 行；"
                    "CONFIG REWRITE 会把用户写进文件（用了 aclfile 则是 ACL SAVE）。",
                )

    on(BOXES, box, params, look)
