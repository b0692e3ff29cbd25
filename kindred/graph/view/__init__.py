"""A node and what is around it, as one page that works offline.

`neighbourhood.py` reads the nodes and edges from any GraphStore; `page.py` writes them into `page.html` together with
`view.css`, three scripts and cytoscape.js (MIT licence, in `cytoscape-LICENSE.txt`).
"""
