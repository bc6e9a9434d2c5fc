// Budget curves: solid up to a quarter of the draws, dotted to a half, with the band as the figures draw it.
"use strict";

const KINDS = {
  median: "median with its 95 % band",
  mean: "mean",
  study: "mean ± sd, the study's form",
  running: "best so far of one search",
};

const METHODS = {
  exact: "All settings of a model cost the same: k times one of them.",
  permutation:
    "Over random orders of the settings, each charged what it used, to a quarter of all; " +
    "the band is pointwise, from bootstrap samples of the settings.",
  average: "k settings at the model's average cost, to a quarter of all.",
};
const UNPRICED = "fewer than four settings, an unknown cost, or one setting that costs more than a quarter of all";
const VIEWS = { together: "all together", panels: "one panel a model" };

/** Return the places of a few markers, evenly spread in log k, both ends among them. */
function few(n, most = 6) {
  const count = Math.min(n, most);
  const places = Array.from({ length: count }, (_, i) => Math.round(n ** (count > 1 ? i / (count - 1) : 0)) - 1);
  return [...new Set(places)];
}

/** Return plotly's traces of one model; `meta` says whose they are, and which part. */
function curveTraces(curve, model, state) {
  const drawn = curve.axes[state.axis]?.[state.kind];
  if (!drawn?.x.length) return [];
  const { x } = drawn;
  const colour = legible(model.colour);
  const base = {
    type: "scatter",
    mode: "lines",
    meta: { model: model.name, part: "line" },
    hoverinfo: "skip",
    line: { color: colour, width: 2 },
  };
  const piece = (from, to, y, line) => ({
    ...base,
    x: x.slice(from, to),
    y: y.slice(from, to),
    line: { ...base.line, ...line },
  });
  const solid = drawn.solid ?? x.length;
  const shape = state.kind === "running" ? "hv" : "linear";
  return [
    ...(state.kind === "median" ? bandTraces(drawn, x, piece, colour, state) : []),
    ...(solid < x.length ? [piece(Math.max(solid - 1, 0), x.length, drawn.y, { dash: "dot" })] : []),
    piece(0, solid, drawn.y, { shape }),
    marks(drawn, x, curve, model, state, colour),
  ];
}

/** Return the band: filled while it has two sides, then a dashed line for the side that is left. */
function bandTraces(drawn, x, piece, colour, state) {
  const thin = { width: 1, color: faded(colour, 0.8) };
  const both = { ...piece(0, drawn.two, drawn.upper, thin), fill: "toself", fillcolor: faded(colour, 0.16) };
  both.x = [...both.x, ...both.x.slice().reverse()];
  both.y = [...both.y, ...drawn.lower.slice(0, drawn.two).reverse()];
  const rest = piece(Math.max(drawn.two - 1, 0), drawn.one, drawn[drawn.bad], { ...thin, dash: "dash" });
  const traces = [...(drawn.two ? [both] : []), ...(drawn.one > drawn.two ? [rest] : [])];
  return traces.map((trace) => ({
    ...trace,
    opacity: state.bands || state.view === "panels" ? 1 : 0,
    meta: { ...trace.meta, part: "band" },
  }));
}

/** Return what answers the pointer: every point, a few of them marked. */
function marks(drawn, x, curve, model, state, colour) {
  const shown = new Set(few(x.length));
  const bars = state.kind === "study" ? drawn.sd.map((sd, i) => (shown.has(i) ? sd : 0)) : null;
  return {
    type: "scatter",
    mode: "markers",
    name: model.name,
    meta: { model: model.name, part: "marks" },
    x,
    y: drawn.y,
    hoverinfo: "text",
    cliponaxis: false, // a mark at 0 is whole
    marker: {
      color: colour,
      opacity: 1, // as in the legend
      symbol: MARKERS[model.marker][0],
      size: x.map((_, i) => (shown.has(i) ? 8 : 0.1)),
      line: { width: 0 },
    },
    text: x.map((at, i) => tip(drawn, i, at, curve, model, state)),
    ...(bars ? { error_y: { type: "data", array: bars, color: faded(colour, 0.7), thickness: 1.2, width: 3 } } : {}),
  };
}

function tip(drawn, i, x, curve, model, state) {
  const lines = [
    `<b>${plain(model.name)}</b>`,
    state.axis === "k" ? `k = ${x} of ${curve.n} random settings` : `${format(x, 3)} ${plain(state.unit)}`,
  ];
  lines.push(
    `${plain(state.metric.name)} <b>${format(drawn.y[i])}</b>${state.kind === "study" ? ` ± ${format(drawn.sd[i], 2)}` : ""}`,
  );
  if (state.kind === "median") lines.push(bound(drawn, i));
  return lines.join("<br>");
}

function bound(drawn, i) {
  if (i < drawn.two) return `95 % band ${format(drawn.lower[i])} … ${format(drawn.upper[i])}`;
  if (i < drawn.one) return `95 % band: ${drawn.bad === "upper" ? "below" : "above"} ${format(drawn[drawn.bad][i])}`;
  return "no band here";
}

/** Return the two axes of what is drawn. */
function curveAxes(traces, state) {
  const { metric } = state;
  const seen = (name) => traces.flatMap((trace) => trace[name]).filter((value) => value !== null);
  const x = scale(state.logX, seen("x"), state.unit);
  const y = scale(state.logY, seen("y"), `${metric.name} ${metric.arrow}`);
  if (metric.share && !state.logY) y.range = [0, 1];
  if (state.axis === "k" && !state.logX && extent(seen("x"))[1] <= 12) x.dtick = 1;
  return { x, y };
}

/** Draw the chosen dataset, metric, kind and axis, together or one panel a model. */
function drawCurves(node, data, state) {
  const { metric, dataset } = state;
  const curves = dataset.curves[metric.key];
  const models = data.variants
    .map((model, i) => ({ model, traces: state.hidden.has(model.name) ? [] : curveTraces(curves[i], model, state) }))
    .filter(({ traces }) => traces.length);
  const traces = models.flatMap((one) => one.traces);
  const axes = curveAxes(traces, state);
  const drawn =
    state.view === "panels" && models.length > 1
      ? panels(models, axes)
      : {
          traces,
          about: layout({ xaxis: axes.x, yaxis: axes.y, height: window.innerWidth < 600 ? 360 : 500 }),
        };
  if (!traces.length) drawn.about.annotations = nothing();
  const view = [dataset.name, metric.key, state.kind, state.axis, state.view, state.logX, state.logY];
  drawn.about.uirevision = view.join(" "); // a zoom outlives a toggle
  node.setAttribute("aria-label", `Curves of ${metric.name} on ${dataset.name}; the tables below have the numbers.`);
  return Plotly.react(node, drawn.traces, drawn.about, settings(`curves_${dataset.name}_${metric.key}`));
}

/** Return a grid of panels: in each one model, the others pale behind it, all on the same axes. */
function panels(models, axes) {
  const columns = Math.min(window.innerWidth < 600 ? 2 : 4, models.length);
  const rows = Math.ceil(models.length / columns);
  const about = layout({
    height: 190 * rows + 100,
    grid: { rows, columns, pattern: "independent", xgap: 0.08, ygap: 0.2 },
    annotations: [],
  });
  about.margin.t += 16;
  const traces = models.flatMap(({ model, traces: own }, i) => {
    const n = i ? String(i + 1) : "";
    const place = { xaxis: `x${n}`, yaxis: `y${n}` };
    const one = (axis, shown, first) => ({
      ...axisStyle(),
      ...axis,
      showticklabels: shown,
      title: undefined,
      ...(i ? { matches: first } : {}),
    });
    about[`xaxis${n}`] = one(axes.x, i + columns >= models.length, "x");
    about[`yaxis${n}`] = one(axes.y, i % columns === 0, "y");
    if (i % columns === 0) about[`yaxis${n}`].title = { ...axes.y.title, font: { size: about.font.size } };
    const corner = { xref: `x${n} domain`, yref: `y${n} domain`, x: 0, y: 1, xanchor: "left", yanchor: "bottom" };
    about.annotations.push(note(`<b>${plain(model.name)}</b>`, { ...corner, font: { color: legible(model.colour) } }));
    const pale = models
      .filter((other) => other.model !== model)
      .flatMap((other) => other.traces.filter(({ meta }) => meta.part === "line"))
      .map((trace) => ({ ...trace, meta: { ...trace.meta, part: "pale" }, line: { color: ink("faint"), width: 1 } }));
    return [...pale, ...own].map((trace) => ({ ...trace, ...place }));
  });
  const below = { xref: "paper", yref: "paper", x: 0.5, y: 0, yshift: -30, yanchor: "top" };
  about.annotations.push(note(axes.x.title.text, below, "ink", about.font.size));
  return { traces, about };
}

/** Bring one model forward, with its band, and let the others fade; null: all as they are. */
function pointAt(node, name, state) {
  if (state.view === "panels" || !node.data?.length) return;
  const opacity = node.data.map(({ meta }) => {
    if (meta.part === "band") return meta.model === name || (name === null && state.bands) ? 1 : 0;
    return name === null || meta.model === name ? 1 : 0.25;
  });
  Plotly.restyle(
    node,
    { opacity },
    opacity.map((_, i) => i),
  );
}
