// Tables that sort, charts that answer, pictures one by one. Everything stands in this page; nothing is asked for.
"use strict";

function sortBy(header) {
  const table = header.closest("table"), body = table.tBodies[0];
  const column = [...header.parentNode.children].indexOf(header);
  const descending = header.getAttribute("aria-sort") === (header.classList.contains("number") ? "none" : "ascending");
  for (const other of header.parentNode.children) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const sign = descending ? -1 : 1;
  const key = (row) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === "" || y === "") return (x === "") - (y === "");  // unknown values stay last
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
  };
  body.append(...[...body.rows].sort(compare));
}

for (const header of document.querySelectorAll("th[aria-sort]")) {
  header.querySelector("button").addEventListener("click", () => sortBy(header));
}

const specifications = document.getElementById("specifications");
if (specifications) drawCharts(JSON.parse(specifications.textContent));
if (document.getElementById("slides")) showGallery();

function drawCharts(all) {
  const options = { mode: "vega-lite", renderer: "svg", actions: false };
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const specs = all[figure.dataset.chart], views = [];
    const draw = (place, spec) => vegaEmbed(place, spec, options).then((made) => views.push(made.view));
    const choose = figure.querySelector(".choose");
    if (choose) {
      const place = figure.querySelector(".view");
      while (choose.options.length > specs.length) choose.remove(specs.length);
      choose.addEventListener("change", () => draw(place, specs[choose.value]));
      draw(place, specs[0]);
      continue;
    }
    for (const place of figure.querySelectorAll("[data-panel]")) draw(place, specs[place.dataset.panel]);
    const buttons = [...figure.querySelectorAll(".legend button")];
    for (const button of buttons) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        const hidden = buttons.filter((b) => b.getAttribute("aria-pressed") !== "true").map((b) => b.dataset.label);
        for (const view of views) view.signal("hidden", hidden).runAsync();
      });
    }
  }
}

function showGallery() {
  const slides = [...document.querySelectorAll(".slide")];
  const filters = ["part", "class", "rank"].map((name) => document.getElementById(`gallery-${name}`));
  const [part, label, rank] = filters;
  const fits = (slide) => (!part.value || slide.dataset.part === part.value)
    && (!label.value || JSON.parse(slide.dataset.classes).includes(label.value))
    && (!rank || !rank.value || slide.dataset.rank === rank.value);
  let chosen = slides, place = 0;
  const show = () => {
    for (const slide of slides) slide.hidden = slide !== chosen[place];
    document.getElementById("gallery-empty").hidden = chosen.length > 0;
    document.getElementById("gallery-place").textContent = chosen.length ? `${place + 1} of ${chosen.length}` : "none";
  };
  const move = (step) => { place = (place + step + chosen.length) % Math.max(1, chosen.length); show(); };
  for (const filter of filters.filter(Boolean)) {
    filter.addEventListener("change", () => { chosen = slides.filter(fits); place = 0; show(); });
  }
  document.getElementById("gallery-previous").addEventListener("click", () => move(-1));
  document.getElementById("gallery-next").addEventListener("click", () => move(1));
  document.getElementById("slides").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { event.preventDefault(); move(step); }
  });
  show();
}
