"""The web page: what the service does, shown to people. Rendered on the server, works offline and without scripts.

`page_routes.py` has the addresses; each page is a function of the service that gives a `Page`; `rendering.py` makes it
HTML with templates that escape whatever they show. Scripts only show the graph and name the points of the map.
"""
