"""The agent in the probe reads the state of boxes from outside, for checks that root in a box can't deceive.

The agent uses only the standard library and the code that it shares with the keeper, because the agent is copied into
the keeper's image. One agent serves one verify. The agent communicates over its stdin and stdout
(:mod:`labctl.probe.protocol`), and ends when its stdin ends.
"""
