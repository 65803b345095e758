"""Store and split to batches for TensorFlow, order and augmentation included."""
