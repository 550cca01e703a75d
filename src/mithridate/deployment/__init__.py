"""A Flower deployment as it is found: running processes, their options, keys, certificates and configuration; never flwr itself."""
