-- The shop as it grew. Sent by a client that says latin1 and means UTF-8: so the names of customers are stored wrong.
SET NAMES latin1;
CREATE DATABASE shop CHARACTER SET latin1;
USE shop;

CREATE TABLE suppliers (
    id INT UNSIGNED PRIMARY KEY,
    name VARCHAR(40) NOT NULL,
    phone VARCHAR(20) NOT NULL
);

CREATE TABLE customers (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(60) NOT NULL,
    email VARCHAR(80) NOT NULL,
    city VARCHAR(30) NOT NULL
);

CREATE TABLE products (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(40) NOT NULL,
    price DECIMAL(8,2) NOT NULL,
    supplier_id INT UNSIGNED NOT NULL,
    tags VARCHAR(100) NOT NULL DEFAULT ''
);

CREATE TABLE orders (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    customer_id INT UNSIGNED NOT NULL,
    placed_at DATETIME NOT NULL,
    status VARCHAR(10) NOT NULL DEFAULT 'open'
);

CREATE TABLE order_items (
    order_id INT UNSIGNED NOT NULL,
    line TINYINT UNSIGNED NOT NULL,
    product_id INT UNSIGNED NOT NULL,
    qty INT UNSIGNED NOT NULL,
    unit_price DECIMAL(8,2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE stock (
    product_id INT UNSIGNED NOT NULL,
    warehouse_id INT UNSIGNED NOT NULL,
    qty INT NOT NULL,
    PRIMARY KEY (product_id, warehouse_id)
) ENGINE = MyISAM;

CREATE TABLE stock_moves (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    product_id INT UNSIGNED NOT NULL,
    from_warehouse INT UNSIGNED NOT NULL,
    to_warehouse INT UNSIGNED NOT NULL,
    qty INT NOT NULL,
    moved_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE price_log (
    id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
    product_id INT UNSIGNED NOT NULL,
    old_price DECIMAL(8,2) NOT NULL,
    new_price DECIMAL(8,2) NOT NULL,
    changed_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO suppliers SELECT seq, CONCAT('Supplier ', LPAD(seq * 7919 % 10000, 4, '0')), CONCAT('020-', 55000000 + seq * 104729 % 999983)
FROM seq_1_to_31;

INSERT INTO customers
SELECT seq,
    IF(seq % 25 = 0, CONCAT('Anna Berg ', seq), CONCAT(
        ELT(1 + seq % 20, '王','李','张','刘','陈','杨','赵','黄','周','吴','徐','孙','胡','朱','高','林','何','郭','马','罗'),
        ELT(1 + seq * 7 % 16, '伟','芳','娜','敏','静','强','磊','军','洋','勇','艳','杰','娟','涛','明','超'),
        IF(seq % 3 = 0, ELT(1 + seq * 11 % 16, '伟','芳','娜','敏','静','强','磊','军','洋','勇','艳','杰','娟','涛','明','超'), ''))),
    CONCAT('customer', seq, '@example.com'),
    ELT(1 + seq * 13 % 8, 'Beijing','Shanghai','Guangzhou','Shenzhen','Hangzhou','Chengdu','Wuhan','Xiamen')
FROM seq_1_to_3000;

INSERT INTO products
SELECT seq,
    CONCAT(ELT(1 + seq % 6, 'Kettle','Teapot','Grinder','Mug','Filter','Flask'), ' ', 100 + seq),
    10 + seq * 37 % 190 + 0.5 * (seq % 2),
    1 + seq % 31,
    IF(seq % 17 = 0, '', CONCAT(
        ELT(1 + seq % 12, 'coffee','tea','cup','gift','sale','new','organic','decaf','glass','steel','travel','winter'),
        IF(seq % 2, ', ', ','),
        ELT(1 + (seq * 5 + 1) % 12, 'coffee','tea','cup','gift','sale','new','organic','decaf','glass','steel','travel','winter'),
        IF(seq % 3 = 0, CONCAT(',', ELT(1 + (seq * 7 + 3) % 12, 'coffee','tea','cup','gift','sale','new','organic','decaf','glass','steel','travel','winter')), ''),
        IF(seq % 10 = 0, CONCAT(', ', ELT(1 + seq % 12, 'coffee','tea','cup','gift','sale','new','organic','decaf','glass','steel','travel','winter')), '')))
FROM seq_1_to_200;

INSERT INTO stock SELECT p.seq, w.seq, 20 + (p.seq * 13 + w.seq * 29) % 300 FROM seq_1_to_200 p JOIN seq_1_to_4 w;

DELIMITER $$
CREATE PROCEDURE take_orders(first INT, last INT)
BEGIN
    INSERT INTO orders
    SELECT seq,
        IF(seq % 4 = 0, 1 + (seq DIV 4) % 20, 1 + seq * 37 % 3000),
        '2025-01-01' + INTERVAL seq * 22 MINUTE,
        ELT(1 + seq % 10, 'paid','paid','paid','paid','paid','paid','shipped','open','cancelled','refunded')
    FROM seq_1_to_24000 WHERE seq BETWEEN first AND last;
    INSERT INTO order_items
    SELECT o.seq, l.seq, 1 + (o.seq * 3 + l.seq * 71) % 200, 1 + (o.seq + l.seq) % 5, 10 + (o.seq * 3 + l.seq * 71) % 190
    FROM seq_1_to_24000 o JOIN seq_1_to_3 l WHERE o.seq BETWEEN first AND last AND l.seq <= 1 + o.seq % 3;
END $$

-- What the shop calls today. It trusts that nothing ever goes wrong.
CREATE PROCEDURE move_stock(p_product INT, p_from INT, p_to INT, p_qty INT)
BEGIN
    UPDATE stock SET qty = qty - p_qty WHERE product_id = p_product AND warehouse_id = p_from;
    UPDATE stock SET qty = qty + p_qty WHERE product_id = p_product AND warehouse_id = p_to;
    INSERT INTO stock_moves (product_id, from_warehouse, to_warehouse, qty) VALUES (p_product, p_from, p_to, p_qty);
END $$
DELIMITER ;

CALL take_orders(1, 20800);
