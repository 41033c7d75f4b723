"""The core that every front end calls: the facade, and the parts that it is put together from."""
