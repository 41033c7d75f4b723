"""The kit's parsers of configuration files and command lines. Each value knows its file and line."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kit.configs import ini, key_value, nginx, redis_conf, redis_words
from labctl.kit.options import PLAIN, ConfigOption, ConfigOptions
from labctl.kit.unit_files import SourcedWord


class Texts:
    """Files in memory."""

    def __init__(self, **files: str) -> None:
        self.files = files

    def text(self, path: str) -> str | None:
        return self.files.get(path)

    def matching(self, pattern: str) -> list[str]:
        return sorted(path for path in self.files if fnmatch.fnmatchcase(path, pattern))


def words(*texts: str) -> list[SourcedWord]:
    return [SourcedWord(text, "/unit", 4) for text in texts]


def test_redis_reads_includes_in_place_and_the_last_value_counts() -> None:
    texts = Texts(
        **{
            "/r.conf": "# port 1\nport 6379\ninclude /etc/redis/*.d\nSLAVEOF no one\nsave 3600 1\nsave ''\n",
            "/etc/redis/a.d": "port 7000\nmaxmemory 600mb\n",
            "/etc/redis/b.d": 'requirepass "a b"\n',
        }
    )
    found = redis_conf.options(texts, words("/r.conf", "--appendonly", "yes", "--bind", "1.2.3.4", "::1"))
    assert found["port"] == ConfigOption("port", "7000", "/etc/redis/a.d", 1)
    assert found["maxmemory"].words[0] == "maxmemory 600mb (line 2 of /etc/redis/a.d)"
    assert found.value("requirepass") == "a b"
    assert found.value("replicaof") == "no one"
    assert [one.value for one in found.all("save")] == ["3600 1", ""]
    assert (found["appendonly"].value, found["appendonly"].path) == ("yes", "/unit")
    assert found.value("bind") == "1.2.3.4 ::1"


def test_redis_without_a_file_reads_none() -> None:
    assert dict(redis_conf.options(Texts(**{"/etc/redis/redis.conf": "port 1"}), words("--port", "2"))) == {
        "port": ConfigOption("port", "2", "/unit", 4)
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('user a on ">p q" ~*', ["user", "a", "on", ">p q", "~*"]),
        (r'x "\x41\n\"" ', ["x", 'A\n"']),
        (r"x 'it\'s' \y", ["x", "it's", r"\y"]),
        ("x 'open", None),
        ('x "a"b', None),
        ("", []),
    ],
)
def test_words_of_redis(line: str, expected: list[str] | None) -> None:
    assert redis_words(line) == expected


def test_a_loop_of_includes_ends() -> None:
    assert redis_conf.options(Texts(a="include a\nport 1\n"), words("a")).value("port") == "1"
    assert key_value.options(Texts(**{"/etc/ssh/sshd_config": "Include sshd_config\nPort 2\n"})).value("port") == "2"


def test_my_cnf_has_sections_and_folders() -> None:
    texts = Texts(
        **{
            "/etc/mysql/my.cnf": "[mysqld]\nport=3306\n!includedir /etc/mysql/conf.d/\n",
            "/etc/mysql/conf.d/b.cnf": "[mariadb]\nport = 3309 # later\nbind-address='127.0.0.1'\n",
            "/etc/mysql/conf.d/a.cnf": "[server]\nport=3307\n[client]\nport=1\nskip-name-resolve\n",
            "/etc/mysql/conf.d/c.txt": "[mysqld]\nport=9\n",
        }
    )
    found = ini.options(texts)
    assert found.value(("mysqld", "port")) == "3306"
    assert found.value(("mariadb", "bind_address")) == "127.0.0.1"
    assert ("client", "skip_name_resolve") in found
    last = found.among("port", "server", "mysqld", "mariadb")
    assert last == ConfigOption("port", "3309", "/etc/mysql/conf.d/b.cnf", 2, ("mariadb",))
    forced = ini.options(texts, words("--port=5", "--defaults-file=/none")).among("port", "mysqld")
    assert forced is not None
    assert forced.value == "5"


def test_nginx_has_nested_blocks_and_includes() -> None:
    texts = Texts(
        **{
            "/etc/nginx/nginx.conf": "user www; # no\nhttp {\n  include sites/*;\n}\n",
            "/etc/nginx/sites/a": "server { listen 80;\n location / { return 200 'a; \"b\"'; } }\n",
            "/etc/nginx/sites/b": 'server { listen\n 81; add_header X "y z"; }',
        }
    )
    found = nginx.options(texts, words("-g", "daemon off;"))
    assert found.value("user") == "www"
    assert found["daemon"].where[0] == "line 4 of /unit"
    assert found.value(("http", "server", "location /", "return")) == '200 a; "b"'
    assert found["http", "server#2", "listen"] == ConfigOption(
        "listen", "81", "/etc/nginx/sites/b", 1, ("http", "server#2")
    )
    assert found.value(("http", "server#2", "add_header")) == "X y z"
    assert nginx.options(Texts(**{"/etc/nginx/x": "a 1;"}), words("-c", "x")).value("a") == "1"


def test_sshd_keeps_the_first_value_and_the_blocks_of_match() -> None:
    texts = Texts(
        **{
            "/etc/ssh/sshd_config": (
                "Include sshd_config.d/*.conf\nPort 22\nPort=2222\nPermitRootLogin yes # late\n"
                "Match User git\nPermitRootLogin no\nMatch all\nUsePAM no\n"
            ),
            "/etc/ssh/sshd_config.d/a.conf": 'PermitRootLogin prohibit-password\nBanner "/etc/a b"\nMatch User x\n',
        }
    )
    found = key_value.options(texts, words("-D", "-oUsePAM=yes", "-p", "23"))
    assert found["permitrootlogin"].path == "/etc/ssh/sshd_config.d/a.conf"
    assert [one.value for one in found.all("port")] == ["23", "22", "2222"]
    assert found.value(("match user git", "permitrootlogin")) == "no"
    assert found["usepam"] == ConfigOption("usepam", "yes", "/unit", 4)
    assert found.value("banner") == "/etc/a b"


def test_the_command_line_of_any_program() -> None:
    found = PLAIN.options(Texts(), words("start", "--a=1", "--b", "2", "-c", "--d"))
    assert {key: one.value for key, one in found.items()} == {"": "start", "a": "1", "b": "2", "c": "", "d": ""}
    assert ConfigOption("x", "", "/p").where == ("/p", "/p")


def test_options_without_a_value_have_a_default() -> None:
    assert ConfigOptions([]).value("port", "80") == "80"
    assert ConfigOptions([]).among("port") is None


@given(st.text(st.sampled_from("ab #\"'\\{};=\n[]!x01*include"), max_size=60))
def test_no_file_stops_a_parser(text: str) -> None:
    for one in (redis_conf, ini, nginx, key_value):
        one.options(Texts(f=text), [], "f")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9).map(str)), max_size=8))
def test_the_last_value_counts_or_the_first(pairs: list[tuple[str, str]]) -> None:
    text = "".join(f"{name} {value}\n" for name, value in pairs)
    assert {key: one.value for key, one in redis_conf.options(Texts(f=text), [], "f").items()} == dict(pairs)
    assert {key: one.value for key, one in key_value.options(Texts(f=text), [], "f").items()} == dict(pairs[::-1])
