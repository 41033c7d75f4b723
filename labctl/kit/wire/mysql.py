"""A client of MySQL and MariaDB: PyMySQL on a connection of a check's place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.connections import Connection

from labctl.kit.wire.base import MOST, Line, StartTls, WireClient, trusting
from labctl.kit.wire.errors import DeniedError, WireError, garbage, hung_up, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.kit.places import Place

# Codes of the server that refuse a login. https://mariadb.com/kb/en/mariadb-error-codes/
# 1044 no right to the database, 1045 wrong password, 1129 host blocked after errors, 1130 host not allowed, 1227 and
# 1370 no privilege, 1251 and 1275 an unknown way to log in, 1698 unix_socket says no, 1820 and 1862 password expired,
# 3118 and 4151 account locked, 3159 TLS required.
DENIALS = {1044, 1045, 1129, 1130, 1251, 1275, 1698, 1820, 1862, 3118, 3159, 4151}


class SqlError(WireError):
    """An error that the database answered to a statement. ``code`` is its number, ``said`` its text."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__("refusal", (f"ERROR {code}: {said}", f"ERROR {code}：{said}"))
        self.code = code
        self.said = said


class Mysql(WireClient):
    """One connection to MySQL or MariaDB, with the character set utf8mb4, that commits each statement.

    Raises DeniedError if the server refuses the login, SqlError if it refuses a statement, and another WireError if
    there is no such server. ``tls`` demands encryption, and ``ca`` (PEM) also verifies the certificate.
    """

    protocol = "MySQL"

    def __init__(
        self,
        place: Place,
        host: str,
        port: int = 3306,
        *,
        user: str = "root",
        password: str = "",
        database: str = "",
        tls: bool = False,
        ca: str = "",
        name: str = "",
        seconds: float = 10.0,
        most: int = MOST,
    ) -> None:
        super().__init__(place, host, port, tls=False, ca="", name=name, seconds=seconds, most=most)
        secure: Any = {"ssl": StartTls(trusting(ca), self._name)} if tls or ca else {"ssl_disabled": True}
        self._db: Connection[Any] = Connection(
            user=user,
            password=password.encode(),  # PyMySQL would encode text as latin1
            database=database or None,
            charset="utf8mb4",
            autocommit=True,
            defer_connect=True,
            **secure,
        )

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement, and return its rows. ``%s`` in the statement stands for a value, if there are values."""
        return self._run(sql, values)[0]

    def one(self, sql: str, *values: object) -> Any:
        """Run one statement, and return the first value of its first row, or None without rows."""
        rows = self.query(sql, *values)
        return rows[0][0] if rows and rows[0] else None

    def change(self, sql: str, *values: object) -> int:
        """Run one statement, and return the number of changed rows."""
        return self._run(sql, values)[1]

    def version(self) -> str:
        """Return the version that the server gives in its greeting."""
        self.__enter__()
        return text_of(str(self._db.get_server_info()))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Say goodbye, so that the server logs no aborted connection, and close the connection."""
        if self._line is not None and self._db.open:
            self._line.begin(1)
            self._db.close()
        super().close()

    def _run(self, sql: str, values: tuple[object, ...]) -> tuple[list[tuple[Any, ...]], int]:
        self.__enter__()
        cursor = self._db.cursor()
        statement = cursor.mogrify(sql, values or None)
        with self._talk(self._seconds) as line, _errors(line):
            changed = cursor.execute(statement)
            return list(cursor.fetchall()), changed

    def _greet(self, line: Line) -> None:
        sock: Any = line  # it has the methods that PyMySQL calls
        with _errors(line, login=True):
            self._db.connect(sock=sock)


@contextmanager
def _errors(line: Line, *, login: bool = False) -> Iterator[None]:
    """Turn PyMySQL's errors into those of the kit."""
    try:
        yield
    except pymysql.err.MySQLError as error:
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        said = text_of(str(error.args[-1]), 160)
        if not 1000 <= code < 2000 and code < 3000:  # an error of PyMySQL, not of the server
            raise (hung_up(line.beginning) if line.ended else garbage("MySQL", line.beginning)) from error
        if login and code in DENIALS:
            raise DeniedError(f"ERROR {code}: {said}", code) from error
        raise SqlError(code, said) from error
