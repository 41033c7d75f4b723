"""Who gets in, and who may do what."""

import pytest
from redis_wire import Refusal

BOXES = ("master", "replica1", "replica2")

# What the Redis documentation gives a replica's user: https://redis.io/docs/management/security/acl/ ("ACL rules for
# Sentinel and replicas").
REPLICA_COMMANDS = {"+psync", "+replconf", "+ping"}


@pytest.mark.task("auth")
def test_no_password_no_answer(server, every):
    """Without a password, or with a wrong one, no box answers
    zh: 没有密码或密码不对，哪台机器都不应答
    """

    def look(name):
        redis = server(name)
        # From the box itself, and from outside, as far as Redis can be reached there.
        for told in (redis.told(), redis.strangers()):
            if told and not str(told["ping"]).startswith("NOAUTH"):
                raise redis.unmet(
                    ("NOAUTH, when somebody without a password says PING", "不带密码的 PING 得到 NOAUTH"),
                    told["ping"],
                    f"redis-cli -p {redis.port} ping",
                    "auth",
                )
            if told.get("wrong") == "OK" or told.get("wrong-ping") == "PONG":
                raise redis.unmet(
                    ("WRONGPASS for a made-up password", "随便编的密码得到 WRONGPASS"),
                    ("it was accepted", "居然被接受了"),
                    redis.cli("acl getuser default"),
                    "auth",
                )

    every(BOXES, look)


@pytest.mark.task("auth")
def test_the_password_opens(server, every, record):
    """With your password every box answers
    zh: 用你的密码，每台机器都应答
    """

    def look(name):
        redis = server(name)
        written, password = redis.written().settings.get("requirepass", ""), redis.params["password"]
        if written and written != password:
            record("password", written)
        for told in (redis.told(), redis.strangers()):
            if told and (told.get("auth"), told.get("auth-ping")) != ("OK", "PONG"):
                said = told.get("auth") if told.get("auth") != "OK" else told.get("auth-ping")
                raise redis.unmet(
                    (
                        f"PONG, with the password {password}",
                        f"用密码 {password} 得到 PONG",
                    ),
                    said or told["ping"],
                    redis.cli("ping"),
                    "auth",
                )

    every(BOXES, look)


@pytest.mark.task("replication-user")
def test_replication_user_can_log_in(server, every, params):
    """The replication user can log in on every box, with its password only
    zh: 复制用户在每台机器上都能登录，而且只能用它自己的密码
    """
    user, password = params["repl_user"], params["repl_password"]

    def look(name):
        redis = server(name)
        answer = redis.known("user-auth")
        if answer != "OK" or redis.known("user-ping") != "PONG":
            said = answer if answer != "OK" else redis.known("user-ping")
            raise redis.unmet(
                (f"PONG for the user {user} with the password {password}", f"用户 {user}（密码 {password}）得到 PONG"),
                said,
                redis.cli("ping", user, password),
                "user",
            )
        if redis.known("user-wrong") == "OK":
            raise redis.unmet(
                (f"WRONGPASS for {user} with a made-up password", f"{user} 用随便编的密码得到 WRONGPASS"),
                ("it was accepted", "居然被接受了"),
                redis.cli(f"acl getuser {user}"),
                "rights",
            )

    every(BOXES, look)


@pytest.mark.task("replication-user")
def test_replication_user_may_replicate_only(server, every, params):
    """The replication user may run PSYNC, REPLCONF and PING, and nothing else
    zh: 复制用户只能执行 PSYNC、REPLCONF 和 PING，别的都不行
    """
    user = params["repl_user"]

    def look(name):
        redis = server(name)
        rules = redis.users().get(user)
        see = redis.cli(f"acl getuser {user}")
        if rules is None:
            raise redis.unmet(
                (f"a user {user}", f"有用户 {user}"),
                (", ".join(sorted(redis.users())) + " only", f"只有 {'、'.join(sorted(redis.users()))}"),
                redis.cli("acl list"),
                "user",
            )
        for command in ("psync", "replconf"):
            if (answer := redis.known(command)) != "OK":
                raise redis.unmet(
                    (f"a {user} who may run {command.upper()}", f"{user} 可以执行 {command.upper()}"),
                    answer,
                    see,
                    "rights",
                )
        extra = sorted({rule for rule in rules.commands if rule.startswith("+")} - REPLICA_COMMANDS)
        done = [name for name in ("user-get", "user-config") if not isinstance(redis.told().get(name), Refusal)]
        if extra or (done and redis.known("user-auth") == "OK"):
            told = " ".join(extra) or done[0].partition("-")[2].upper()
            raise redis.unmet(
                (f"a {user} who may run what a replica needs, and no more", f"{user} 只有从机必需的权限"),
                (f"one who may run more: {told}", f"还多了 {told}"),
                see,
                "rights",
            )
        reach = " ".join(sorted(rules.keys | rules.channels))
        if reach:
            raise redis.unmet(
                (f"no keys and no channels for {user}", f"{user} 碰不到任何键和频道"), reach, see, "rights"
            )

    every(BOXES, look)
