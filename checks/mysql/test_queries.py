"""Queries: how much they read, and the view."""
# ruff: noqa: S608 - SQL with words of the check's own in it is what these checks say.

import datetime
import secrets
from decimal import Decimal, InvalidOperation

import pytest
from mysql_server import brief

READS = "SHOW SESSION STATUS LIKE 'Handler_read%'"


def rows_read(server, query):
    """How many rows the query gave, and how many MariaDB read for it, by its own count."""
    told = server.root(f"{READS}; SELECT 'q'; {READS}; SELECT 'q'; {query}; SELECT 'q'; {READS}", "index")
    parts, part = [], []
    for row in [*told, ["q"]]:
        if row == ["q"]:
            parts.append(part)
            part = []
        else:
            part.append(row)
    sums = [sum(int(row[1]) for row in parts[at]) for at in (0, 1, 3)]
    # To show the counts is to read them.
    return len(parts[2]), sums[2] - sums[1] - (sums[1] - sums[0])


@pytest.mark.task("index")
def test_slow_queries_read_what_they_need(server):
    """Both queries read no more rows than they need
    zh: 两条查询都只读需要的行
    """
    day = datetime.date(2025, 1, 10) + datetime.timedelta(days=secrets.randbelow(320))
    status = secrets.choice(("open", "shipped", "cancelled", "refunded"))
    for query, spare in (
        (
            f"SELECT id, customer_id FROM orders WHERE status = '{status}' AND placed_at >= '{day}'"
            f" AND placed_at < '{day + datetime.timedelta(days=7)}' ORDER BY placed_at",
            70,
        ),
        (
            "SELECT id, placed_at, status FROM orders"
            f" WHERE customer_id = {1 + secrets.randbelow(20)} ORDER BY placed_at DESC LIMIT 5",
            20,
        ),
    ):
        got, read = rows_read(server, query)
        if got == 0 or read > got + spare:
            raise server.unmet(
                (f"not many more than {got} rows read", f"读的行数和结果的 {got} 行差不多"),
                (f"{read} rows read for {got}", f"为了 {got} 行读了 {read} 行"),
                f'mariadb shop -e "EXPLAIN {query}"',
                "index",
            )


def months(server, read="view"):
    """What the view should show, from the tables."""
    sql = (
        "SELECT LEFT(o.placed_at, 7) AS m, COUNT(DISTINCT o.id), SUM(i.qty * i.unit_price) FROM orders o"
        " JOIN order_items i ON i.order_id = o.id WHERE o.status = 'paid' GROUP BY m ORDER BY m"
    )
    return [(row[0], int(row[1]), Decimal(row[2])) for row in server.root(sql, read)]


def shown(server, params):
    """What the view shows to the one it is for."""
    view, user = params["view_name"], params["report_user"]
    sql = f"SELECT month, orders, revenue FROM {view} ORDER BY month"
    status, rows, errors = server.login("app", user, params["report_password"], sql)
    if status:
        raise server.unmet(
            (f"that {user} on app reads {view}", f"{user} 能从 app 读 {view}"),
            brief(errors),
            f"mariadb -e \"SHOW GRANTS FOR {user}@'{params['app_address']}'\"",
            "view",
        )
    try:
        return [(row[0], int(row[1]), Decimal(row[2]).quantize(Decimal("0.01"))) for row in rows]
    except (ValueError, IndexError, InvalidOperation):
        return [tuple(row) for row in rows]


def compare(server, params):
    """Raises where the view shows something else than the tables have."""
    found, wanted = shown(server, params), months(server)
    differs = next((pair for pair in zip(found, wanted, strict=False) if pair[0] != pair[1]), None)
    if differs or len(found) != len(wanted):
        one, other = differs or ((f"{len(found)} months",), (f"{len(wanted)} months",))
        raise server.unmet(
            " ".join(map(str, other)),
            " ".join(map(str, one)),
            f"mariadb shop -e 'SELECT * FROM {params['view_name']}'",
            "view",
        )


@pytest.mark.task("view")
def test_the_view_is_right_and_its_reader_reads_nothing_else(server, params):
    """The view shows what the tables say, to a user who may read nothing else
    zh: 视图与表里的数据一致，读它的用户看不到别的
    """
    compare(server, params)
    user, password = params["report_user"], params["report_password"]
    see = f"mariadb -e \"SHOW GRANTS FOR {user}@'{params['app_address']}'\""
    for table in ("orders", "order_items", "customers", "products", "mysql.global_priv"):
        if server.login("app", user, password, f"SELECT COUNT(*) FROM {table}")[0] == 0:
            raise server.unmet(
                (f"that {user} reads {params['view_name']} only", f"{user} 只能读 {params['view_name']}"),
                (f"it reads {table}, too", f"还能读 {table}"),
                see,
                "view",
            )
    if server.login("probe", user, password, "SELECT 1")[0] == 0:
        raise server.unmet(
            (f"that {user} gets in from app only", f"{user} 只能从 app 登录"),
            ("it gets in from another machine", "从别的机器也能登录"),
            see,
            "view",
        )


@pytest.mark.task("view")
@pytest.mark.copy
def test_the_view_follows_the_tables(spare, params):
    """A new order is in the view at once
    zh: 新订单立刻出现在视图里
    """
    first, prices = 8_000_000 + secrets.randbelow(10**6), [secrets.randbelow(9000) / 100 + 1 for _ in range(4)]
    year, product = 2030 + secrets.randbelow(9), 1 + secrets.randbelow(200)
    for at, status in enumerate(("paid", "open", "paid")):
        spare.root(
            "INSERT INTO orders (id, customer_id, placed_at, status)"
            f" VALUES ({first + at}, 7, '{year}-0{1 + at}-07 10:00', '{status}');"
            "INSERT INTO order_items (order_id, line, product_id, qty, unit_price) VALUES "
            + ", ".join(
                f"({first + at}, {line}, {product}, {line + 1}, {price:.2f})" for line, price in enumerate(prices)
            ),
            "view",
        )
    compare(spare, params)
