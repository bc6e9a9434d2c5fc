// Distributions: every finished run a mark, one row a model, with median and quartiles, beside the baselines.
"use strict";

const STAGES = { search: "settings of the search", rerun: "seeds of the chosen setting" };
const AT = { best: "best", last: "last" };
const MOST = 400; // marks a model: more are thinned, evenly by rank
const BASELINES = { real: "real", untrained: "untrained" };

/** Return the rows of the trials' table that a model's row shows. */
function runsOf(table, model, state, setting) {
  const rows = table.group(model.name, state.stage);
  const settings = table.column("setting").values;
  return state.stage === "rerun" && setting !== null ? rows.filter((row) => settings[row] === setting) : rows;
}

/** Return at most MOST of the rows, evenly by rank of their score, the ends among them. */
function thinned(rows, score) {
  if (rows.length <= MOST) return rows;
  const ranked = rows.slice().sort((a, b) => score(a) - score(b));
  return Array.from({ length: MOST }, (_, i) => ranked[Math.round((i * (rows.length - 1)) / (MOST - 1))]);
}

function runTip(table, row, model, state) {
  return [
    `<b>${plain(model.name)}</b>`,
    `setting ${table.text("setting", row)}, seed ${table.text("seed", row)}`,
    `${AT[state.at]} ${plain(state.metric.name)} <b>${table.text(`${state.at}.${state.metric.key}`, row)}</b>`,
    state.at === "best" ? `at step ${table.text(`step.${state.metric.key}`, row)}` : plain(table.text("state", row)),
  ].join("<br>");
}

/** Return one model's dots, bar, tick and special mark at height `place`, and how many runs have no score. */
function modelTraces(table, model, box, place, state) {
  const scores = table.column(`${state.at}.${state.metric.key}`).values;
  const score = (row) => scores[row];
  const rows = runsOf(table, model, state, box?.setting ?? null);
  const scored = rows.filter((row) => Number.isFinite(score(row)));
  const [dots, special] = parted(table, scored, state);
  const shown = thinned(dots, score);
  const base = { type: "scatter", meta: { model: model.name }, hoverinfo: "text" };
  const runs = {
    ...base,
    mode: "markers",
    name: model.name,
    x: shown.map(score),
    y: shown.map((_, i) => place + (((i * GOLDEN) % 1) - 0.5) * 0.5),
    text: shown.map((row) => runTip(table, row, model, state)),
    marker: { color: legible(model.colour), size: shown.length > 100 ? 4 : 6, opacity: 0.65 },
  };
  const tips = special.map((row) => `${runTip(table, row, model, state)}<br>the default setting`);
  return {
    traces: [
      runs,
      ...(box ? boxTraces(box, model, place, base) : []),
      ...(special.length ? [star(special.map(score), place, tips, base, "star")] : []),
      ...searchedTraces(box, model, place, base),
    ],
    lost: rows.filter((row) => score(row) === Infinity).length,
    shown: shown.length + special.length,
    all: scored.length,
  };
}

/** Part the rows of the random settings from the default's; among re-runs none is special. */
function parted(table, rows, state) {
  const { values, levels } = table.column("default");
  const starred = state.stage === "search" ? levels.indexOf("default") : NaN;
  return [rows.filter((row) => values[row] !== starred), rows.filter((row) => values[row] === starred)];
}

/** Return the mark of the searched score of a setting that was re-run. */
function searchedTraces(box, model, place, base) {
  if (!Number.isFinite(box?.searched ?? NaN)) return [];
  const text = `<b>${plain(model.name)}</b><br>searched score of setting ${box.setting}: <b>${format(box.searched)}</b>`;
  return [star([box.searched], place, [text], base, "triangle-right-open")];
}

function boxTraces(box, model, place, base) {
  const text = [
    `<b>${plain(model.name)}</b>, ${box.n} runs`,
    `median <b>${format(box.q50)}</b>`,
    `quartiles ${format(box.q25)} … ${format(box.q75)}`,
    `5 % … 95 %: ${format(box.q05)} … ${format(box.q95)}`,
  ].join("<br>");
  const bar = {
    ...base,
    mode: "lines",
    x: [box.q25, box.q75],
    y: [place, place],
    text: [text, text],
    line: { color: ink("ink"), width: 3.5 },
    opacity: 0.85,
  };
  const tick = {
    ...base,
    mode: "markers",
    x: [box.q50],
    y: [place],
    text: [text],
    marker: { symbol: "line-ns", size: 18, line: { width: 3, color: ink("ink") } },
  };
  return [...(box.q25 === null || box.q75 === null ? [] : [bar]), ...(box.q50 === null ? [] : [tick])];
}

function star(x, place, text, base, symbol) {
  const marker = {
    symbol,
    size: 12,
    color: ink("ink"),
    line: { width: 1.5, color: symbol === "star" ? ink("card") : ink("ink") },
  };
  return { ...base, mode: "markers", x, y: x.map(() => place), text, marker };
}

/** Return the baselines that lie among the scores: dashed lines and their names. */
function baselineMarks({ baselines }, scores, logarithmic) {
  const [low, high] = extent([...scores, baselines.real ?? null]);
  const room = logarithmic ? 1.5 : 1.02;
  const inside = (level) => level >= low && level <= high * room && (!logarithmic || level > 0);
  const drawn = Object.entries(BASELINES).filter(([name]) => inside(baselines[name]));
  const line = { color: ink("grey"), width: 1, dash: "dash" };
  const place = (level) => (logarithmic ? Math.log10(level) : level); // of words; lines take the level itself
  return {
    shapes: drawn.map(([name]) => {
      const level = baselines[name];
      return { type: "line", yref: "paper", y0: 0, y1: 1, x0: level, x1: level, line, layer: "below" };
    }),
    annotations: drawn.map(([name, word]) =>
      note(word, { x: place(baselines[name]), yref: "paper", y: 1, yanchor: "bottom" }),
    ),
  };
}

/** Return the look of a chart with one row a model. */
function runsLayout(models, drawn, scores, state) {
  const { metric } = state;
  const { shapes, annotations } = baselineMarks(metric, scores, state.logRuns);
  const beside = { xref: "paper", x: 1, xanchor: "left", xshift: 6 };
  const lost = drawn.flatMap((one, y) => (one.lost ? [note(`✕ ${one.lost}`, { ...beside, y }, "bad", 12)] : []));
  const rows = {
    tickvals: models.map((_, i) => i),
    ticktext: models.map(({ model }) => plain(model.name)),
    range: [models.length - 0.4, -0.6],
    ...{ fixedrange: true, showgrid: false, ticks: "", showline: false },
  };
  const about = layout({
    xaxis: scale(state.logRuns, scores, `${AT[state.at]} ${metric.name} ${metric.arrow}`),
    yaxis: rows,
    height: Math.max(120 + 46 * models.length, 200),
    shapes: scores.length ? shapes : [],
    annotations: [...(scores.length ? annotations : nothing()), ...lost],
    uirevision: [state.dataset.name, metric.key, state.stage, state.at, state.logRuns].join(" "),
  });
  about.margin.t += 14;
  about.margin.r += lost.length ? 40 : 0;
  return about;
}

/** Draw the chosen dataset, metric, stage and checkpoint; returns what the caption must say. */
function drawRuns(node, data, table, state) {
  const { metric, dataset } = state;
  const boxes = dataset.boxes[metric.key][state.stage]?.[state.at] ?? [];
  const models = data.variants
    .map((model, i) => ({ model, box: boxes[i] }))
    .filter(({ model }) => !state.hidden.has(model.name));
  const drawn = models.map(({ model, box }, place) => modelTraces(table, model, box, place, state));
  const traces = drawn.flatMap((one) => one.traces);
  const scores = traces.flatMap((trace) => trace.x).filter((x) => x !== null);
  const told = `Distribution of ${metric.name} on ${dataset.name}; the tables below have the numbers.`;
  node.setAttribute("aria-label", told);
  const saved = settings(`runs_${dataset.name}_${metric.key}`);
  Plotly.react(node, traces, runsLayout(models, drawn, scores, state), saved);
  const sum = (name) => drawn.reduce((total, one) => total + one[name], 0);
  return { lost: sum("lost"), shown: sum("shown"), all: sum("all") };
}
