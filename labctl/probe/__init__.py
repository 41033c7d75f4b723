"""The agent in the probe: looks at boxes from outside of them, for checks that a root in the box can't fool.

Standard library only, with what the keeper shares: it is copied into the keeper's image. One agent serves one verify;
it talks over its stdin and stdout (:mod:`labctl.probe.protocol`) and ends with them.
"""
