"""Ready-made questions to a graph: one Cypher file each, read and run here."""
