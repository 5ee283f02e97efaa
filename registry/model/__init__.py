"""What things are: references, snapshots, claims and edges, as frozen values valid once built."""
