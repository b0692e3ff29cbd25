"""What Neo4j Browser and Bloom need to show a Kindred graph well."""
