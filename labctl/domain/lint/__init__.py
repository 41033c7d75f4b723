"""What can be wrong with a lab, judged from its files alone: no engine, nothing executed."""
