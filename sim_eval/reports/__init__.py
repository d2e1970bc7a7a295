"""Pages that stand alone: one HTML file each, with their plots and videos inside."""
