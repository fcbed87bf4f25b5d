"use strict";

// Data is gzipped JSON in base64, and is decompressed when it is first shown.
async function unpack(id) {
  const packed = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// Unpacks what is shown repeatedly only once.
const unpackedParts = new Map();
function unpacked(id) {
  if (!unpackedParts.has(id)) unpackedParts.set(id, unpack(id));
  return unpackedParts.get(id);
}
const rowsOf = (name) => unpacked(`rows-${name}`);

function records(columns) {
  const names = Object.keys(columns);
  return columns[names[0]].map((_, row) =>
    Object.fromEntries(names.map((name) => [name, columns[name][row]])));
}

const dark = matchMedia("(prefers-color-scheme: dark)");

function theme(onPaper) {
  const isDark = dark.matches && !onPaper;
  const ink = isDark ? "#ececec" : "#1a1a1a";
  const line = isDark ? "#4a4f57" : "#d0d0d0";
  const font = 'system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif';
  return {
    aria: false, background: null, font, view: { stroke: line },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, labelOverlap: true },
    legend: { labelColor: ink, titleColor: ink }, header: { labelColor: ink, titleColor: ink },
    title: { color: ink }, text: { fill: ink },
  };
}

// Place of a figure → function that returns its chart and its rows.
const sources = new Map();

const modelSwitch = document.getElementById("model");

// A figure of one model shows the chosen one, or the first that it has.
function modelShown(rows) {
  const models = [...new Set(rows.map((row) => row.model_id))].sort();
  return models.includes(modelSwitch?.value) ? modelSwitch.value : models[0];
}

async function draw(place, onPaper = false) {
  const [chart, rows] = await sources.get(place)();
  const { config, params = [], ...plain } = chart;
  const isSwitched = params.some((param) => param.name === "model");
  const shown = isSwitched ? modelShown(rows) : null;
  for (const words of place.closest("figure")?.querySelectorAll(".counts") ?? []) {
    words.hidden = isSwitched && words.dataset.model !== shown;
  }
  const chosen = params.map((param) => (param.name === "model" ? { ...param, value: shown } : param));
  const drawn = isSwitched ? rows.filter((row) => row.model_id === shown) : rows;
  await vegaEmbed(place, { ...plain, params: chosen, datasets: { rows: drawn } }, {
    renderer: "svg", actions: false, config: theme(onPaper),
  });
  const svg = place.querySelector("svg");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", place.dataset.sentence);
  // Screen readers get one named picture; the table below has its data, row by row.
  for (const part of svg.children) part.setAttribute("aria-hidden", "true");
  place.dataset.drawn = "yes";
}

const places = [...document.querySelectorAll(".chart")];
for (const place of places) {
  const name = place.dataset.name;
  sources.set(place, async () => {
    const [chart, columns] = await Promise.all([unpacked(`chart-${name}`), rowsOf(name)]);
    return [chart, records(columns)];
  });
}
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      watcher.unobserve(entry.target);
      draw(entry.target);
    }
  }
}, { rootMargin: "600px" });
places.forEach((place) => watcher.observe(place));
const drawnNow = () => [...document.querySelectorAll(".chart[data-drawn]")].filter((place) => sources.has(place));
// Figures that the reader has not seen yet are printed, too, but not those behind the page of a fact.
const printed = () => (document.body.classList.contains("one-fact") ? drawnNow().filter((place) => !places.includes(place)) : places);
modelSwitch?.addEventListener("change", () => drawnNow().forEach((place) => draw(place)));
dark.addEventListener("change", () => drawnNow().forEach((place) => draw(place)));
window.addEventListener("beforeprint", () => printed().forEach((place) => draw(place, true)));
window.addEventListener("afterprint", () => printed().forEach((place) => draw(place)));

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function shown(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && !Number.isInteger(value)) return value.toPrecision(4);
  return typeof value === "number" ? value.toLocaleString("en") : String(value);
}

const MOST_ROWS = 500;
document.querySelectorAll("details.rows").forEach((details) => details.addEventListener("toggle", async () => {
  const place = details.querySelector(".table");
  if (!details.open || place.firstChild) return;
  const columns = await rowsOf(details.closest("figure").id);
  const names = Object.keys(columns);
  const table = element("table");
  const head = table.createTHead().insertRow();
  for (const name of names) {
    const cell = element("th", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  const count = columns[names[0]].length;
  for (let row = 0; row < Math.min(count, MOST_ROWS); row += 1) {
    const line = body.insertRow();
    for (const name of names) {
      const value = columns[name][row];
      const cell = element("td", shown(value), typeof value === "number" ? "number" : "");
      cell.dir = "auto";
      line.append(cell);
    }
  }
  if (count > MOST_ROWS) place.append(element("p", `The first ${MOST_ROWS} of ${count.toLocaleString("en")} rows; the query returns all.`));
  place.append(table);
}));
