"""The lab's Flower app; copied into the lab's folder under the name `labapp`, whence `flwr run` bundles it."""
