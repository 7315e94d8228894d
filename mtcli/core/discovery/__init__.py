"""What lies in a folder, told from its content: labels, splits, and the config that fits them."""
