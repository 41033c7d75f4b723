"""What was in the shop's tables when the learner got them, by the same rules as playbooks/mysql/files/shop.sql."""

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜敏静强磊军洋勇艳杰娟涛明超"
TAGS = ("coffee", "tea", "cup", "gift", "sale", "new", "organic", "decaf", "glass", "steel", "travel", "winter")
CUSTOMERS, PRODUCTS, SUPPLIERS, ORDERS, DUMPED_ORDERS = 3000, 200, 40, 24000, 21900


def customer(number):
    """A customer's name."""
    if number % 25 == 0:
        return f"Anna Berg {number}"
    last = GIVEN[number * 11 % 16] if number % 3 == 0 else ""
    return SURNAMES[number % 20] + GIVEN[number * 7 % 16] + last


def supplier(number):
    """A supplier's name and telephone, as of the last dump that is whole."""
    begin = 66000000 if number % 4 == 1 and number <= 31 else 55000000
    return f"Supplier {number * 7919 % 10000:04}", f"020-{begin + number * 104729 % 999983}"


def tags(product):
    """A product's tags."""
    if product % 17 == 0:
        return set()
    third = {TAGS[(product * 7 + 3) % 12]} if product % 3 == 0 else set()
    return {TAGS[product % 12], TAGS[(product * 5 + 1) % 12]} | third
