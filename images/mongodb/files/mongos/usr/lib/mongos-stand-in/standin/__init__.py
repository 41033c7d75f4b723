"""A stand-in for mongos, where MongoDB's own program can't be had.

It speaks MongoDB's wire protocol, and decides nothing about sharding itself: the mongod of a shard carries the router's
code (clusterFind, clusterInsert …), the config server carries the administrator's (_configsvrAddShard …). The stand-in
logs clients in, asks those, and passes on what they say.
"""

VERSION = "6.0.5"
NAME = "labctl-stand-in"
ABOUT = f"a stand-in for mongos {VERSION} ({NAME}): not MongoDB's program, see mongos --help"
