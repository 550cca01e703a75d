"""A Flower deployment as it is found: processes, their options, keys, certificates and settings; flwr itself is not imported."""
