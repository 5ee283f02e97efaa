"""The graph of bases and derivatives: claims resolved to edges, and walks that always end."""
