"""Where the brief explains what a check asks for."""

READ = {
    "lnmp": ("What LNMP is", "什么是 LNMP"),
    "way": ("The way of a request", "一个请求走过的路"),
    "rights": ("Who may do what", "谁能做什么"),
    "names": ("Names and certificates", "名字与证书"),
    "settings": ("Where a setting comes from", "一个配置值从哪里来"),
    "errors": ("Read the error, locate it, fix it", "读懂报错，找到位置，改掉它"),
    "leftover": ("leftover: an account that comes back", "leftover：删不掉的账号"),
    "database": ("database: for the board, and from web only", "database：只给留言板、只从 web"),
    "pool": ("pool: how PHP runs", "pool：PHP 怎样运行"),
    "site": ("site: one name, and no other", "site：只认一个名字"),
    "notes": ("notes: the board reads and writes", "notes：读得出，写得进"),
    "https": ("https: HTTPS, and nothing else", "https：只走 HTTPS"),
    "permissions": ("permissions: PHP must not write code", "permissions：PHP 不能写代码"),
    "uploads": ("uploads: files, not programs", "uploads：是文件，不是程序"),
    "static": ("static: what browsers may keep", "static：浏览器可以缓存什么"),
    "log": ("log: one line a request", "log：一个请求一行"),
    "rotate": ("rotate: logs don't grow for ever", "rotate：日志不能无限增长"),
    "reboot": ("reboot: it all comes back", "reboot：重启之后一切如故"),
}
