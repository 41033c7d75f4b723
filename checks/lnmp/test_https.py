"""The certificate as a client sees it, who trusts it, who can read its key, and what plain HTTP still does."""

import datetime
import re
import shlex

import pytest
from http_talk import Ask

# Every private key: path, owner, group, mode, and after a line of its own its public half.
KEYS = r"""
for f in $(grep -rlF -- 'PRIVATE KEY-----' /etc /root /srv /var/www /opt /usr/local /home 2>/dev/null); do
    echo "key $(stat -L -c '%u %g %a' "$f") $f"; openssl pkey -in "$f" -passin pass: -pubout 2>/dev/null
done
"""
SHOW = (
    "timeout 6 openssl s_client -connect %s:443 -servername %s </dev/null 2>/dev/null"
    " | openssl x509 -noout -dates -ext subjectAltName -pubkey 2>/dev/null"
)
DATE = "%b %d %H:%M:%S %Y %Z"


class Certificate:
    """What a server shows to who asks for the name."""

    def __init__(self, board):
        board.nginx()
        text = board.probe.run(SHOW, board.address, board.name).stdout
        self.names = re.findall(r"DNS:([^,\s]+)", text)
        dates = dict(re.findall(r"^(notBefore|notAfter)=(.+)$", text, re.MULTILINE))
        self.first, self.last = (_date(dates.get(name, "")) for name in ("notBefore", "notAfter"))
        found = re.search(r"-----BEGIN PUBLIC KEY-----.*-----END PUBLIC KEY-----", text, re.DOTALL)
        self.key = found[0] if found else ""


def _date(text):
    try:
        return datetime.datetime.strptime(text.strip(), DATE).replace(tzinfo=datetime.UTC)
    except ValueError:
        return datetime.datetime.fromtimestamp(0, datetime.UTC)


def shown(board):
    """The certificate. Raises where there is none."""
    found = board.once("certificate", lambda: Certificate(board))
    if found.key:
        return found
    raise board.unmet(
        (f"a certificate on port 443 for who asks for {board.name}", f"访问 {board.name} 的 443 端口能拿到证书"),
        ("none", "没有"),
        f"openssl s_client -connect {board.address}:443 -servername {board.name} </dev/null",
        "https",
    )


SEE = (
    "openssl s_client -connect {address}:443 -servername {name} </dev/null"
    " | openssl x509 -noout -dates -ext subjectAltName"
)


@pytest.mark.task("https")
def test_certificate_of_the_name(board, params):
    """The certificate is for your name, and for no more days than yours
    zh: 证书是给你的域名的，有效期不超过你的天数
    """
    found, see = shown(board), SEE.format(address=board.address, name=board.name)
    if board.name not in found.names:
        raise board.unmet(
            f"subjectAltName DNS:{board.name}",
            ", ".join(found.names) or ("no name there", "里面没有名字"),
            see,
            "names",
        )
    now, days = datetime.datetime.now(datetime.UTC), (found.last - found.first).total_seconds() / 86400
    if not found.first <= now <= found.last or days > params["cert_days"] + 0.5:
        raise board.unmet(
            (
                f"valid now, and for at most {params['cert_days']} days",
                f"现在有效，而且有效期不超过 {params['cert_days']} 天",
            ),
            (f"{found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}", f"{found.first:%Y-%m-%d} 到 {found.last:%Y-%m-%d}"),
            see,
            "names",
        )


@pytest.mark.task("https")
def test_both_machines_trust_it(board, every):
    """A client on either machine trusts the certificate, without any option
    zh: 两台机器上的客户端不加任何选项就信任这个证书
    """
    shown(board)
    url = f"https://{board.name}/assets/board.css"
    ask = "curl -s -o /dev/null -m 5 -w '%%{http_code} %%{errormsg}' --cacert /etc/ssl/certs/ca-certificates.crt"

    def look(name):
        told = board.box(name).run(f"{ask} --resolve %s %s", f"{board.name}:443:{board.address}", url)
        if told.rc != 0:
            raise board.unmet(
                (f"{name} trusts the certificate of {board.name}", f"{name} 信任 {board.name} 的证书"),
                told.stdout.partition(" ")[2].strip()[:100],
                f"curl -sS --resolve {board.name}:443:{board.address} {url}",
                "names",
                box=name,
            )

    every(("web", "db"), look)


@pytest.mark.task("https")
def test_the_key_is_private(board):
    """Nobody but root can read the certificate's key
    zh: 证书的私钥只有 root 能读
    """
    found = shown(board)
    workers = {group for each in board.php()[0] if each.uid for group in each.groups}
    keys = 0
    for told in f"\n{board.web.run(KEYS).stdout}".split("\nkey ")[1:]:
        line, _, public = told.partition("\n")
        uid, group, mode, path = line.split(" ", 3)
        if public.strip() != found.key:
            continue
        keys += 1
        bits = int(mode, 8)
        if int(uid) != 0 or bits & 0o007 or (bits & 0o070 and (int(group) in workers or bits & 0o020)):
            raise board.unmet(
                (f"a key that only root can read: {path}", f"只有 root 能读的私钥：{path}"),
                (f"mode {mode}, owner {uid}, group {group}", f"权限 {mode}，属主 {uid}，属组 {group}"),
                f"ls -l {shlex.quote(path)}",
                "names",
            )
    if not keys:
        raise board.unmet(
            ("the certificate's key below /etc", "证书的私钥在 /etc 下"),
            ("not found there", "没有找到"),
            "nginx -T | grep ssl_certificate_key",
            "names",
        )


@pytest.mark.task("https")
def test_plain_http_only_sends_to_https(board):
    """Whoever comes by plain HTTP is sent to the same address by HTTPS, for good
    zh: 用 HTTP 访问，会被永久跳转到同一地址的 HTTPS
    """
    shown(board)
    paths = ("/", f"/api/notes/{board.token}?order={board.token}&a=%E4%BD%A0", "/assets/board.css")
    replies = board.ask(*(Ask(board.name, path, secure=False) for path in paths))
    for path, reply in zip(paths, replies, strict=True):
        to = reply.headers.get("location", "")
        if reply.status not in (301, 308) or to not in (
            f"https://{board.name}{path}",
            f"https://{board.name}:443{path}",
        ):
            raise board.unmet(
                f"http://{board.name}{path}: HTTP 301 → https://{board.name}{path}",
                f"{reply.short()}{' → ' + to if to else ''}",
                board.curl(path, "-I", scheme="http"),
                "https",
            )
