// What the other scripts share: the data, how numbers and names are written, and how the page's pieces are made.
"use strict";

const GOLDEN = 0.6180339887498949; // its multiples modulo 1 spread evenly, whatever the number of runs
const MISSING = "—";
const MARKERS = {
  // matplotlib's name: plotly's, and an outline in a box of 12
  o: ["circle", "M6 1.5a4.5 4.5 0 1 0 .01 0Z"],
  s: ["square", "M2 2h8v8H2Z"],
  "^": ["triangle-up", "M6 1 11 10.5H1Z"],
  D: ["diamond", "M6 .5 11.5 6 6 11.5.5 6Z"],
  v: ["triangle-down", "M6 11 1 1.5h10Z"],
  P: ["cross", "M4.2 1h3.6v3.2H11v3.6H7.8V11H4.2V7.8H1V4.2h3.2Z"],
  X: ["x", "M3.5 1 6 3.5 8.5 1 11 3.5 8.5 6 11 8.5 8.5 11 6 8.5 3.5 11 1 8.5 3.5 6 1 3.5Z"],
  "*": ["star", "M6 .5 7.5 4.5 11.6 4.6 8.3 7.1 9.5 11.2 6 8.8 2.5 11.2 3.7 7.1.4 4.6 4.5 4.5Z"],
  h: ["hexagon", "M6 .8 10.6 3.4V8.6L6 11.2 1.4 8.6V3.4Z"],
  "<": ["triangle-left", "M1 6 10.5 1v10Z"],
  ">": ["triangle-right", "M11 6 1.5 1v10Z"],
};

const byId = (id) => document.getElementById(id);
const every = (selector) => [...document.querySelectorAll(selector)];

/** Return the embedded data: JSON, compressed, in base64. */
async function readPayload() {
  const text = atob(document.getElementById("payload").textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** Return text in which plotly finds no markup. */
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Write a number with four digits; large and small ones with a power of ten. */
function format(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return MISSING;
  if (!Number.isFinite(value)) return "diverged";
  if (Number.isInteger(value)) return String(value).replace("-", "−");
  const size = Math.abs(value);
  const text =
    size >= 1e6 || size < 1e-3
      ? value
          .toExponential(digits - 2)
          .replace(/\.?0+e/, "e")
          .replace("e+", "e")
      : value
          .toPrecision(digits)
          .replace(/(\.\d*?)0+$/, "$1")
          .replace(/\.$/, "");
  return text.replaceAll("-", "−");
}

/** Make an element; `children` may be text. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
}

/** Fill a select with [value, label] pairs and keep its choice where that is still there. */
function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, label]) => element("option", { value }, label)));
  select.value = options.some(([value]) => String(value) === String(chosen)) ? chosen : options[0]?.[0];
  select.closest("label").hidden = options.length < 2;
  return select.value;
}

/** Draw a marker as the charts do. */
function glyph(marker, colour) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  Object.entries({ viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": true }).forEach(([name, value]) =>
    svg.setAttribute(name, value),
  );
  path.setAttribute("d", MARKERS[marker][1]);
  path.setAttribute("fill", colour);
  svg.append(path);
  return svg;
}

/** Return a colour of the style sheet. */
function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function channels(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}

function luminance(rgb) {
  const linear = rgb.map((c) => (c / 255 <= 0.04045 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

/** Return a colour of the palette, lightened on a dark page until it stands out by 3.5 to 1. */
function legible(colour) {
  const ground = luminance(channels(ink("card")));
  let rgb = channels(colour);
  for (let step = 0; step < 10 && ground < 0.2; step += 1) {
    if ((luminance(rgb) + 0.05) / (ground + 0.05) >= 3.5) break;
    rgb = rgb.map((c) => Math.round(c + 0.12 * (255 - c)));
  }
  return `rgb(${rgb.join(",")})`;
}

function faded(colour, opacity) {
  return colour.replace("rgb(", "rgba(").replace(")", `,${opacity})`);
}

/** Return ticks at plain numbers for a logarithmic axis, fewer for more decades. */
function logTicks(low, high) {
  const spread = high / low;
  const room = window.innerWidth < 600 ? 0.1 : 1;
  const subs = [
    [4, [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9]],
    [20, [1, 1.5, 2, 3, 5, 7]],
    [300, [1, 2, 5]],
    [3000, [1, 3]],
  ].find(([most]) => spread < most * room)?.[1] ?? [1];
  const every = Math.max(1, Math.round(Math.log10(spread) / 8));
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.log10(high) + 1; power += every) {
    subs.forEach((sub) => ticks.push(Number((sub * 10 ** power).toPrecision(2))));
  }
  return { tickvals: ticks, ticktext: ticks.map((tick) => format(tick)) };
}

/** Give the logarithmic axes of a chart new ticks when it is zoomed. */
function followZoom(node) {
  node.on("plotly_relayout", (change) => {
    const changed = (side) => `${side}.range[0]` in change || `${side}.autorange` in change;
    const zoomed = ["xaxis", "yaxis"].filter((side) => node.layout[side]?.type === "log" && changed(side));
    const updates = zoomed.flatMap((side) => {
      const ticks = logTicks(...node.layout[side].range.map((end) => 10 ** end));
      return Object.entries(ticks).map(([name, value]) => [`${side}.${name}`, value]);
    });
    if (updates.length) Plotly.relayout(node, Object.fromEntries(updates));
  });
}

/** Return an axis, linear or logarithmic, for values that are to be seen on it. */
function scale(logarithmic, values, title) {
  const seen = values.filter((value) => Number.isFinite(value) && value > 0);
  const ticks = logarithmic && seen.length ? logTicks(...extent(seen)) : {};
  return { type: logarithmic ? "log" : "linear", ...ticks, title: { text: plain(title), standoff: 8 } };
}

/** Return how every axis looks. */
function axisStyle() {
  return {
    gridcolor: ink("grid"),
    linecolor: ink("faint"),
    tickcolor: ink("faint"),
    zeroline: false,
    showline: true,
    ticks: "outside",
    ticklen: 4,
    automargin: true,
  };
}

/** Return what every chart looks like; `more` adds to it. */
function layout(more) {
  const narrow = window.innerWidth < 600;
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    showlegend: false,
    hovermode: "closest",
    font: { family: ink("font"), size: narrow ? 11 : 13, color: ink("ink") },
    margin: { l: narrow ? 44 : 60, r: narrow ? 8 : 20, t: narrow ? 14 : 34, b: 48 },
    dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom",
    hoverlabel: {
      bgcolor: ink("card"),
      bordercolor: ink("faint"),
      font: { color: ink("ink"), family: ink("font"), size: 13 },
      align: "left",
    },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: ink("grey"), activecolor: ink("accent") },
    ...more,
    xaxis: { ...axisStyle(), ...more.xaxis },
    yaxis: { ...axisStyle(), ...more.yaxis },
  };
}

/** Return words on a chart, without an arrow; `where` places them. */
function note(text, where, colour = "grey", size = 11) {
  return { text, showarrow: false, font: { color: ink(colour), size }, ...where };
}

/** Return the words of an empty chart. */
function nothing() {
  return [note("nothing to draw", { xref: "paper", yref: "paper", x: 0.5, y: 0.5 }, "grey", 13)];
}

/** Return the least and the greatest of some numbers, null not counted. */
function extent(values) {
  return values.reduce(
    ([low, high], v) => (v === null ? [low, high] : [Math.min(low, v), Math.max(high, v)]),
    [Infinity, -Infinity],
  );
}

/** Return plotly's settings for a chart that is saved under `name`. */
function settings(name) {
  return {
    responsive: true,
    displaylogo: false,
    displayModeBar: window.innerWidth >= 600,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]], // none that uploads
    toImageButtonOptions: { format: "svg", filename: name },
  };
}
