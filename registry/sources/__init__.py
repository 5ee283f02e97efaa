"""Where facts come from: the Hub, its cache on disk, publications, bulk files."""
