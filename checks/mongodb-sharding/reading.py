"""Where the briefs explain it: headings in English and Chinese."""

READ = {
    "leftover": ("leftover: three nodes, three surprises", "leftover：三台节点，三个意外"),
    "config-set": ("config-set: the config servers", "config-set：配置服务器"),
    "shards": ("shards: two replica sets of three", "shards：两个三成员副本集"),
    "auth": ("auth: one key file for all servers", "auth：一个密钥文件，十个服务开启认证"),
    "router": ("router: mongos", "router：mongos"),
    "users": ("users: an administrator and an application", "users：管理员与应用"),
    "add-shards": ("add-shards: the cluster grows", "add-shards：集群成形"),
    "hashed": ("hashed: spread evenly", "hashed：均匀散开"),
    "presplit": ("presplit: cut by hand before the data comes", "presplit：数据到来之前手动切分"),
    "zones": ("zones: data stays where it must", "zones：数据留在该留的地方"),
    "balancer": ("balancer: only at night", "balancer：只在夜里工作"),
    "import": ("import: three thousand orders", "import：三千个订单"),
    "reboot": ("reboot: it all comes back", "reboot：重启之后一切如故"),
    "set": ("A replica set", "副本集"),
    "parts": ("Three kinds of servers", "三种服务器"),
    "key": ("Shard key, chunk, shard", "分片键、块、分片"),
    "errors": ("Read the error, locate it, fix it", "读懂报错，找到位置，改掉它"),
}
