// The page's behaviour: what is chosen, the legends, and when everything is drawn again.
"use strict";

/** Everything that can be chosen; the charts and the table are functions of it. */
const state = {
  dataset: null,
  metric: null,
  kind: null,
  axis: "k",
  view: "together",
  stage: "search",
  at: "best",
  logX: false,
  logY: false,
  logRuns: false,
  bands: false,
  hidden: new Set(),
  sort: null,
  descending: false,
  page: 0,
  rows: [],
};
const tables = new Map(); // Trials by dataset
let data = null;

const table = () => tables.get(state.dataset.name);

function chooseDataset(name) {
  state.dataset = data.datasets.find((dataset) => dataset.name === name);
  if (!tables.has(state.dataset.name)) tables.set(state.dataset.name, new Trials(state.dataset.trials));
  const others = new Set(data.datasets.map((dataset) => dataset.name).filter((other) => other !== name));
  every("[data-dataset]").forEach((node) => {
    node.hidden = others.has(node.dataset.dataset);
  });
  chooseMetric(state.metric?.key);
  fillFilters();
  state.sort = null;
  filter();
}

function chooseMetric(key) {
  const { dataset } = state;
  state.metric = dataset.metrics.find((metric) => metric.key === key) ?? dataset.metrics[0];
  const { metric } = state;
  const curves = dataset.curves[metric.key];
  const stages = Object.keys(STAGES).filter((stage) => dataset.boxes[metric.key][stage]?.best);
  fillAll(
    "metric",
    dataset.metrics.map(({ key: id, name, arrow }) => [id, `${name} ${arrow}`]),
    metric.key,
  );
  const axes = { k: "settings tried", ...data.axes };
  state.axis = fillAll(
    "axis",
    Object.entries(axes).filter(([axis]) => curves.some((curve) => curve.axes[axis])),
    state.axis,
  );
  state.view = fillAll("view", data.variants.length > 1 ? Object.entries(VIEWS) : [["together", ""]], state.view);
  state.stage = fillAll(
    "stage",
    stages.map((stage) => [stage, STAGES[stage]]),
    state.stage,
  );
  state.at = fillAll("at", Object.entries(AT), state.at);
  state.logX = metric.log_k;
  state.logY = metric.log_curves;
  state.logRuns = metric.log_runs;
  draw();
}

function fillAll(name, options, chosen) {
  return every(`[data-choice=${name}]`).map((select) => fill(select, options, chosen))[0];
}

/** Offer the kinds of curve that the axis has. */
function chooseKind() {
  const curves = state.dataset.curves[state.metric.key];
  const kinds = Object.keys(KINDS).filter((kind) => curves.some((curve) => curve.axes[state.axis]?.[kind]));
  state.kind = fillAll(
    "kind",
    kinds.map((kind) => [kind, KINDS[kind]]),
    state.kind,
  );
  state.unit = state.axis === "k" ? "k, settings tried" : data.axes[state.axis];
}

/** Draw both charts, their captions and the switches as they stand. */
function draw() {
  chooseKind();
  every("[data-switch]").forEach((box) => {
    box.checked = state[box.dataset.switch];
  });
  byId("bands").hidden = state.kind !== "median" || state.view === "panels";
  drawLegends();
  drawCurves(byId("curves-plot"), data, state);
  byId("curves-caption").textContent = curvesCaption();
  const drawn = drawRuns(byId("runs-plot"), data, table(), state);
  byId("runs-caption").textContent = runsCaption(drawn);
}

function curvesCaption() {
  const key =
    {
      median:
        " Solid to n/4, dotted to n/2; a band is filled while both sides say something, then dashed on its bad side.",
      mean: " Solid to n/4, dotted to n/2.",
    }[state.kind] ?? "";
  const pointed =
    state.kind === "median" && state.view === "together" && !state.bands ? ["Point at a model for its band."] : [];
  const curves = state.dataset.curves[state.metric.key];
  const used = Object.keys(METHODS).filter((method) =>
    curves.some((curve) => curve.axes[state.axis]?.[state.kind]?.method === method),
  );
  return [
    state.metric.notes[state.kind] + (state.axis === "k" ? key : ""),
    ...used.map((method) => METHODS[method]),
    ...without(curves),
    ...pointed,
    state.dataset.protocol,
  ].join(" ");
}

/** Say of which models shown there is no curve on this axis. */
function without(curves) {
  const missing = data.variants
    .filter(({ name }, i) => !state.hidden.has(name) && !curves[i].axes[state.axis]?.[state.kind]?.x.length)
    .map(({ name }) => name);
  const why = state.axis === "k" ? "" : `: ${UNPRICED}`;
  return missing.length ? [`No curve of ${missing.join(", ")}${why}.`] : [];
}

function runsCaption({ shown, all, lost }) {
  const special =
    state.stage === "rerun"
      ? " The open triangle is the searched score of the setting that was re-run."
      : " The star is the default setting.";
  const thin = shown < all ? ` ${shown} of ${all} runs are drawn, evenly by rank; bars count all.` : "";
  const cross = lost ? " ✕ counts runs without a finite score." : "";
  return `Every mark is a run; the bar spans the quartiles, the tick is the median.${special}${cross}${thin} ${state.dataset.protocol}`;
}

/** Make the legends anew; a button keeps the focus. */
function drawLegends() {
  every(".legend").forEach((legend) => {
    const focused = [...legend.children].indexOf(document.activeElement);
    const all = element("button", { type: "button", class: "all" }, state.hidden.size ? "show all" : "hide all");
    all.addEventListener("click", toggleAll);
    legend.replaceChildren(...data.variants.map(legendButton), all);
    legend.children[focused]?.focus();
  });
}

function legendButton({ name, marker, colour }) {
  const about = {
    type: "button",
    "aria-pressed": !state.hidden.has(name),
    title: "Show or hide; double click: only this",
  };
  const button = element("button", about, glyph(marker, legible(colour)), name);
  button.addEventListener("click", (event) => toggle(name, event.detail > 1));
  Object.entries({ pointerenter: name, pointerleave: null, focus: name, blur: null }).forEach(([event, pointed]) =>
    button.addEventListener(event, () => pointAt(byId("curves-plot"), pointed, state)),
  );
  return button;
}

/** Show or hide a model; `alone` hides all others. */
function toggle(name, alone) {
  if (alone) state.hidden = new Set(data.variants.map((model) => model.name).filter((other) => other !== name));
  else if (!state.hidden.delete(name)) state.hidden.add(name);
  draw();
}

function toggleAll() {
  state.hidden = new Set(state.hidden.size ? [] : data.variants.map((model) => model.name));
  draw();
}

function listen() {
  byId("dataset")?.addEventListener("change", (event) => chooseDataset(event.target.value));
  every("[data-choice]").forEach((select) =>
    select.addEventListener("change", () => {
      if (select.dataset.choice === "metric") chooseMetric(select.value);
      else {
        state[select.dataset.choice] = select.value;
        draw();
      }
    }),
  );
  every("[data-switch]").forEach((box) =>
    box.addEventListener("change", () => {
      state[box.dataset.switch] = box.checked;
      draw();
    }),
  );
  let waiting = 0;
  byId("filter").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 150);
  });
  every("[data-filter]").forEach((select) => select.addEventListener("change", filter));
  byId("rows").addEventListener("change", () => {
    state.page = 0;
    showPage();
  });
  every("[data-page]").forEach((button) => button.addEventListener("click", () => turn(button.dataset.page)));
  byId("export").addEventListener("click", saveRows);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.matchMedia("(max-width: 599px)").addEventListener("change", draw);
}

async function start() {
  const root = document.documentElement;
  root.dataset.state = "starting";
  try {
    data = await readPayload();
    if (!data.datasets.length) throw new Error("no dataset of this sweep has scores");
    listen();
    state.bands = data.variants.length <= 3;
    chooseDataset(data.datasets[0].name);
    byId("curves-plot").on("plotly_hover", ({ points }) =>
      pointAt(byId("curves-plot"), points[0].data.meta.model, state),
    );
    byId("curves-plot").on("plotly_unhover", () => pointAt(byId("curves-plot"), null, state));
    [byId("curves-plot"), byId("runs-plot")].forEach(followZoom);
    root.dataset.state = "ready";
  } catch (error) {
    root.dataset.state = "failed";
    byId("trouble").textContent =
      `Curves and trials cannot be shown: ${error.message}. A browser of 2023 or later is needed.`;
    byId("trouble").hidden = false;
    throw error;
  }
}

start();
