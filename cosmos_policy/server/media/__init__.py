"""Pictures, clips and files that come from clients or go to them. Everything here runs in threads, within limits."""
