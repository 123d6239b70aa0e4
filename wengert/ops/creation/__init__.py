"""Making tensors: filled, from data, over storages, on other devices."""
