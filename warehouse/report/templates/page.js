"use strict";

// Data is gzipped JSON in base64, and is decompressed when it is first shown.
async function unpack(id) {
  const packed = document.getElementById(id).textContent;
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

const unpackedRows = new Map();
function rowsOf(name) {
  if (!unpackedRows.has(name)) unpackedRows.set(name, unpack(`rows-${name}`));
  return unpackedRows.get(name);
}

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

async function draw(place, onPaper = false) {
  const name = place.dataset.name;
  const [chart, columns] = await Promise.all([unpack(`chart-${name}`), rowsOf(name)]);
  const { config, ...plain } = chart;
  await vegaEmbed(place, { ...plain, datasets: { rows: records(columns) } }, {
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
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      watcher.unobserve(entry.target);
      draw(entry.target);
    }
  }
}, { rootMargin: "600px" });
places.forEach((place) => watcher.observe(place));
dark.addEventListener("change", () => places.filter((place) => place.dataset.drawn).forEach((place) => draw(place)));
window.addEventListener("beforeprint", () => places.forEach((place) => draw(place, true)));
window.addEventListener("afterprint", () => places.forEach((place) => draw(place)));

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

const search = document.getElementById("search");
const list = document.getElementById("list");
const found = document.getElementById("found");
const MOST_FACTS = 60;
let facts = null;
// What each number of an answer's "signals" is.
let signals = [];

function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

async function allFacts() {
  if (facts === null) {
    found.textContent = "Loading…";
    [facts, signals] = await Promise.all([unpack("rows-facts"), unpack("rows-signals")]);
    for (const [place, fact] of facts.entries()) {
      fact.place = place;
      const names = fact.languages.flatMap((entry) => [entry.subject, entry.object]);
      fact.text = folded([fact.fact, fact.relation, fact.fact_id, ...names].join("\n"));
    }
  }
  return facts;
}

let passages = null;
function passagesOf(fact) {
  passages ??= unpack("rows-passages");
  return passages.then((all) => all[fact.place]);
}

function probableRoot(answer) {
  const parts = [`most probable root: ${answer.likely.replaceAll("_", " ")}`];
  if (answer.probability !== null) parts[0] += ` (${answer.probability.toFixed(2)})`;
  if (answer.sources.length) parts.push(`sources: ${answer.sources.join(" ")}`);
  const signs = signals.map((name, place) => [name, answer.signals?.[place] ?? 0]).filter(([, value]) => value);
  const listed = (wanted) =>
    signs.filter(([, value]) => Math.sign(value) === wanted)
      .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))
      .map(([name, value]) => `${name} ${value > 0 ? "+" : ""}${value}`)
      .join(", ");
  if (listed(1)) parts.push(`more probably right without its own text: ${listed(1)}`);
  if (listed(-1)) parts.push(`less probably: ${listed(-1)}`);
  return parts.join("; ");
}

function factTable(fact, read) {
  const table = element("table");
  table.append(element("caption", "Languages in which at least one model is right"));
  const head = table.createTHead().insertRow();
  for (const name of ["language", "fact", "stated?", "models: answer, root", "evidence"]) {
    const cell = element("th", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const [place, entry] of fact.languages.entries()) {
    const line = body.insertRow();
    const language = element("th", entry.language);
    language.scope = "row";
    line.append(language);
    const names = element("td", `${entry.subject} – ${entry.object}`);
    names.dir = "auto";
    names.lang = entry.language;
    line.append(names);
    line.append(element("td", entry.stated ?? "not traced"));
    const answers = element("td");
    for (const answer of entry.answers) {
      const parts = [answer.text === null ? "right" : `wrong: “${answer.text}”`];
      if (answer.likely) parts.push(probableRoot(answer));
      if (answer.root) parts.push(`paper's rule: ${answer.root}`);
      if (answer.shared && answer.shared.length) parts.push(`shares neurons with ${answer.shared.join(" ")}`);
      const text = element("div", `${answer.model}: ${parts.join(", ")}`);
      text.dir = "auto";
      answers.append(text);
    }
    line.append(answers);
    const [title, passage] = read[place];
    const evidence = element("td", passage ? `${title}: ${passage}` : "");
    evidence.dir = "auto";
    evidence.lang = entry.language;
    line.append(evidence);
  }
  return table;
}

async function show() {
  const wanted = folded(search.value.trim());
  const all = await allFacts();
  const hits = wanted ? all.filter((fact) => fact.text.includes(wanted)) : all;
  const more = hits.length > MOST_FACTS ? `; the first ${MOST_FACTS} are listed` : "";
  found.textContent = `${hits.length.toLocaleString("en")} ${hits.length === 1 ? "fact" : "facts"}${more}`;
  list.replaceChildren(...hits.slice(0, MOST_FACTS).map((fact) => {
    const details = element("details");
    const summary = element("summary");
    const name = element("bdi", fact.fact);
    summary.append(name, element("span", ` · ${fact.relation} · right in ${fact.languages.length} ${fact.languages.length === 1 ? "language" : "languages"}`, "relation"));
    details.append(summary);
    details.addEventListener("toggle", async () => {
      if (details.open && details.children.length === 1) {
        const place = element("div", null, "table");
        place.tabIndex = 0;
        place.setAttribute("role", "region");
        place.setAttribute("aria-label", `Languages that know ${fact.fact}`);
        details.append(place);
        place.append(factTable(fact, await passagesOf(fact)));
        for (const [label, codes] of [["Stated, but no model is right", fact.unlearned], ["Not known to be stated, and no model is right", fact.unknown]]) {
          if (codes && codes.length) place.append(element("p", `${label}: ${codes.join(" ")}`));
        }
      }
    });
    return details;
  }));
  list.setAttribute("aria-busy", "false");
}

let waiting;
search.addEventListener("input", () => {
  list.setAttribute("aria-busy", "true");
  clearTimeout(waiting);
  waiting = setTimeout(show, 150);
});
search.addEventListener("focus", () => { if (facts === null) show(); });
new IntersectionObserver((entries, watch) => {
  if (entries.some((entry) => entry.isIntersecting)) {
    watch.disconnect();
    show();
  }
}).observe(list.parentElement);
