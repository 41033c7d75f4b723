"""The core that every front end calls: the facade, and the parts that the facade is built from."""
