"""A Flower app: clients learn to read handwritten digits, and the server is guarded."""
