// The list of facts with its filters, and the page of one fact: #fact=ID.

const factPlaces = new Map();
let factIndex = null;
// Names in all languages, folded for the search; made when it is first used.
let searchTexts = null;
const MOST_FACTS = 60;
const RIGHT = 48;

async function loadFacts() {
  if (factIndex === null) {
    factIndex = await unpack("rows-facts");
    factIndex.id.forEach((id, place) => factPlaces.set(id, place));
  }
  return factIndex;
}

// A state is a character: "-" not asked, "." wrong, else right with its two roots.
function stateOf(text, place) {
  const code = text.charCodeAt(place) - RIGHT;
  return {
    asked: text[place] !== "-",
    right: code >= 0,
    calibrated: code >= 0 ? Math.floor(code / 6) : 0,
    paper: code >= 0 ? code % 6 : 0,
  };
}

const rootName = (rule, place) => factIndex.roots[rule][place - 1].replaceAll("_", " ");

function packedPart(kind, place) {
  const chunk = Math.floor(place / factIndex.chunk);
  const id = `${kind}-${chunk}`;
  if (document.getElementById(id) === null) return Promise.resolve(null);
  return unpacked(id).then((part) => part[place % factIndex.chunk]);
}

async function loadSearchTexts() {
  if (searchTexts === null) {
    const { id, name, relation } = factIndex;
    searchTexts = id.map((own, place) => folded([own, name[place], relation[place]].join("\n")));
    for (const script of document.querySelectorAll("script[id^=names-]")) {
      const start = Number(script.id.slice("names-".length)) * factIndex.chunk;
      for (const [place, names] of (await unpack(script.id)).entries()) {
        searchTexts[start + place] += `\n${folded([...new Set(names.flat())].join("\n"))}`;
      }
    }
  }
  return searchTexts;
}

function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

const filters = Object.fromEntries(
  ["relation", "language", "model", "root", "differs", "pair"].map((name) => [name, document.getElementById(`filter-${name}`)]),
);
const search = document.getElementById("search");
const list = document.getElementById("list");
const found = document.getElementById("found");
const more = document.getElementById("more");

function addOptions(select, options, label) {
  const place = label ? select.appendChild(document.createElement("optgroup")) : select;
  if (label) place.label = label;
  for (const [value, text] of options) {
    const option = element("option", text);
    option.value = value;
    place.append(option);
  }
}

function fillFilters() {
  const { relation, languages, models, roots } = factIndex;
  addOptions(filters.relation, [...new Set(relation)].sort().map((name) => [name, name]));
  addOptions(filters.language, languages.map(([, name], place) => [place, name]));
  addOptions(filters.model, models.map(([name], place) => [place, name]));
  const ruled = (rule) => roots[rule].map((name, place) => [`${rule}:${place + 1}`, name.replaceAll("_", " ")]);
  addOptions(filters.root, ruled("calibrated"), "root by the calibrated rule");
  addOptions(filters.root, ruled("paper"), "root by the paper's rule");
  models.forEach(([a], first) => models.slice(first + 1).forEach(([b], second) =>
    addOptions(filters.pair, [[`${first} ${first + 1 + second}`, `${a} and ${b}`]])));
  for (const name of ["differs", "pair"]) filters[name].closest("label").hidden = models.length < 2;
}

function answerTest(value) {
  if (value === "right") return (state) => state.right;
  if (value === "wrong") return (state) => state.asked && !state.right;
  const [rule, place] = value.split(":");
  return (state) => state[rule] === Number(place);
}

function differenceTest(kind) {
  if (kind === "right") return (a, b) => a.asked && b.asked && a.right !== b.right;
  return (a, b) => a.right && b.right && a[kind] !== b[kind];
}

// Whether a fact's states pass the filters of language, model, root and difference.
function statesTest() {
  const { languages, models } = factIndex;
  const every = (count) => [...Array(count).keys()];
  const chosen = (select, count) => (select.value === "" ? every(count) : [Number(select.value)]);
  const places = chosen(filters.language, languages.length);
  const asked = chosen(filters.model, models.length);
  const tests = [];
  const wanted = filters.root.value || (filters.language.value || filters.model.value ? "right" : "");
  if (wanted) {
    const test = answerTest(wanted);
    tests.push((states) => asked.some((model) => places.some((place) => test(stateOf(states[model], place)))));
  }
  if (filters.differs.value) {
    const test = differenceTest(filters.differs.value);
    const pairs = filters.pair.value
      ? [filters.pair.value.split(" ").map(Number)]
      : every(models.length).flatMap((a) => every(a).map((b) => [b, a]));
    tests.push((states) => pairs.some(([a, b]) =>
      places.some((place) => test(stateOf(states[a], place), stateOf(states[b], place)))));
  }
  return (states) => tests.every((test) => test(states));
}

function rightCount(states) {
  let count = 0;
  for (let place = 0; place < states[0].length; place += 1) {
    if (states.some((text) => text.charCodeAt(place) >= RIGHT)) count += 1;
  }
  return count;
}

let shownFacts = MOST_FACTS;
async function show() {
  if (factIndex === null) {
    found.textContent = "Loading…";
    await loadFacts();
    fillFilters();
  }
  const wanted = folded(search.value.trim());
  const texts = wanted ? await loadSearchTexts() : null;
  const { id, name, relation, states } = factIndex;
  const test = statesTest();
  const hits = [...id.keys()].filter((place) =>
    (!wanted || texts[place].includes(wanted))
    && (!filters.relation.value || relation[place] === filters.relation.value)
    && test(states[place]));
  found.textContent = `${hits.length.toLocaleString("en")} ${hits.length === 1 ? "fact" : "facts"}`;
  list.replaceChildren(...hits.slice(0, shownFacts).map((place) => {
    const item = element("li");
    const link = element("a");
    link.href = `#fact=${encodeURIComponent(id[place])}`;
    link.append(element("bdi", name[place]));
    const count = rightCount(states[place]);
    item.append(link, element("span", ` · ${relation[place]} · right in ${count} ${count === 1 ? "language" : "languages"}`, "relation"));
    return item;
  }));
  more.hidden = hits.length <= shownFacts;
  list.setAttribute("aria-busy", "false");
}

let waiting;
function showSoon() {
  list.setAttribute("aria-busy", "true");
  shownFacts = MOST_FACTS;
  clearTimeout(waiting);
  waiting = setTimeout(show, 150);
}
search.addEventListener("input", showSoon);
Object.values(filters).forEach((select) => select.addEventListener("change", showSoon));
more.addEventListener("click", () => {
  shownFacts += MOST_FACTS;
  show();
});
new IntersectionObserver((entries, watch) => {
  if (entries.some((entry) => entry.isIntersecting)) {
    watch.disconnect();
    show();
  }
}).observe(list.parentElement);

// The page of one fact.

const factPlace = document.getElementById("fact");

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// A passage with the names in it marked: as whole words, or where no word has them, anywhere.
function marked(passage, names) {
  const place = document.createDocumentFragment();
  const word = "[\\p{L}\\p{M}\\p{N}]";
  const patterns = [...new Set(names.filter(Boolean))].sort((a, b) => b.length - a.length).map((name) => {
    const whole = `(?<!${word})${escaped(name)}(?!${word})`;
    return new RegExp(whole, "iu").test(passage) ? whole : escaped(name);
  });
  if (!patterns.length) return document.createTextNode(passage);
  let end = 0;
  for (const hit of passage.matchAll(new RegExp(patterns.join("|"), "giu"))) {
    place.append(passage.slice(end, hit.index), element("mark", hit[0]));
    end = hit.index + hit[0].length;
  }
  place.append(passage.slice(end));
  return place;
}

const probability = (value) => (value === null || value === undefined ? "" : ` (p ${value.toFixed(2).replace(/^0/, "")})`);

function signalWords(values) {
  const signs = factIndex.signals.map((name, place) => [name, values?.[place] ?? 0]).filter(([, value]) => value);
  const listed = (sign) => signs.filter(([, value]) => Math.sign(value) === sign)
    .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))
    .map(([name, value]) => `${name} ${value > 0 ? "+" : ""}${value}`).join(", ");
  return [
    listed(1) && `More probably right without its own text: ${listed(1)}`,
    listed(-1) && `Less probably: ${listed(-1)}`,
  ].filter(Boolean);
}

function answerCell(state, wrong, root) {
  const cell = element("td");
  cell.dir = "auto";
  if (!state.asked) {
    cell.append("not asked");
  } else if (!state.right) {
    cell.append(element("span", "wrong", "wrong"), wrong === undefined ? "" : `: “${wrong}”`);
  } else {
    const [calibrated, paper, sources, shared, signals] = root ?? [];
    cell.append(element("span", "right", "right"));
    if (state.calibrated) {
      const from = sources?.length ? `, from ${sources.join(", ")}` : "";
      cell.append(element("div", rootName("calibrated", state.calibrated) + probability(calibrated) + from));
    }
    if (state.paper) {
      const from = shared?.length ? `: with ${shared.join(", ")}` : "";
      cell.append(element("div", `paper's rule: ${rootName("paper", state.paper)}${probability(paper)}${from}`, "soft"));
    }
    const words = signalWords(signals);
    if (words.length) {
      const why = element("details");
      why.append(element("summary", "why"), ...words.map((text) => element("div", text)));
      cell.append(why);
    }
  }
  return cell;
}

function answersTable(states, { names, answers, evidence }) {
  const { languages, models } = factIndex;
  const table = element("table");
  const head = table.createTHead().insertRow();
  const columns = ["language", "names", "stated?", ...models.map(([model]) => model), "evidence"];
  for (const name of columns) {
    const cell = element("th", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const [place, [code, language]] of languages.entries()) {
    const own = states.map((text) => stateOf(text, place));
    const [subject, object] = names ? [names[0][place], names[1][place]] : [null, null];
    if (!own.some((state) => state.asked) && !subject) continue;
    const line = body.insertRow();
    const first = element("th", language);
    first.scope = "row";
    line.append(first);
    const both = element("td", subject ? `${subject} – ${object}` : "");
    both.dir = "auto";
    both.lang = code;
    line.append(both, element("td", answers ? answers.stated[place] ?? "not traced" : ""));
    models.forEach((_, model) =>
      line.append(answerCell(own[model], answers?.wrong[model][place], answers?.roots[model][place])));
    const [title, passage] = evidence?.[place] ?? [];
    const read = element("td", null, "evidence");
    read.dir = "auto";
    read.lang = code;
    if (passage) read.append(title ? `${title}: ` : "", marked(passage, [subject, object]));
    line.append(read);
    // On a narrow screen each cell has a line of its own, and says what it is.
    for (const [number, cell] of [...line.cells].entries()) cell.dataset.label = columns[number];
  }
  return table;
}

function neuronsOf(steps) {
  let sum = 0;
  return steps.map((step) => (sum += step));
}

// One row per neuron of the chosen languages, with the number of them that share it.
function neuronRows(model, places, found) {
  const [, width] = factIndex.models[model];
  const sets = places.map((place) => neuronsOf(found[place]));
  const counts = new Map();
  sets.flat().forEach((neuron) => counts.set(neuron, (counts.get(neuron) ?? 0) + 1));
  return sets.flatMap((set, column) => set.map((neuron) => ({
    language_name: factIndex.languages[places[column]][1],
    layer_index: Math.floor(neuron / width),
    neuron_index: neuron % width,
    language_count: counts.get(neuron),
  }))).sort((a, b) => a.language_count - b.language_count);
}

function labelled(text, select) {
  const label = element("label", `${text} `);
  label.append(select);
  return label;
}

function neuronPart(neurons) {
  const part = element("div");
  const withNeurons = neurons.map((found) => Object.keys(found).map(Number));
  const models = factIndex.models.map(([name], place) => [place, name]).filter(([place]) => withNeurons[place].length);
  if (!models.length || document.getElementById("neuron-chart") === null) return part;
  part.append(element("h3", "Neurons in three languages"));
  const most = Math.max(...neurons.flatMap((found) => Object.values(found)).map((steps) => steps.length));
  part.append(element("p", `The ${most} neurons that stand out most for the right answer in each language (PROBELESS), by layer. Neurons that the chosen languages share have their own colours.`, "soft"));
  const model = element("select");
  addOptions(model, models);
  const languages = [0, 1, 2].map(() => element("select"));
  const controls = element("p", null, "controls");
  controls.append(labelled("model", model), ...languages.map((select, place) => labelled(`language ${place + 1}`, select)));
  const said = element("p");
  said.setAttribute("role", "status");
  const chart = element("div", null, "chart");
  chart.tabIndex = 0;
  chart.setAttribute("role", "group");
  chart.setAttribute("aria-label", "Figure: neurons in three languages");
  part.append(controls, said, chart);

  function redraw() {
    const chosen = [...new Set(languages.map((select) => Number(select.value)))];
    const rows = neuronRows(Number(model.value), chosen, neurons[model.value]);
    const all = new Set(rows.filter((row) => row.language_count === chosen.length).map((row) => `${row.layer_index}·${row.neuron_index}`));
    const counted = new Set(rows.map((row) => `${row.layer_index}·${row.neuron_index}`)).size;
    said.textContent = `${all.size} of ${counted} neurons are active in all ${chosen.length} languages${all.size ? ` (layer·neuron): ${[...all].join(", ")}` : ""}.`;
    const layers = Math.max(...Object.values(neurons[model.value]).flatMap((steps) => neuronsOf(steps))) / factIndex.models[model.value][1];
    chart.dataset.sentence = said.textContent;
    sources.set(chart, async () => {
      const spec = await unpacked("neuron-chart");
      const values = { neuron_count: factIndex.models[model.value][1], layer_count: Math.floor(layers) + 1 };
      return [{ ...spec, params: spec.params.map((param) => ({ ...param, value: values[param.name] })) }, rows];
    });
    draw(chart);
  }
  function refill() {
    const places = withNeurons[model.value];
    languages.forEach((select, number) => {
      select.replaceChildren();
      addOptions(select, places.map((place) => [place, factIndex.languages[place][1]]));
      select.value = places[Math.min(Math.floor((number * places.length) / 3), places.length - 1)];
    });
    redraw();
  }
  model.addEventListener("change", refill);
  languages.forEach((select) => select.addEventListener("change", redraw));
  refill();
  return part;
}

async function factPage(id) {
  await loadFacts();
  const back = element("a", "← All facts");
  back.href = "#facts";
  const place = factPlaces.get(id);
  const title = element("h2");
  title.tabIndex = -1;
  factPlace.replaceChildren(back, title);
  if (place === undefined) {
    title.textContent = `No fact has the id “${id}”`;
    return title;
  }
  title.append(element("bdi", factIndex.name[place]));
  factPlace.append(element("p", `${factIndex.relation[place]} · ${id}`, "soft"));
  const states = factIndex.states[place];
  const counts = element("ul");
  factIndex.models.forEach(([model], number) => {
    const all = [...states[number]];
    const right = all.filter((letter) => letter.charCodeAt(0) >= RIGHT).length;
    counts.append(element("li", `${model}: right in ${right} of ${all.filter((letter) => letter !== "-").length} languages`));
  });
  factPlace.append(counts);
  const parts = {};
  for (const kind of ["names", "answers", "evidence", "neurons"]) parts[kind] = await packedPart(kind, place);
  const missing = Object.keys(parts).filter((kind) => parts[kind] === null);
  if (missing.length) {
    factPlace.append(element("p", `Left out here, because the page would be too large: ${missing.join(", ")}. factroots explain shows all of a fact.`, "note"));
  }
  const table = element("div", null, "table");
  table.tabIndex = 0;
  table.setAttribute("role", "region");
  table.setAttribute("aria-label", `Answers in all languages: ${factIndex.name[place]}`);
  table.append(answersTable(states, parts));
  factPlace.append(table);
  if (parts.neurons) factPlace.append(neuronPart(parts.neurons));
  return title;
}

const ownTitle = document.title;
let leftAt = 0;
async function follow() {
  const isFact = location.hash.startsWith("#fact=");
  const wasFact = document.body.classList.contains("one-fact");
  if (isFact) {
    if (!wasFact) leftAt = scrollY;
    const title = await factPage(decodeURIComponent(location.hash.slice("#fact=".length)));
    factPlace.hidden = false;
    document.body.classList.add("one-fact");
    document.title = `${title.textContent} – ${ownTitle}`;
    factPlace.dataset.shown = location.hash;
    scrollTo(0, 0);
    title.focus({ preventScroll: true });
  } else if (wasFact) {
    factPlace.hidden = true;
    document.body.classList.remove("one-fact");
    document.title = ownTitle;
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target) target.scrollIntoView();
    else scrollTo(0, leftAt);
  }
}
addEventListener("hashchange", follow);
follow();
