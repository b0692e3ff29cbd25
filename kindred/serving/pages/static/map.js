// Names the point nearest to the pointer, the finger or the last one by arrow keys, and opens it; the list below the map
// does the same without a script.
"use strict";

const REACH = 24; // pixels on the screen: what a finger covers
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const map = document.getElementById("map"), named = document.getElementById("named"), hint = named.textContent;
const points = [...map.querySelectorAll("circle:not(.faint)")].map((circle) => {
  return { circle, x: circle.cx.baseVal.value, y: circle.cy.baseVal.value };
});
let chosen = null, pointer = "mouse";

const addressOf = ({ circle }) => `${map.dataset.item}?id=${encodeURIComponent(circle.dataset.id)}`;

function choose(point) {
  if (point === chosen) return;
  chosen?.circle.classList.remove("chosen");
  chosen = point;
  if (!point) return (named.textContent = hint);
  point.circle.classList.add("chosen");
  const link = document.createElement("a");
  [link.href, link.dir, link.textContent] = [addressOf(point), "auto", point.circle.firstElementChild.textContent];
  named.replaceChildren(link);
}

function best(costOf) {
  return points.map((point) => [costOf(point), point]).reduce((a, b) => (b[0] < a[0] ? b : a), [Infinity, null])[1];
}

function near(event) {
  const { left, top, width } = map.getBoundingClientRect(), scale = width / map.viewBox.baseVal.width;
  return best(({ x, y }) => {
    const away = Math.hypot(x * scale - (event.clientX - left), y * scale - (event.clientY - top));
    return away <= REACH ? away : Infinity;
  });
}

function beside({ x: fromX, y: fromY }, [right, down]) {
  return best(({ x, y }) => {
    const ahead = (x - fromX) * right + (y - fromY) * down, aside = Math.abs((x - fromX) * down + (y - fromY) * right);
    return ahead > 0 && aside <= ahead ? ahead + aside : Infinity;
  });
}

map.addEventListener("pointerdown", (event) => (pointer = event.pointerType));
map.addEventListener("pointermove", (event) => event.pointerType === "mouse" && choose(near(event)));
map.addEventListener("click", (event) => {
  choose(near(event));
  if (chosen && pointer === "mouse") location.assign(addressOf(chosen)); // a finger names it first, and opens it by its name
});
map.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && chosen) location.assign(addressOf(chosen));
  if (!(event.key in ARROWS)) return;
  event.preventDefault();
  const { width, height } = map.viewBox.baseVal, middle = { x: width / 2, y: height / 2 };
  named.setAttribute("aria-live", "polite");
  choose((chosen ? beside(chosen, ARROWS[event.key]) : best(({ x, y }) => Math.hypot(x - middle.x, y - middle.y))) ?? chosen);
});
map.tabIndex = 0;
map.setAttribute("role", "application"); // so that a screen reader leaves the arrow keys to it
