"""What a declared license means."""
