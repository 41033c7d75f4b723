"""Rules that the database itself keeps: the procedure that moves stock, and the trigger on prices."""
# ruff: noqa: S608 - SQL with words of the check's own in it is what these checks say.

import secrets
from decimal import ROUND_CEILING, Decimal

import pytest
from mysql_server import brief

PROCEDURE = "mariadb shop -e 'SHOW CREATE PROCEDURE move_stock\\G SHOW TABLE STATUS LIKE \"stock%\"\\G'"
TRIGGERS = "mariadb shop -e 'SHOW TRIGGERS\\G'"


class Moves:
    """Stock of one product in two warehouses, and what calls leave behind."""

    def __init__(self, server, product, begin, end):
        self.server, self.product, self.begin, self.end = server, product, begin, end

    def put(self, here, there):
        """So many pieces in each."""
        self.server.root(
            "REPLACE INTO stock (product_id, warehouse_id, qty) VALUES"
            f" ({self.product}, {self.begin}, {here}), ({self.product}, {self.end}, {there})",
            "transfer",
        )

    def state(self):
        """Pieces in all warehouses, and what was noted."""
        rows = self.server.root(
            "SELECT warehouse_id, qty FROM stock WHERE product_id ="
            f" {self.product} ORDER BY warehouse_id; SELECT '-', from_warehouse, to_warehouse, qty FROM stock_moves"
            f" WHERE product_id = {self.product} ORDER BY id",
            "transfer",
        )
        stock = {int(row[0]): int(row[1]) for row in rows if row[0] != "-"}
        return stock, [tuple(int(word) for word in row[1:]) for row in rows if row[0] == "-"]

    def call(self, qty, end=0):
        """The errors; and whether a transaction was left open."""
        rows, errors = self.server.attempt(
            f"CALL move_stock({self.product}, {self.begin}, {end or self.end}, {qty}); SELECT 'open', @@in_transaction"
        )
        return errors, ["open", "0"] not in rows

    def works(self, here, there, qty):
        """A move that must succeed."""
        self.put(here, there)
        before, noted = self.state()
        errors, left_open = self.call(qty)
        wanted = {**before, self.begin: here - qty, self.end: there + qty}, [*noted, (self.begin, self.end, qty)]
        found = self.state()
        if errors or left_open or found != wanted:
            expected = f"{here} + {there} -> {here - qty} + {there + qty}"
            raise self.server.unmet(
                (f"{expected}, and a row in stock_moves", f"{expected}，并在 stock_moves 里记一行"),
                brief(errors) if errors else self._told(found[0], len(found[1]) - len(noted), left_open),
                PROCEDURE,
                "transfer",
            )

    def fails(self, here, there, qty, why, end=0):
        """A move that must fail, and leave nothing behind."""
        self.put(here, there)
        before = self.state()
        errors, left_open = self.call(qty, end)
        found = self.state()
        if errors and not left_open and found == before:
            return
        expected = (f"an error, and nothing changed: {why[0]}", f"报错，且什么都没变：{why[1]}")
        changed = self._told(found[0], len(found[1]) - len(before[1]), left_open)
        if not errors:
            changed = (f"no error; {changed[0]}", f"没有报错；{changed[1]}")
        raise self.server.unmet(expected, changed, PROCEDURE, "transfer")

    def _told(self, stock, notes, left_open):
        pieces = f"{stock.get(self.begin)} + {stock.get(self.end)}"
        left = (", a transaction left open", "，事务还开着") if left_open else ("", "")
        return (
            f"{pieces}, {notes} new row(s) in stock_moves{left[0]}",
            f"{pieces}，stock_moves 新增 {notes} 行{left[1]}",
        )


@pytest.mark.task("transfer")
@pytest.mark.copy
def test_stock_moves_whole_or_not_at_all(spare, params):
    """move_stock does all of a move, or fails and leaves nothing behind
    zh: move_stock 要么全部完成，要么报错且什么都不留下
    """
    capacity, pick = params["capacity"], secrets.SystemRandom()
    begin, end = pick.sample(range(1, 5), 2)
    moves, qty = Moves(spare, 1 + pick.randrange(200), begin, end), pick.randrange(5, 60)
    here, there = pick.randrange(100, 300), pick.randrange(50, 300)
    moves.works(here, there, qty)
    moves.works(qty, 0, qty)
    moves.works(here, capacity - qty, qty)
    moves.fails(qty - 1, there, qty, (f"{qty - 1} in stock, {qty} wanted", f"库存 {qty - 1}，要移 {qty}"))
    full = (f"{capacity} is all that a warehouse takes", f"一个仓库最多 {capacity} 件")
    moves.fails(here, capacity - qty + 1, qty, full)
    moves.fails(here, there, qty, ("no such warehouse", "没有这个仓库"), end=50 + pick.randrange(50))
    moves.fails(here, there, -qty, ("a negative quantity", "数量是负数"))
    moves.fails(here, there, 0, ("a quantity of 0", "数量是 0"))
    broken = "x" + secrets.token_hex(4)
    for table, event in (("stock_moves", "INSERT"), ("stock", "UPDATE")):
        moves.put(here, there)
        which = f"NEW.warehouse_id = {end}" if table == "stock" else "TRUE"
        spare.root(
            f"CREATE TRIGGER {broken} BEFORE {event} ON {table} FOR EACH ROW"
            f" SET @x = IF({which}, (SELECT 1 UNION SELECT 2), 0)",
            "transfer",
        )
        moves.fails(here, there, qty, (f"{table} can't be written half-way", f"做到一半 {table} 写不进去"))
        spare.root(f"DROP TRIGGER {broken}", "transfer")
    moves.works(here, there, qty)


@pytest.mark.task("trigger")
@pytest.mark.copy
def test_prices_keep_the_rule(spare, params):
    """A price is cut by no more than your limit, and each change is in price_log
    zh: 降价不超过你的上限，每次变动都记进 price_log
    """
    cut, cent = params["max_cut"], Decimal("0.01")
    numbers = secrets.SystemRandom().sample(range(1, 201), 3)
    for number in numbers:
        old = Decimal(1000 + secrets.randbelow(20000)) / 100
        lowest = (old * (100 - cut) / 100).quantize(cent, ROUND_CEILING)
        spare.root(
            f"DELETE FROM products WHERE id = {8_000_000 + number};"
            " INSERT INTO products (id, name, price, supplier_id)"
            f" VALUES ({8_000_000 + number}, 'x', {old}, 1)",
            "trigger",
        )
        steps = [
            ("UPDATE products SET price = {} WHERE id = {}", lowest - cent, False),
            ("UPDATE products SET price = {} WHERE id = {}", lowest, True),
            ("UPDATE products SET price = {} WHERE id = {}", lowest + 100 + secrets.randbelow(900), True),
        ]
        for sql, price, right in steps:
            old = _step(spare, 8_000_000 + number, old, sql, price, right)
        before = _log(spare, 8_000_000 + number)
        spare.root(f"UPDATE products SET name = 'y', price = price WHERE id = {8_000_000 + number}", "trigger")
        if _log(spare, 8_000_000 + number) != before:
            raise spare.unmet(
                ("no row in price_log where the price stays", "价格没变就不记"),
                ("a row was written", "记了一行"),
                TRIGGERS,
                "trigger",
            )


def _log(server, product):
    rows = server.root(
        f"SELECT old_price, new_price FROM price_log WHERE product_id = {product} ORDER BY id", "trigger"
    )
    return [tuple(map(Decimal, row)) for row in rows]


def _step(server, product, old, sql, price, right):
    """One change of a price, which must succeed or fail; the price that must hold now."""
    before = _log(server, product)
    _, errors = server.attempt(sql.format(price, product))
    now = Decimal(server.one(f"SELECT price FROM products WHERE id = {product}", "trigger"))
    wanted = (price, [*before, (old, price)]) if right else (old, before)
    found = now, _log(server, product)
    if found == wanted and bool(errors) != right:
        return wanted[0]
    expected = (
        (f"{old} to {price}: taken, and one row in price_log", f"{old} 改成 {price}：接受，并在 price_log 里记一行")
        if right
        else (f"{old} to {price}: refused, and nothing written", f"{old} 改成 {price}：拒绝，什么都不写")
    )
    new = len(found[1]) - len(before)
    told = (
        f"the price is {now}, {new} new row(s) in price_log, {'an' if errors else 'no'} error",
        f"价格是 {now}，price_log 新增 {new} 行，{'有' if errors else '没有'}报错",
    )
    raise server.unmet(expected, told, TRIGGERS, "trigger")
