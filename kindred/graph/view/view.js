// Shows the graph and answers to people; model.js holds the graph, layout.js says where nodes stand.
"use strict";

const FONT = 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const FONT_SIZE = 12.5; // pixels on the screen, at any zoom
const GAP = 6; // pixels between a node and its label

// --- drawing

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function drawingStyle() {
  const [background, ink, soft, line, focus] = ["background", "ink", "soft", "edge", "focus"].map(colour);
  return [
    { selector: "node", style: {
      shape: "data(shape)", width: "data(size)", height: "data(size)", "background-color": "data(colour)",
      "border-width": 1.5, "border-color": background, label: "data(text)", color: ink, "font-family": FONT,
      "text-valign": "data(vertical)", "text-halign": "data(horizontal)", "text-margin-x": "data(aside)", "text-margin-y": "data(down)", "overlay-opacity": 0,
      "text-outline-color": background,
    } },
    { selector: "node.more", style: { "outline-width": 1.5, "outline-offset": 2, "outline-style": "dashed", "outline-color": soft } },
    { selector: "node.middle", style: { "border-width": 3, "border-color": ink } },
    { selector: "edge", style: {
      width: "data(width)", "line-color": line, "target-arrow-color": line, "target-arrow-shape": "triangle",
      "arrow-scale": 0.7, "curve-style": "bezier", "control-point-step-size": 18, opacity: "data(opacity)", "overlay-opacity": 0,
    } },
    { selector: "edge[times > 1]", style: {
      label: "data(said)", color: ink, "font-family": FONT, "text-background-color": background, "text-background-opacity": 0.85, "text-background-padding": 1,
    } },
    { selector: "node:selected, node.found", style: { "border-width": 4, "border-color": focus } },
    { selector: ".dim", style: { opacity: 0.15 } },
    { selector: "edge.lit", style: { "line-color": focus, "target-arrow-color": focus, opacity: 0.95, "z-index": 5 } },
    { selector: ".hidden", style: { display: "none" } },
  ];
}

function elementsOf() {
  const drawnNodes = nodes.map((node, index) => ({
    data: {
      id: `n${index}`, index, shape: SHAPES[node.label] ?? "ellipse", colour: colours[node.label], text: "",
      size: Math.min(13 + 4 * Math.sqrt(others(index).length), 38) + (index === 0 ? 8 : 0),
      vertical: "bottom", horizontal: "center", aside: 0, down: 0,
    },
    classes: index === 0 ? "middle" : "",
  }));
  const drawnEdges = edges.map((edge, index) => ({
    data: { id: `e${index}`, index, source: `n${edge.source}`, target: `n${edge.target}`, width: edge.width, opacity: 0.6, times: edge.times, said: `×${edge.times}` },
  }));
  return [...drawnNodes, ...drawnEdges];
}

document.documentElement.classList.add("has-script");
byId("panel").tabIndex = -1;
byId("tables").open = false;
unfoldStart();
cytoscape.warnings(false); // of edges between nodes that are not unfolded yet, and lie on each other
const cy = cytoscape({
  container: byId("graph"), elements: elementsOf(), style: drawingStyle(), layout: { name: "preset" },
  minZoom: 0.02, maxZoom: 5, selectionType: "single", boxSelectionEnabled: false,
});
const drawnNode = (index) => cy.getElementById(`n${index}`);
const drawnEdge = (index) => cy.getElementById(`e${index}`);

// --- what is seen

const isCalm = matchMedia("(prefers-reduced-motion: reduce)");

function move(positions, animated) {
  const duration = animated && !isCalm.matches ? 350 : 0;
  cy.stop(true).nodes().stop(true);
  if (!duration) {
    for (const [index, position] of positions) drawnNode(index).position(position);
    cy.viewport(viewOf(positions));
    return labelSoon();
  }
  for (const [index, position] of positions) drawnNode(index).animate({ position }, { duration });
  cy.animate({ ...viewOf(positions) }, { duration, complete: labelSoon });
}

function redraw(animated) {
  const tree = treeOf(), { parent, children } = tree;
  const isAcross = (edge) => parent.get(edge.source) !== edge.target && parent.get(edge.target) !== edge.source;
  const numAcross = edges.filter((edge) => isEdgeDrawn(edge) && isAcross(edge)).length;
  const faint = Math.min(0.3, Math.max(0.09, 20 / numAcross)); // many edges across must not hide the rest
  cy.batch(() => {
    nodes.forEach((_, index) => {
      drawnNode(index).toggleClass("hidden", !isDrawn(index)).toggleClass("more", numHidden(index) > 0);
      drawnNode(index).data("isOuter", index !== 0 && !children.get(index)?.length);
    });
    edges.forEach((edge, index) => {
      drawnEdge(index).toggleClass("hidden", !isEdgeDrawn(edge)).data("opacity", isAcross(edge) ? faint : 0.6);
    });
  });
  move(positionsInRings(tree), animated);
  showLegend();
  byId("expand").disabled = numHidden(selected) === 0;
  byId("expand-all").disabled = shown.every(Boolean);
}

function unfold(index) {
  others(index).forEach((other) => (shown[other] = true));
  redraw(true);
}

// --- labels: of constant size on the screen, and only where they cover nothing; zooming in shows more

const pen = document.createElement("canvas").getContext("2d");
pen.font = `${FONT_SIZE}px ${FONT}`;
const lengths = new Map(); // text → pixels

function lengthOf(text) {
  if (!lengths.has(text)) lengths.set(text, pen.measureText(text).width);
  return lengths.get(text);
}

function textOf(index) {
  const hidden = numHidden(index);
  return shortened(nodes[index].caption) + (hidden ? `  +${hidden}` : "");
}

const leaves = (box) => box.left < 2 || box.top < 2 || box.right > cy.width() - 2 || box.bottom > cy.height() - 2;
const overlaps = (a, b) => a.left < b.right + 4 && b.left < a.right + 4 && a.top < b.bottom && b.top < a.bottom;

const outerHalf = (node) => node.renderedOuterWidth() / 2 + (node.hasClass("more") ? 3.5 * cy.zoom() : 0);

// Where a label of that length may stand: beside the node, away from the middle first; below; above.
function spotsOf(node, length) {
  const { x, y } = node.renderedPosition(), half = outerHalf(node) + GAP, tall = FONT_SIZE * 1.25;
  const box = (left, top, vertical, horizontal) => ({ left, top, right: left + length, bottom: top + tall, vertical, horizontal });
  const right = box(x + half, y - tall / 2, "center", "right"), left = box(x - half - length, y - tall / 2, "center", "left");
  const below = box(x - length / 2, y + half, "bottom", "center"), above = box(x - length / 2, y - half - tall, "top", "center");
  const { x: toRight, y: down } = node.position();
  const sides = toRight >= 0 ? [right, left] : [left, right], ends = down >= 0 ? [below, above] : [above, below];
  const isBeside = Math.abs(toRight) > Math.abs(down) * 0.7;
  if (node.data("isOuter")) return isBeside ? [sides[0], ends[0]] : [ends[0], sides[0]]; // away from the drawing
  return isBeside ? [sides[0], ...ends, sides[1]] : [...ends, ...sides];
}

const MARGINS = { // of a label, by where it stands
  rightcenter: (gap) => ({ aside: gap, down: 0 }), leftcenter: (gap) => ({ aside: -gap, down: 0 }),
  centerbottom: (gap) => ({ aside: 0, down: gap }), centertop: (gap) => ({ aside: 0, down: -gap }),
};

function label() {
  const zoom = cy.zoom(), taken = [], drawn = nodes.flatMap((_, index) => (isDrawn(index) ? [drawnNode(index)] : []));
  for (const node of drawn) {
    const { x, y } = node.renderedPosition(), half = outerHalf(node);
    taken.push({ left: x - half, right: x + half, top: y - half, bottom: y + half, node });
  }
  const weight = (node) => (node.selected() || node.hasClass("found") || node.hasClass("hovered") ? 1e6 : 0)
    - 1e3 * nodes[node.data("index")].hops + node.data("size");
  const ordered = drawn.sort((a, b) => weight(b) - weight(a));
  cy.batch(() => {
    for (const node of ordered) {
      const text = textOf(node.data("index"));
      const spot = spotsOf(node, lengthOf(text)).find((box) => !leaves(box) && !taken.some((other) => other.node !== node && overlaps(box, other)));
      if (spot) taken.push({ ...spot, node: null });
      const { vertical = "bottom", horizontal = "center" } = spot ?? {};
      node.data({ text: spot ? text : "", vertical, horizontal, ...MARGINS[horizontal + vertical](GAP / zoom + (node.hasClass("more") ? 3.5 : 0)) });
    }
    cy.nodes().style({ "font-size": FONT_SIZE / zoom, "text-outline-width": 2.5 / zoom });
    cy.edges("[times > 1]").style({ "font-size": 10.5 / zoom });
  });
}

let waiting = 0;
function labelSoon() {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(label);
}

// --- legend

function legendButton(set, name, sign, count) {
  const button = element("button", { type: "button", title: `Show or hide ${name}` }, [
    sign, element("span", { textContent: name }), element("span", { className: "count", textContent: count }),
  ]);
  button.setAttribute("aria-pressed", String(!set.has(name)));
  button.addEventListener("click", () => {
    if (!set.delete(name)) set.add(name);
    redraw(true);
    [...byId("legend").querySelectorAll("button")].find((other) => other.title === button.title)?.focus();
  });
  return button;
}

const written = (number) => number.toLocaleString("en");

function showLegend() {
  const counted = (names) => names.reduce((counts, [name, times]) => counts.set(name, (counts.get(name) ?? 0) + times), new Map());
  const labels = [...counted(nodes.map((node) => [node.label, 1]))].map(([name, all]) => {
    const open = nodes.filter((node, index) => node.label === name && shown[index]).length;
    return legendButton(off.labels, name, mark(name), open < all ? `${written(open)} of ${written(all)}` : written(all));
  });
  const types = [...counted(edges.map((edge) => [edge.type, edge.times]))].map(([name, all]) =>
    legendButton(off.types, name, element("span", { className: "dash" }), written(all)));
  byId("legend").replaceChildren(...labels, ...(types.length ? [element("hr"), ...types] : []));
}

// --- side panel

function neighbourButton({ edge, other, outgoing }) {
  const { properties, times } = edges[edge];
  const said = [...(times > 1 ? [`×${times}`] : []), ...["rating", "count", "plays", "action", "probability"].filter((name) => name in properties).map((name) => (name === "rating" ? `${properties[name]} ★` : `${name} ${properties[name]}`))];
  const button = element("button", { type: "button" }, [
    mark(nodes[other].label), spoken(shortened(nodes[other].caption, 80)), element("small", { textContent: [...said, (properties.at ?? "").slice(0, 10)].filter(Boolean).join(" · ") }),
  ]);
  button.title = outgoing ? "outgoing" : "incoming";
  button.addEventListener("click", () => {
    shown[other] || reveal(other);
    select(other);
    centre(other);
    byId("panel").focus(); // the button is gone
  });
  return element("li", {}, [button]);
}

const newestFirst = (links) => [...links].sort((a, b) => (edges[b.edge].properties.at ?? "").localeCompare(edges[a.edge].properties.at ?? ""));

function showPanel() {
  const node = nodes[selected];
  const facts = propertyList({ id: node.id, ...node.properties });
  const groups = Map.groupBy(newestFirst(around[selected]), (link) => `${link.outgoing ? "" : "← "}${edges[link.edge].type}${link.outgoing ? " →" : ""}`);
  const lists = [...groups].flatMap(([title, links]) => [
    element("h3", { textContent: `${title}  ${links.length}` }), element("ul", {}, links.map(neighbourButton)),
  ]);
  const hint = element("p", { className: "hint", textContent: "Click a node to see it here; double click shows what is hidden around it (+n)." });
  byId("panel").replaceChildren(chip(node.label), element("h2", { textContent: node.caption, dir: "auto" }), facts, ...lists, hint);
  byId("panel").scrollTop = 0;
}

function select(index) {
  selected = index;
  cy.batch(() => {
    cy.elements().unselect().removeClass("lit");
    drawnNode(index).select().connectedEdges().addClass("lit");
  });
  byId("expand").disabled = numHidden(index) === 0;
  showPanel();
  labelSoon();
}

function reveal(index) {
  shown[index] = true;
  redraw(false);
}

const centre = (index) => cy.animate({ center: { eles: drawnNode(index) }, duration: 250 });

// --- search

let found = [], next = 0;

function search(text) {
  const wanted = text.trim().toLowerCase(); // "" finds nothing and dims nothing
  const has = (node) => [node.caption, node.id, ...Object.values(node.properties)].some((value) => value.toLowerCase().includes(wanted));
  found = wanted ? nodes.flatMap((node, index) => (has(node) ? [index] : [])) : [];
  next = 0;
  const isFound = new Set(found);
  const isDim = (...ends) => wanted !== "" && !ends.some((index) => isFound.has(index));
  cy.batch(() => {
    nodes.forEach((_, index) => drawnNode(index).toggleClass("found", isFound.has(index)).toggleClass("dim", isDim(index)));
    edges.forEach(({ source, target }, index) => drawnEdge(index).toggleClass("dim", isDim(source, target)));
  });
  byId("matches").textContent = wanted ? `${found.length} found` : "";
  labelSoon();
}

function nextFound() {
  if (!found.length) return;
  const index = found[next++ % found.length];
  byId("matches").textContent = `${((next - 1) % found.length) + 1} of ${found.length}`;
  off.labels.delete(nodes[index].label);
  if (!isDrawn(index) || drawnNode(index).hasClass("hidden")) reveal(index);
  select(index);
  centre(index);
}

// --- tip

function showTip(event, head, properties) {
  const tip = byId("tip"), { x, y } = event.renderedPosition;
  tip.replaceChildren(head, propertyList(properties));
  tip.hidden = false;
  tip.style.left = `${Math.max(6, Math.min(x + 16, cy.width() - tip.offsetWidth - 6))}px`;
  tip.style.top = `${Math.max(6, Math.min(y + 16, cy.height() - tip.offsetHeight - 6))}px`;
}

function nodeTip(event) {
  const node = nodes[event.target.data("index")];
  showTip(event, element("p", {}, [chip(node.label), " ", spoken(node.caption)]), { id: node.id, ...node.properties });
}

function edgeTip(event) {
  const edge = edges[event.target.data("index")];
  const head = [spoken(nodes[edge.source].caption), ` ${edge.type} → `, spoken(nodes[edge.target].caption)];
  showTip(event, element("p", {}, head), edge.properties);
}

// --- what people do

function savePicture() {
  const picture = cy.png({ output: "blob", scale: 2, bg: colour("background") });
  const link = element("a", { href: URL.createObjectURL(picture), download: "graph.png" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

cy.on("mouseover", "node", nodeTip);
cy.on("mouseover", "edge", edgeTip);
cy.on("mouseout drag pan zoom", () => (byId("tip").hidden = true));
cy.on("tap", "node", (event) => select(event.target.data("index")));
cy.on("dbltap", "node", (event) => unfold(event.target.data("index")));
cy.on("viewport dragfree resize", labelSoon);
byId("search").addEventListener("input", (event) => search(event.target.value));
byId("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") nextFound();
  if (event.key === "Escape") search((event.target.value = ""));
});
byId("expand").addEventListener("click", () => unfold(selected));
byId("expand-all").addEventListener("click", () => shown.fill(true) && redraw(true));
byId("fit").addEventListener("click", () => move(positionsInRings(treeOf()), true));
byId("save").addEventListener("click", savePicture);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => cy.style(drawingStyle()) && label());

redraw(false);
select(0);
removeEventListener("error", showTablesOnly);
