// What page.py wrote into the page, and which of it is unfolded. Data becomes text only: textContent, never innerHTML.
"use strict";

const START = [1, 24, 32, 16]; // nodes of each hop that are unfolded at first
const LABEL_LENGTH = 26;
const SHAPES = {
  User: "ellipse", Product: "round-rectangle", Track: "round-rectangle", Post: "round-rectangle", Query: "round-triangle",
  Brand: "round-hexagon", Artist: "round-hexagon", Category: "diamond", Genre: "diamond", Tag: "diamond", Topic: "diamond",
};

const byId = (id) => document.getElementById(id);

// Where a browser shows no picture, the tables stay; view.js ends this once one is drawn.
function showTablesOnly() {
  document.documentElement.classList.remove("has-script");
  byId("tables").open = true;
}
addEventListener("error", showTablesOnly);

const { nodes, edges, colours } = JSON.parse(byId("data").textContent);
const around = nodes.map(() => []); // by node: {edge, other, outgoing}
edges.forEach((edge, index) => {
  around[edge.source].push({ edge: index, other: edge.target, outgoing: true });
  if (edge.source !== edge.target) around[edge.target].push({ edge: index, other: edge.source, outgoing: false });
});
const shown = nodes.map(() => false); // unfolded
const off = { labels: new Set(), types: new Set() }; // switched off in the legend
let selected = 0;

const isDrawn = (index) => shown[index] && !off.labels.has(nodes[index].label);
const isEdgeDrawn = (edge) => isDrawn(edge.source) && isDrawn(edge.target) && !off.types.has(edge.type);
const others = (index) => [...new Set(around[index].map((link) => link.other))].filter((other) => other !== index);
const numHidden = (index) => others(index).filter((other) => !shown[other]).length;

function unfoldStart() {
  shown[0] = true;
  const last = Math.max(...nodes.map((node) => node.hops));
  for (let hop = 1; hop <= last; hop++) {
    const near = nodes.map((_, index) => index).filter((i) => nodes[i].hops === hop && others(i).some((other) => shown[other]));
    near.slice(0, last === 1 ? 40 : START[hop] ?? START.at(-1)).forEach((i) => (shown[i] = true));
  }
}

// --- text

const segmenter = new Intl.Segmenter();

function shortened(text, most = LABEL_LENGTH) {
  const letters = [...segmenter.segment(text)];
  return letters.length <= most ? text : text.slice(0, letters[most - 1].index).trimEnd() + "…";
}

function element(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const spoken = (text) => element("bdi", { textContent: text });

function propertyList(properties) {
  const parts = Object.entries(properties).flatMap(([name, value]) => {
    const wide = value.length > 60 ? "wide" : "";
    return [
      element("dt", { textContent: name, className: wide }),
      element("dd", { textContent: value, className: wide, dir: "auto" }),
    ];
  });
  return element("dl", {}, parts);
}

function mark(label) {
  const dot = element("span", { className: `dot ${SHAPES[label] ?? "ellipse"}` });
  dot.style.background = colours[label];
  return dot;
}

const chip = (label) => element("span", { className: "chip" }, [mark(label), label]);
