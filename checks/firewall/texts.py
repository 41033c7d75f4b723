"""Words: where the brief explains a thing, and how an outcome is called."""

from packets import ACCEPTED, DROPPED, REFUSED

READ = {
    "leftover": ("leftover: what the former admin left", "leftover：前任留下的东西"),
    "nat": ("nat: one address for all", "nat：大家共用一个地址"),
    "input": ("input: the router itself", "input：路由器自身"),
    "forward": ("forward: through the router", "forward：穿过路由器"),
    "stateful": ("stateful: a reply, or something that looks like one", "stateful：真应答与假应答"),
    "publish": ("publish: a site that the world may see", "publish：对外发布网站"),
    "hairpin": ("hairpin: the same address from inside", "hairpin：内网也用同一个地址"),
    "server": ("server: its own firewall", "server：服务器自己的防火墙"),
    "limit": ("limit: not too many at once", "limit：不许一拥而上"),
    "log": ("log: the dropped packets", "log：记录被丢弃的包"),
    "reboot": ("reboot: still closed, still open", "reboot：该关的关，该开的开"),
    "path": ("The way of a packet", "一个包要走的路"),
    "state": ("What the kernel remembers", "内核记得什么"),
    "address": ("Addresses that are changed on the way", "半路上换地址"),
    "errors": ("Read the symptom, locate it, fix it", "读懂现象，找到位置，改掉它"),
}

SAID = {
    ACCEPTED: ("it was let in", "放进来了"),
    REFUSED: ("an answer (connection refused): it was not dropped", "有应答（Connection refused），包没有被丢弃"),
    DROPPED: ("no answer at all", "没有任何应答"),
}
