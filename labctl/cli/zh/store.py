"""What the store says where it can't be used, and what it refuses. A store is 数据库."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # boxes on an engine that several stores use
    "{file} should have the id of a store, eight hex digits": "{file} 里应当是记录库的编号：8 位十六进制数字",
    "the boxes of {lab} may belong to another store: their seed looks like one that its secret gave": (
        "{lab} 的机器可能属于另一个记录库：它们的种子看起来由那个记录库的密钥生成"
    ),
    "write the id into {file}; it is in the names of the containers: docker ps": (
        "把编号写入 {file}；容器的名称里有这个编号：docker ps"
    ),
    "ls -l {file}; if it is lost, take it from a backup; docs/operator.md says what it is for": (
        "ls -l {file}；如果内容丢失，请用备份恢复；用途见 docs/operator.md"
    ),
    "the boxes of {lab} under the name {learner} are those of {other}": ("名称 {learner} 下的 {lab} 机器是 {other} 的"),
    "labctl up {lab} --learner {other}": "labctl up {lab} --learner {other}",
    "{learner} names no learner of a cohort: that is COHORT/ID": "{learner} 不是教学班学生的名称：应写成 教学班/学号",
    "labctl up {lab}, for boxes of your own": "labctl up {lab}，创建自己的机器",
    "there is nothing to adopt for {learner}": "{learner} 没有可以接管的机器",
    "labctl status": "labctl status",
    "{lab} is up in other boxes already": "{lab} 已经在另一组机器上运行",
    "labctl down {lab} --learner {learner}, and then labctl adopt {lab} --learner {learner}": (
        "先运行 labctl down {lab} --learner {learner}，再运行 labctl adopt {lab} --learner {learner}"
    ),
    "{lab} has boxes of an older labctl, and their seed ({seed}) doesn't show whose they are": (
        "{lab} 有旧版 labctl 创建的机器，从种子（{seed}）看不出它们是谁的"
    ),
    "labctl adopt {lab} --learner {learner}": "labctl adopt {lab} --learner {learner}",
    "{mark} {lab} is adopted: {count} boxes": "{mark} 已接管 {lab}：{count} 台机器",
    "the store {store} can't be used: {why}": "数据库 {store} 不能用：{why}",
    "psql {url}, to try it by hand; labctl config get store shows the setting": (
        "psql {url} 手动连接试试；设置见 labctl config get store"
    ),
    "the store {file} can't be used: another program has locked it for {seconds} s": (
        "数据库 {file} 不能用：另一个程序已将它锁住 {seconds} 秒"
    ),
    "this attempt was not kept and does not count: {lost}": "本次评测没有保存，不计入成绩：{lost}",
    "not kept": "未保存",
    "fuser --verbose {name}": "fuser --verbose {name}",
    "the store {file} can't be written: the disk is full": "数据库 {file} 无法写入：磁盘已满",
    "make room on the disk, and do it again; what was kept before is still there": (
        "腾出磁盘空间后再做一次；之前保存的内容都还在"
    ),
    "the store {store} needs a package that isn't there: {why}": "数据库 {store} 需要的软件包没有安装：{why}",
    "pip install 'labctl-boxes[postgresql]'": "pip install 'labctl-boxes[postgresql]'",
    "store must be a URL that begins with postgresql://, or nothing for a file of SQLite": (
        "store 必须是以 postgresql:// 开头的 URL；留空则使用 SQLite 文件"
    ),
    "store is no URL: a character in it may have to be written as %XX": (
        "store 不是合法的 URL：其中某个字符可能要写成 %XX 的形式"
    ),
    "labctl config set store postgresql://USER@HOST/DATABASE, or labctl config unset store for a file of SQLite": (
        "labctl config set store postgresql://用户@主机/数据库，或者用 labctl config unset store 改用 SQLite 文件"
    ),
    "the store {store} was written by a newer labctl: it is at {found}, this one knows {known}": (
        "数据库 {store} 是由更新版本的 labctl 写的：它的版本是 {found}，当前 labctl 只认识到 {known}"
    ),
    "bring labctl up to date: pip install --upgrade labctl-boxes": (
        "请升级 labctl：pip install --upgrade labctl-boxes"
    ),
    # cohorts
    "there is a cohort {cohort} already, or there was one": "已经有或曾经有过名为 {cohort} 的班",
    "take another name; labctl cohort list --all": "换一个名字；全部的班见 labctl cohort list --all",
    "labctl cohort list": "labctl cohort list",
    "labctl cohort create": "labctl cohort create",
    "the key of {learner} is that of {owner} in the cohort {cohort}": ("{learner} 的公钥与 {cohort} 班 {owner} 的相同"),
    "every learner needs a key of their own: ssh-keygen -t ed25519": "每个学员都要有自己的密钥：ssh-keygen -t ed25519",
}
