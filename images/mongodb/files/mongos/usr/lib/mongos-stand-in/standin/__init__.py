"""A stand-in for mongos, for images without MongoDB's own packages.

It speaks MongoDB's wire protocol but makes no decision about sharding. The mongod of a shard contains the router's code
(clusterFind, clusterInsert …). The config server contains the administrator's commands (_configsvrAddShard …). The
stand-in logs clients in, sends requests to these servers, and passes on their answers.
"""

VERSION = "6.0.5"
NAME = "labctl-stand-in"
ABOUT = f"a stand-in for mongos {VERSION} ({NAME}): not MongoDB's program, see mongos --help"
