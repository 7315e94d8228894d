"""From files to batches on the device: readers, records, decoding, augmentation, loading."""
