"""Grants of MariaDB: a line of SHOW GRANTS comes back as it was written, and rights are compared by their width."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.kit.accounts import allowed, anything, at_most, mariadb
from labctl.kit.answers import AllUnmet, Unmet
from labctl.kit.rights.grants import GrantRight, covers, parse_grant, parse_rights
from labctl.kit.rights.mariadb import host_within

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
PRIVILEGES = st.sampled_from(["SELECT", "INSERT", "FILE", "ALL PRIVILEGES", "CREATE TEMPORARY TABLES", "EXECUTE"])
ENDS = [
    "",
    " IDENTIFIED BY PASSWORD '*AB'",
    " IDENTIFIED VIA ed25519 USING 'WITH GRANT' OR unix_socket",
    " REQUIRE SSL",
]


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@given(
    st.lists(st.tuples(PRIVILEGES, st.lists(NAMES, max_size=2)), min_size=1, max_size=3),
    st.sampled_from(["", "FUNCTION ", "PROCEDURE ", "PACKAGE BODY "]),
    *(NAMES, NAMES, NAMES, NAMES),
    st.sampled_from(ENDS),
    st.booleans(),
)
def test_a_line_comes_back_as_it_was_written(
    privileges: list[tuple[str, list[str]]],
    kind: str,
    schema: str,
    thing: str,
    user: str,
    host: str,
    end: str,
    option: bool,
) -> None:
    text = ", ".join(p + (f" ({', '.join(map(quoted, columns))})" if columns else "") for p, columns in privileges)
    line = f"GRANT {text} ON {kind}{quoted(schema)}.{quoted(thing)} TO {quoted(user)}@{quoted(host)}{end}"
    found = parse_grant(line + (" WITH GRANT OPTION" if option else ""))
    wanted = [
        GrantRight(privilege, schema, thing, column, kind.strip())
        for privilege, columns in privileges
        for column in columns or [""]
    ]
    if option:
        wanted.append(GrantRight("GRANT OPTION", schema, thing, "", kind.strip()))
    assert list(found.rights) == wanted
    assert found.grantee == (user, host)


@pytest.mark.parametrize(
    ("line", "rights"),
    [
        ("GRANT USAGE ON *.* TO `a`@`%` REQUIRE SUBJECT '/CN=x' WITH MAX_QUERIES_PER_HOUR 5", []),
        (r"GRANT SELECT ON `shop\_%`.* TO `a`@`%`", [r"SELECT ON shop\_%.*"]),
        ("GRANT PROXY ON ``@`%` TO `root`@`localhost` WITH GRANT OPTION", ["PROXY ON @%", "GRANT OPTION ON PROXY @%"]),
        (
            "GRANT ALL PRIVILEGES ON *.* TO `r`@`l` IDENTIFIED VIA ed25519 USING 'it''s' WITH GRANT OPTION",
            ["ALL PRIVILEGES ON *.*", "GRANT OPTION ON *.*"],
        ),
        ("GRANT SELECT ON `a`.`b` TO PUBLIC", ["SELECT ON a.b"]),
    ],
)
def test_lines_of_a_server(line: str, rights: list[str]) -> None:
    assert [str(one) for one in parse_grant(line).rights] == rights


def test_roles_and_default_roles() -> None:
    assert parse_grant("GRANT `r``2` TO `a`@`%` WITH ADMIN OPTION")[1:] == (("r`2",), "", ("a", "%"), True)
    assert parse_grant("GRANT `r1` TO `r2`").grantee == ("r2", None)
    assert parse_grant("SET DEFAULT ROLE `r` FOR `a`@`%`").default == "r"


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40))
def test_any_other_text_is_a_value_error(text: str) -> None:
    for line in (text, f"GRANT {text}", f"GRANT SELECT ON {text}"):
        try:
            parse_grant(line)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("wide", "narrow", "result"),
    [
        ("ALL ON *.*", "SELECT ON a.b", True),
        ("ALL ON *.*", "GRANT OPTION ON *.*", False),
        ("SELECT ON shop.*", "SELECT (id) ON shop.orders", True),
        ("SELECT ON shop.orders", "SELECT ON shop.*", False),
        ("SELECT (id) ON shop.orders", "SELECT ON shop.orders", False),
        ("SELECT (ID) ON shop.orders", "SELECT (id) ON shop.orders", True),
        ("EXECUTE ON FUNCTION shop.f", "EXECUTE ON PROCEDURE shop.f", False),
        ("SELECT ON `shop%`.*", "SELECT ON shop_x.orders", True),
        ("SELECT ON shop.*", "SELECT ON `sh%`.*", False),
        (r"SELECT ON shop_x.*", r"SELECT ON `shop\_x`.*", True),
        (r"SELECT ON shop_x.*", "SELECT ON shop_x.*", True),
        ("SELECT ON shop.*", "SELECT ON *.*", False),
    ],
)
def test_wide_and_narrow_rights(wide: str, narrow: str, result: bool) -> None:
    assert covers(parse_rights(wide)[0], parse_rights(narrow)[0]) is result


def test_a_wildcard_that_fits_another_database_is_wider() -> None:
    wide, narrow = GrantRight("SELECT", r"shop\_x"), GrantRight("SELECT", "shop_x")
    assert covers(wide, narrow, ("shop_x", "mysql"))
    assert not covers(wide, narrow, ("shop_x", "shopAx"))


@pytest.mark.parametrize(
    ("host", "wanted", "result"),
    [
        ("10.0.0.11", "10.0.0.11", True),
        ("%", "10.0.0.11", False),
        ("10.0.0.0/255.255.255.0", "10.0.0.0/24", True),
        ("10.0.%", "10.0.0.0/24", False),
        ("10.0.0.7", "10.0.0.%", True),
        ("web", "WEB", True),
        ("10.0.0._", "10.0.0.0/24", False),
        ("localhost", "%", True),
    ],
)
def test_host_parts(host: str, wanted: str, result: bool) -> None:
    assert host_within(host, wanted) is result


class Recorded:
    """A client with the answers of a server: its accounts and their grants."""

    name = "db"

    def __init__(self, *accounts: tuple[str, str | None, str, list[str]]) -> None:
        self.accounts = accounts

    def rows(self, sql: str) -> list[tuple[str | None, ...]]:
        if sql.startswith("SELECT"):
            return [(user, host or "", priv) for user, host, priv, _ in self.accounts]
        for user, host, _, grants in self.accounts:
            if sql == f"SHOW GRANTS FOR `{user}`" + (f"@`{host}`" if host is not None else ""):
                return [(line,) for line in grants]
        return [("shop",)]


SOCKET = '{"plugin":"mysql_native_password","authentication_string":"invalid","auth_or":[{},{"plugin":"unix_socket"}]}'
HASH = '{"plugin":"mysql_native_password","authentication_string":"*D821809F681A40A6E379B50D0463EFAE20BDD122"}'
LOCKED = '{"plugin":"mysql_native_password","authentication_string":"","account_locked":true}'
ROLE = '{"access":0,"is_role":true}'
INSTALLED = [
    (
        "mariadb.sys",
        "localhost",
        LOCKED,
        ["GRANT SELECT, DELETE ON `mysql`.`global_priv` TO `mariadb.sys`@`localhost`"],
    ),
    ("root", "localhost", SOCKET, ["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"]),
    ("mysql", "localhost", SOCKET, ["GRANT ALL PRIVILEGES ON *.* TO `mysql`@`localhost` WITH GRANT OPTION"]),
]


def test_the_accounts_of_an_installation_are_known() -> None:
    mariadb(Recorded(*INSTALLED)).allowed({"root@localhost": anything})
    with pytest.raises(Unmet, match="root@localhost"):
        mariadb(Recorded(*INSTALLED)).allowed({})


def test_a_right_that_needs_set_role_does_not_count_as_given_but_as_too_many() -> None:
    client = Recorded(
        *INSTALLED,
        ("r1", None, ROLE, ["GRANT FILE ON *.* TO `r1`"]),
        ("r2", None, ROLE, ["GRANT `r1` TO `r2`", "GRANT SELECT ON `shop`.* TO `r2`"]),
        ("a", "%", HASH, ["GRANT `r2` TO `a`@`%`"]),
        ("b", "%", HASH.replace("{", '{"default_role":"r2",'), ["GRANT `r2` TO `b`@`%`"]),
    )
    wanted = allowed("SELECT ON shop.*", "FILE ON *.*", "ROLE r1")
    with pytest.raises(Unmet, match=r"a@% lacks: FILE ON \*\.\*, SELECT ON shop\.\*"):
        mariadb(client).allowed({"root@localhost": anything, "a@%": wanted, "b@%": wanted})
    with pytest.raises(AllUnmet, match=r"a@% has: FILE ON \*\.\*, SELECT"):
        mariadb(client).allowed({"root@localhost": anything, "a@%": at_most(), "b@%": at_most()})


def test_an_account_is_judged_by_the_key_with_its_host_part() -> None:
    both = [
        ("a", "%", HASH, ["GRANT SELECT ON `shop`.* TO `a`@`%`"]),
        ("a", "localhost", HASH, ["GRANT INSERT ON `shop`.* TO `a`@`localhost`"]),
    ]
    table = {"a@%": allowed("SELECT ON shop.*"), "a@localhost": allowed("INSERT ON shop.*")}
    mariadb(Recorded(*INSTALLED, *both)).allowed({"root@localhost": anything, **table})


def test_a_grant_of_unknown_form_is_never_overlooked() -> None:
    client = Recorded(*INSTALLED, ("a", "%", HASH, ["GRANT EVERYTHING TO `a`@`%`"]))
    with pytest.raises(Unmet, match="a grant of unknown form"):
        mariadb(client).allowed({"root@localhost": anything, "a@%": at_most()})


def test_an_answer_of_another_form_is_a_fault_of_the_server() -> None:
    with pytest.raises(Unmet, match="an answer that MariaDB would not give"):
        mariadb(Recorded(("a", "%", "no json", [])))
