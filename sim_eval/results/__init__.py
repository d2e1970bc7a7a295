"""Result records: how they are kept on disk, read back, and turned into figures."""
