"""The kit's clients against real servers in boxes, from the probe and from a box's own place."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import pytest
from kit_rig import KitRig, kit_rig
from rig import Labctl

from labctl.kit import wire
from labctl.kit.timing import within

pytestmark = pytest.mark.engine

WEB, STORE, DB, DOCS = (f"10.10.30.{last}" for last in (11, 12, 13, 14))

NGINX = r"""
cd /etc/nginx
openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=shop.example -addext subjectAltName=DNS:shop.example \
    -keyout key.pem -out cert.pem 2>/dev/null
cat > sites-enabled/default <<'END'
server {
    listen 80; listen 443 ssl;
    ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    server_name shop.example;
    client_max_body_size 1m;
    location / { return 200 "$scheme $host $request_uri"; }
    location /put { dav_methods PUT; root /var/www; }
    location /moved { return 301 https://$host/; }
}
server { listen 81 default_server; return 444; }
END
systemctl start nginx
cat > /root/dns.php <<'END'
<?php
$s = stream_socket_server("udp://0.0.0.0:53", $errno, $error, STREAM_SERVER_BIND);
while (true) {
    $q = stream_socket_recvfrom($s, 512, 0, $peer);
    $q[2] = chr(ord($q[2]) | 0x84);
    $q[3] = chr(3);
    stream_socket_sendto($s, $q, 0, $peer);
}
END
systemd-run -q php /root/dns.php
"""
REDIS = "sed -i 's/^bind .*/bind 0.0.0.0/' /etc/redis/redis.conf; echo 'requirepass s3cret' >> /etc/redis/redis.conf"
REDIS += "; systemctl start redis-server"
MARIADB = r"""
sed -i 's/^bind-address.*/bind-address = 0.0.0.0/' /etc/mysql/mariadb.conf.d/50-server.cnf
systemctl start mariadb
mariadb -e "CREATE DATABASE shop; CREATE USER app@'10.10.30.%' IDENTIFIED BY 'pässword';
    GRANT ALL ON shop.* TO app@'10.10.30.%'"
"""
MONGODB = "install -d -o mongodb /tmp/data; systemd-run -q mongod --dbpath /tmp/data --auth --bind_ip_all"


@pytest.fixture(scope="module")
def kit(engine: docker.DockerClient, shared: Labctl) -> Iterator[KitRig]:
    with kit_rig(engine, shared, "wired") as made:
        with ThreadPoolExecutor() as pool:
            started = [
                pool.submit(made.root, box, script)
                for box, script in (("web", NGINX), ("store", REDIS), ("db", MARIADB), ("docs", MONGODB))
            ]
        for one in started:
            one.result()
        yield made


def answered(ask: Any) -> Any:
    """The answer of a server that may be starting."""

    def look() -> Any:
        with wire.needed(""):
            return ask()

    return within(15, look)


def test_pages_of_nginx(kit: KitRig) -> None:
    web = wire.Http(kit.client(), WEB, name="shop.example")
    assert answered(lambda: web.get("/a?b=1")).text == "http shop.example /a?b=1"
    assert web.get("/moved").short() == "HTTP 301 to https://shop.example/"
    assert web.post("/", body=b"x" * 2**21).status == 413
    with web.session() as visitor:
        assert [visitor.get("/").status for _ in range(3)] == [200, 200, 200]
        assert visitor.connections == 1
    from_box = wire.Http(kit.box("store"), WEB, tls=True, name="shop.example")
    assert from_box.get("/").text == "https shop.example /"
    with pytest.raises(wire.WireError) as caught:
        wire.Http(kit.client(), WEB, 81).get()
    assert caught.value.kind == "hung up"


def test_the_certificate_of_nginx(kit: KitRig) -> None:
    ca = kit.root("web", "cat /etc/nginx/cert.pem")
    tls = wire.Tls(kit.client(), WEB, name="shop.example")
    session = tls.handshake(ca)
    assert (session.version, session.certificate.key, session.certificate.names) == (
        "TLSv1.3",
        "RSA 2048",
        ("shop.example",),
    )
    assert tls.chain() == [session.certificate]
    assert [one for one in ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3") if tls.accepts(one)] == ["TLSv1.2", "TLSv1.3"]
    with pytest.raises(wire.WireError) as caught:
        wire.Tls(kit.client(), WEB, name="other.example").handshake(ca)
    assert caught.value.kind == "untrusted"


def test_redis(kit: KitRig) -> None:
    def redis(**about: Any) -> wire.Redis:
        return wire.Redis(kit.client(), STORE, **about)

    with redis(password="s3cret") as client, redis(password="s3cret") as other:
        assert answered(lambda: client.ask("PING")) == "PONG"
        assert client.pipeline([("SET", "a", "ä"), ("GET", "a"), ("GET", "b")]) == ["OK", "ä", None]
        assert client.info("replication")["role"] == "master"
        other.subscribe("news")
        assert client.ask("PUBLISH", "news", "hi") == 1
        assert other.receive(5) == ["message", "news", "hi"]
        assert other.receive(0.05) is None
    with redis() as client:
        assert client.ask("GET", "a").code == "NOAUTH"
    with pytest.raises(wire.DeniedError, match="WRONGPASS"):
        redis(password="wrong").ask("PING")


def test_mariadb(kit: KitRig) -> None:
    def mysql(**about: Any) -> wire.Mysql:
        return wire.Mysql(kit.client(), DB, **{"user": "app", "password": "pässword", "database": "shop", **about})

    with mysql() as client:
        assert "MariaDB" in client.version()
        client.query("CREATE TABLE t (id INT PRIMARY KEY, name TEXT)")
        assert client.change("INSERT INTO t VALUES (%s, %s), (2, NULL)", 1, "木'; --") == 2
        assert client.query("SELECT * FROM t ORDER BY id") == [(1, "木'; --"), (2, None)]
        assert client.one("SELECT name FROM t WHERE name LIKE '%木%'") == "木'; --"
        with pytest.raises(wire.SqlError) as refused:
            client.query("INSERT INTO t VALUES (1, '')")
        assert refused.value.code == 1062
        assert client.one("SELECT COUNT(*) FROM t") == 2
    for wrong, code in (({"password": "x"}, 1045), ({"user": "root", "password": ""}, 1045), ({"database": "x"}, 1044)):
        with pytest.raises(wire.DeniedError) as denied:
            mysql(**wrong).query("SELECT 1")
        assert denied.value.code in (code, 1130)
    with pytest.raises(wire.WireError) as caught:
        wire.Mysql(kit.client(), STORE, 6379, seconds=0.2).query("SELECT 1")
    assert caught.value.kind == "no answer"


def test_mongodb(kit: KitRig) -> None:
    def mongo(password: str) -> wire.Mongo:
        return wire.Mongo(kit.client(), DOCS, user="boss", password=password)

    local = wire.Mongo(kit.box("docs"), "127.0.0.1")
    assert answered(lambda: local.command("admin", "ping"))["ok"] == 1
    with local:  # who connects from there may create the first account
        local.command("admin", {"createUser": "boss", "pwd": "pässword", "roles": ["root"]})
    with mongo("pässword") as client:
        client.insert("shop", "x", [{"_id": 1}, {"_id": 2}])
        assert client.find("shop", "x", {"_id": {"$gt": 1}}) == [{"_id": 2}]
        with pytest.raises(wire.MongoError) as refused:
            client.insert("shop", "x", [{"_id": 1}])
        assert refused.value.code == 11000
    with pytest.raises(wire.DeniedError) as denied:
        mongo("wrong").command("admin", "ping")
    assert denied.value.code == 18
    with wire.Mongo(kit.client(), DOCS) as nobody, pytest.raises(wire.MongoError) as refused:
        nobody.find("shop", "x")
    assert refused.value.name == "Unauthorized"


def test_a_dns_server_over_udp(kit: KitRig) -> None:
    reply = wire.Dns(kit.client(), WEB).query("a.example")
    assert (reply.rcode, reply.answers, reply.authoritative) == ("NXDOMAIN", (), True)
    with pytest.raises(wire.WireError, match="refused"):
        wire.Dns(kit.client(), STORE, seconds=1).query("a.example")


def test_other_servers_are_named(kit: KitRig) -> None:
    for ask in (
        lambda: wire.Http(kit.client(), WEB, 22).get(),
        lambda: wire.Redis(kit.client(), WEB, 22).ask("PING"),
        lambda: wire.Http(kit.client(), DB, 3306).get(),
    ):
        with pytest.raises(wire.WireError) as caught:
            ask()
        assert caught.value.kind == "garbage"
    with pytest.raises(wire.WireError, match=r"not HTTP: SSH-2\.0-OpenSSH"):
        wire.Http(kit.client(), WEB, 22).get()
    with pytest.raises(wire.WireError) as caught:
        wire.Http(kit.client(), WEB, 8080).get()
    assert caught.value.kind == "refused"
    with pytest.raises(wire.WireError) as caught:
        wire.Http(kit.client(), "10.10.99.1", seconds=0.3).get()
    assert caught.value.kind in ("no answer", "no route")
