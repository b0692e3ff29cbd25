"""Communities, and the products at the centre of each, in a graph exported for NetworkX.

kindred graph export --format networkx -o graph.json
python docs/examples/communities.py graph.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import networkx as nx


def read_graph(path: Path) -> nx.MultiDiGraph:
    """The graph that `kindred graph export --format networkx` wrote."""
    return nx.node_link_graph(json.loads(path.read_text("utf-8")))


def liked(graph: nx.MultiDiGraph) -> nx.Graph:
    """Users and the products that they gave four stars or more."""
    reviews = ((user, product) for user, product, rating in graph.edges(data="rating", default=0) if rating >= 4)
    return nx.Graph(list(reviews))


def main(path: Path) -> None:
    """Prints the communities, biggest first."""
    graph = read_graph(path)
    tastes = liked(graph)
    ranks = nx.pagerank(tastes)
    for number, members in enumerate(nx.community.louvain_communities(tastes, seed=7), start=1):
        products = sorted((node for node in members if node[0] == "Product"), key=lambda node: (-ranks[node], node))
        names = [graph.nodes[product].get("title", product[1]) for product in products[:3]]
        print(f"community {number}: {len(members)} members, at its centre {', '.join(names)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
