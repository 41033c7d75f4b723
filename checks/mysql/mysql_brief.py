"""The headings of the brief that answers point to, in both languages."""

READ = {
    "start": ("start: get it running", "start：让它跑起来"),
    "listen": ("listen: where it listens", "listen：在哪里监听"),
    "secure": ("secure: who gets in", "secure：谁能进来"),
    "account": ("account: the shop's own account", "account：商店程序自己的账号"),
    "restore": ("restore: the lost table", "restore：丢失的表"),
    "charset": ("charset: names as they are", "charset：名字要显示正确"),
    "tags": ("tags: many to many", "tags：多对多"),
    "index": ("index: read what you need", "index：只读需要的行"),
    "view": ("view: sales by month", "view：按月销售"),
    "transfer": ("transfer: all or nothing", "transfer：要么全做，要么不做"),
    "trigger": ("trigger: a rule that nobody gets around", "trigger：谁也绕不开的规则"),
    "slow-log": ("slow-log: who is slow", "slow-log：谁在拖慢"),
    "backup": ("backup: one that you can restore", "backup：能恢复的才叫备份"),
    "errors": ("Read the error, locate it, fix it", "读懂报错，找到位置，改掉它"),
}
