"""Where a worker gets its model from: one file each. A function returns a ``WorldActionModel``."""
