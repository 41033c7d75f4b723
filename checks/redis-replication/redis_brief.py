"""Where the briefs explain it: a word to the heading in English and in Chinese."""

READ = {
    "leftover": ("leftover: what a former admin left behind", "leftover：前任留下的东西"),
    "listen": ("listen: where Redis listens", "listen：在哪里监听"),
    "auth": ("auth: no answer without a password", "auth：没有密码就没有应答"),
    "user": ("replication-user: a user that may replicate, and no more", "replication-user：只能复制的用户"),
    "rights": ("Who may do what", "谁能做什么"),
    "replicas": ("replicas: two replicas follow", "replicas：两台从节点"),
    "read-only": ("read-only: replicas refuse writes", "read-only：从节点拒绝写入"),
    "aof": ("aof: every write goes to disk", "aof：每次写入都落盘"),
    "copy": ("A copy is no backup", "副本不等于备份"),
    "min-replicas": ("min-replicas: no writing alone", "min-replicas：没有从节点就拒绝写入"),
    "memory": ("memory: a limit, and what goes first", "memory：内存上限与淘汰策略"),
    "reboot": ("reboot: it all comes back", "reboot：重启之后一切如故"),
    "settings": ("Where a setting comes from", "一个配置值从哪里来"),
    "replication": ("What replication is", "什么是主从复制"),
    "sentinels": ("sentinels: three Sentinels monitor the master", "sentinels：三个哨兵监视主节点"),
    "failover": ("failover: a replica takes over", "failover：从节点接替主节点"),
    "watch": ("Who decides that the master is dead", "谁来判定主节点已宕机"),
    "errors": ("Read the error, locate it, fix it", "读懂报错，找到位置，改掉它"),
}
