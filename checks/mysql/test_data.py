"""The shop's data: what was lost, what was garbled, and how tables hang together."""
# ruff: noqa: S608 - SQL with words of the check's own in it is what these checks say.

import secrets

import pytest
import shop_data
from mysql_server import brief


@pytest.mark.task("restore")
def test_suppliers_are_back(server):
    """suppliers is as it last was, and all orders are there
    zh: suppliers 是最后的样子，订单一张不少
    """
    rows = {int(row[0]): tuple(row[1:]) for row in server.root("SELECT id, name, phone FROM suppliers", "restore")}
    wanted = {number: shop_data.supplier(number) for number in range(1, shop_data.SUPPLIERS + 1)}
    see = "mariadb shop -e 'SELECT * FROM suppliers'"
    if set(rows) != set(wanted):
        raise server.unmet(
            (f"suppliers 1 to {shop_data.SUPPLIERS}", f"供应商 1 到 {shop_data.SUPPLIERS}"),
            (f"{len(rows)} rows", f"{len(rows)} 行"),
            see,
            "restore",
        )
    for number, found in sorted(rows.items()):
        if found != wanted[number]:
            raise server.unmet(f"{number}: {' '.join(wanted[number])}", f"{number}: {' '.join(found)}", see, "restore")
    orders = range(shop_data.DUMPED_ORDERS + 1, shop_data.ORDERS + 1)
    lines = sum(1 + number % 3 for number in orders)
    where = f"BETWEEN {orders[0]} AND {orders[-1]}"
    found = server.root(
        f"SELECT COUNT(*) FROM orders WHERE id {where}; SELECT COUNT(*) FROM order_items WHERE order_id {where}",
        "restore",
    )
    if found != [[str(len(orders))], [str(lines)]]:
        raise server.unmet(
            (f"{len(orders)} orders after number {orders[0] - 1}", f"{orders[0] - 1} 号之后的 {len(orders)} 张订单"),
            (
                f"{found[0][0]}, with {found[1][0]} of {lines} lines",
                f"{found[0][0]} 张，明细 {found[1][0]} 行（应为 {lines}）",
            ),
            "mariadb shop -e 'SELECT MAX(id), COUNT(*) FROM orders'",
            "restore",
        )


@pytest.mark.task("charset")
def test_names_are_as_they_are(server):
    """Each customer's name is shown as it is
    zh: 每个客户的名字都显示正确
    """
    see = "mariadb --default-character-set=utf8mb4 shop -e 'SELECT id, name, HEX(name) FROM customers LIMIT 9'"
    rows = server.root(f"SELECT id, name FROM customers WHERE id <= {shop_data.CUSTOMERS} ORDER BY id", "charset")
    if len(rows) != shop_data.CUSTOMERS:
        raise server.unmet(
            (f"{shop_data.CUSTOMERS} customers", f"{shop_data.CUSTOMERS} 个客户"), str(len(rows)), see, "charset"
        )
    for number, name in rows:
        wanted = shop_data.customer(int(number))
        if name != wanted:
            raise server.unmet(f"{number}: {wanted}", f"{number}: {name[:60]}", see, "charset")


@pytest.mark.task("charset")
@pytest.mark.copy
def test_every_character_is_kept(spare):
    """customers.name, and a new table of shop, keep every character
    zh: customers.name 和 shop 里的新表都能存任何字符
    """
    name = "".join(secrets.choice("龘𠮷🎁Ωé한я") for _ in range(12)) + secrets.token_hex(4)
    number, new = 6_000_000 + secrets.randbelow(10**6), "n" + secrets.token_hex(4)
    for table, sql in (
        (
            "customers",
            f"INSERT INTO customers (id, name, email, city) VALUES ({number}, '{name}', 'x@example.com', 'Wuhan');"
            f" SELECT name FROM customers WHERE id = {number}",
        ),
        (
            "a new table",
            f"CREATE TABLE {new} (word VARCHAR(40)); INSERT INTO {new} VALUES ('{name}'); SELECT word FROM {new}",
        ),
    ):
        rows, errors = spare.attempt(sql)
        if rows != [[name]]:
            place = table if table == "customers" else "新表"
            raise spare.unmet(
                (f"that {table} keeps {name[:12]}", f"{place} 能存 {name[:12]}"),
                (rows[0][0] if rows else "") or brief(errors),
                "mariadb -e 'SHOW CREATE TABLE shop.customers; SHOW CREATE DATABASE shop'",
                "charset",
            )


@pytest.mark.task("tags")
def test_each_product_has_its_tags(server):
    """tags and product_tags say what the list in products said
    zh: tags 和 product_tags 里的内容与原来 products 里的列表一致
    """
    see = (
        "mariadb shop -e 'SELECT product_id, GROUP_CONCAT(name) FROM product_tags JOIN tags ON tags.id = tag_id"
        " GROUP BY product_id'"
    )
    rows = server.root(
        "SELECT x.product_id, t.name FROM product_tags x JOIN tags t ON t.id = x.tag_id"
        f" WHERE x.product_id <= {shop_data.PRODUCTS}",
        "tags",
    )
    found = {number: set() for number in range(1, shop_data.PRODUCTS + 1)}
    for row in rows:
        found[int(row[0])].add(row[1] if len(row) > 1 else "")
    for number, tags in found.items():
        wanted = shop_data.tags(number)
        if tags != wanted:
            none = ("none", "没有")
            raise server.unmet(
                f"{number}: {', '.join(sorted(wanted)) or '-'}",
                f"{number}: {', '.join(sorted(tags))}" if tags else none,
                see,
                "tags",
            )


@pytest.mark.task("tags")
@pytest.mark.copy
def test_tags_hang_together(spare):
    """No pair of what isn't there, no pair twice; a product's pairs go with it, a tag in use stays
    zh: 配对的两边都必须存在，不能重复；删产品时配对一起删，用着的标签删不掉
    """
    tag, other = "t" + secrets.token_hex(4), "t" + secrets.token_hex(4)
    product = 7_000_000 + secrets.randbelow(10**6)
    see = "mariadb shop -e 'SHOW CREATE TABLE tags; SHOW CREATE TABLE product_tags'"
    spare.root(
        f"INSERT INTO products (id, name, price, supplier_id) VALUES ({product}, '{tag}', 20, 1);"
        f" INSERT INTO tags (name) VALUES ('{tag}'), ('{other}');"
        f" INSERT INTO product_tags (product_id, tag_id) SELECT {product}, id FROM tags WHERE name = '{tag}'",
        "tags",
    )
    missing = spare.one("SELECT MAX(id) + 7 FROM tags", "tags")
    for sql, expected in (
        (f"INSERT INTO tags (name) VALUES ('{tag}')", ("no two tags of one name", "标签不重名")),
        (
            f"INSERT INTO product_tags (product_id, tag_id) SELECT {product}, id FROM tags WHERE name = '{tag}'",
            ("no pair twice", "配对不重复"),
        ),
        (
            f"INSERT INTO product_tags (product_id, tag_id) VALUES ({product}, {missing})",
            ("no pair with a tag that isn't there", "配对里的标签必须存在"),
        ),
        (
            f"INSERT INTO product_tags (product_id, tag_id) SELECT {product + 1}, id FROM tags WHERE name = '{tag}'",
            ("no pair with a product that isn't there", "配对里的产品必须存在"),
        ),
        (f"DELETE FROM tags WHERE name = '{tag}'", ("that a tag in use can't be deleted", "用着的标签删不掉")),
    ):
        if not spare.attempt(sql)[1]:
            raise spare.unmet(expected, ("it was allowed", "竟然成功了"), see, "tags")
    left = spare.attempt(
        f"DELETE FROM products WHERE id = {product}; SELECT COUNT(*) FROM product_tags WHERE product_id = {product};"
        f" SELECT COUNT(*) FROM products WHERE id = {product}; DELETE FROM tags WHERE name = '{other}';"
        f" SELECT COUNT(*) FROM tags WHERE name = '{other}'"
    )
    if left[0] != [["0"], ["0"], ["0"]]:
        raise spare.unmet(
            ("that a deleted product takes its pairs with it", "删产品时它的配对一起删掉"),
            brief(left[1]) if left[1] else ("pairs were left", "配对还留着"),
            see,
            "tags",
        )
