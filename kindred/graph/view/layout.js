// Where nodes stand: a tree of rings around the middle; edges that are not of the tree are drawn across it.
"use strict";

const RING_GAP = 130; // between two rings, in the units of the drawing

const drawnAround = (index) => [...new Set(around[index].filter(({ edge }) => isEdgeDrawn(edges[edge])).map(({ other }) => other))];

function ringsOf() {
  const depth = new Map([[0, 0]]), queue = [0];
  for (const index of queue) { // grows while it is walked
    for (const other of drawnAround(index)) {
      if (!depth.has(other)) depth.set(other, depth.get(index) + 1) && queue.push(other);
    }
  }
  nodes.forEach((_, index) => isDrawn(index) && !depth.has(index) && depth.set(index, 1)); // alone where the legend hides others
  return depth;
}

// Each node hangs on that neighbour one ring further in which has least to carry.
function treeOf() {
  const depth = ringsOf(), parent = new Map(), children = new Map([...depth.keys()].map((index) => [index, []]));
  const above = (index) => drawnAround(index).filter((other) => depth.get(other) === depth.get(index) - 1);
  const waiting = [...depth.keys()].filter((index) => index !== 0).sort((a, b) => depth.get(a) - depth.get(b) || above(a).length - above(b).length || a - b);
  for (const index of waiting) {
    const load = (other) => children.get(other).length;
    const best = above(index).reduce((a, b) => (load(b) < load(a) ? b : a), above(index)[0] ?? 0);
    parent.set(index, best);
    children.get(best).push(index);
  }
  return { depth, parent, children };
}

// Siblings that share neighbours come to stand side by side, so that fewer edges cross the middle.
function besideTheLike(siblings) {
  const near = new Map(siblings.map((index) => [index, new Set(others(index))]));
  const rest = [...siblings], order = rest.splice(0, 1);
  while (rest.length) {
    const last = near.get(order.at(-1));
    const similarity = rest.map((index) => [...near.get(index)].filter((other) => last.has(other)).length);
    order.push(...rest.splice(similarity.indexOf(Math.max(...similarity)), 1));
  }
  return order;
}

// Units along the rings that each node and what hangs on it take; one outermost node takes one.
function sectorsOf({ depth, children }) {
  const sectors = new Map();
  for (const index of [...depth.keys()].sort((a, b) => depth.get(b) - depth.get(a))) {
    const below = children.get(index).reduce((sum, child) => sum + sectors.get(child), 0);
    sectors.set(index, Math.max(depth.get(index) === 1 ? 1.6 : 1, below ? below + 0.8 : 0));
  }
  return sectors;
}

function anglesOf(tree) {
  const { children } = tree, sectors = sectorsOf(tree), turn = (2 * Math.PI) / sectors.get(0), angles = new Map([[0, 0]]);
  const wide = (siblings) => siblings.reduce((sum, child) => sum + sectors.get(child), 0) * turn;
  for (let ring = [0]; ring.length; ring = ring.flatMap((index) => children.get(index))) {
    for (const index of ring) {
      const below = children.get(index), middle = angles.get(index);
      const siblings = index === 0 ? besideTheLike(below) : towardsTheirOthers(below, middle, angles);
      let from = index === 0 ? -Math.PI / 2 : middle - wide(siblings) / 2;
      for (const child of siblings) {
        angles.set(child, from + (sectors.get(child) * turn) / 2);
        from += sectors.get(child) * turn;
      }
    }
  }
  return angles;
}

// Of each ring, wide enough for its nodes side by side.
function radiiOf({ depth }, angles) {
  const rings = [[0]];
  for (const [index, ring] of depth) if (index !== 0) (rings[ring] ??= []).push(index);
  const size = (index) => drawnNode(index).data("size");
  const least = rings.reduce((radii, ring, at) => {
    if (at === 0) return [0];
    const sorted = ring.sort((a, b) => angles.get(a) - angles.get(b)), first = angles.get(sorted[0]) + 2 * Math.PI;
    const needed = sorted.map((index, place) => {
      const next = sorted[place + 1] ?? sorted[0], gap = (place + 1 < sorted.length ? angles.get(next) : first) - angles.get(index);
      return ((size(index) + size(next)) / 2 + 9) / gap;
    });
    return [...radii, Math.max(radii.at(-1) + RING_GAP, ...needed)];
  }, []);
  return least.map((radius, ring) => Math.max(radius, (0.85 * least.at(-1) * ring) / (rings.length - 1 || 1)));
}

function positionsInRings(tree) {
  const angles = anglesOf(tree), radii = radiiOf(tree, angles);
  const { wide, tall } = roomOf(), stretch = Math.min(Math.max(wide / tall, 0.75), 1.5); // fills a wide window
  return new Map([...angles].map(([index, angle]) => {
    const radius = radii[tree.depth.get(index)];
    return [index, { x: stretch * radius * Math.cos(angle), y: radius * Math.sin(angle) }];
  }));
}

// Children sorted by the side on which their other neighbours stand.
function towardsTheirOthers(siblings, middle, angles) {
  const side = (index) => drawnAround(index).filter((other) => other !== 0 && angles.has(other))
    .reduce((sum, other) => sum + Math.sin(angles.get(other) - middle), 0);
  const sides = new Map(siblings.map((index) => [index, side(index)]));
  return [...siblings].sort((a, b) => sides.get(a) - sides.get(b));
}

// Pixels for nodes; the rest is for labels beside them.
const roomOf = () => ({ wide: cy.width() - 2 * Math.min(150, cy.width() * 0.14), tall: cy.height() - 84 });

// Zoom and pan that show all positions.
function viewOf(positions) {
  const xs = [...positions.values()].map(({ x }) => x), ys = [...positions.values()].map(({ y }) => y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const { wide, tall } = roomOf(), zoom = Math.min(wide / Math.max(right - left, 1), tall / Math.max(bottom - top, 1), 1.4);
  return { zoom, pan: { x: cy.width() / 2 - (zoom * (left + right)) / 2, y: cy.height() / 2 - (zoom * (top + bottom)) / 2 } };
}
