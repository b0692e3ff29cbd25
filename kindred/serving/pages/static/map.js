// Names the point under the pointer and opens it on a click; the list below the map does the same without a script.
"use strict";

const map = document.getElementById("map"), named = document.getElementById("named"), hint = named.textContent;

map.addEventListener("pointerover", ({ target }) => {
  named.textContent = target.dataset.id ? target.firstElementChild.textContent : hint;
});
map.addEventListener("pointerleave", () => (named.textContent = hint));
map.addEventListener("click", ({ target }) => {
  if (target.dataset.id) location.assign(`${map.dataset.item}?id=${encodeURIComponent(target.dataset.id)}`);
});
