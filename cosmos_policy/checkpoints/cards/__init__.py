"""What is known about each published checkpoint, one YAML file each."""
