// The table of trials: columns as arrays, filtered and sorted as one array of row numbers, a page of it in the document.
"use strict";

/** One dataset's trials; rows are numbers, columns are found by id or title, those of the first metric as best, last and step. */
class Trials {
  constructor(columns) {
    this.columns = columns.map((column) =>
      column.kind === "number" ? { ...column, values: numbers(column.values) } : column,
    );
    this.size = columns.length ? columns[0].values.length : 0;
    this.byName = new Map();
    this.columns
      .flatMap((column) => [
        [column.id, column],
        [column.title, column],
        [column.metric && column.id.split(".")[0], column],
      ])
      .filter(([name]) => name && !this.byName.has(name.toLowerCase()))
      .forEach(([name, column]) => this.byName.set(name.toLowerCase(), column));
  }

  column(name) {
    return this.byName.get(name.toLowerCase());
  }

  /** Return the rows of a model and stage. */
  group(model, stage) {
    if (!this.groups) {
      const [models, stages] = [this.column("model"), this.column("stage")];
      this.groups = new Map();
      for (let row = 0; row < this.size; row += 1) {
        const key = JSON.stringify([models.levels[models.values[row]], stages.levels[stages.values[row]]]);
        if (!this.groups.has(key)) this.groups.set(key, []);
        this.groups.get(key).push(row);
      }
    }
    return this.groups.get(JSON.stringify([model, stage])) ?? [];
  }

  text(name, row) {
    return cell(this.column(name), row);
  }

  /** Return the rows, in order, that pass every test. */
  rows(tests) {
    const found = [];
    for (let row = 0; row < this.size; row += 1) if (tests.every((test) => test(row))) found.push(row);
    return found;
  }

  /** Return the rows sorted by a column: numbers, then what diverged, then what is missing, in either direction. */
  sorted(rows, name, descending) {
    const column = this.column(name);
    const sign = descending ? -1 : 1;
    if (column.kind !== "number") {
      const words = column.kind === "word" ? ranks(column.levels) : null;
      const key = words ? (row) => words[column.values[row]] : (row) => column.values[row];
      return rows.slice().sort((a, b) => sign * ((key(a) > key(b)) - (key(a) < key(b))) || a - b);
    }
    const { values } = column;
    const last = (v) => (Number.isNaN(v) ? 2 : v === Infinity ? 1 : 0);
    return rows
      .slice()
      .sort(
        (a, b) => last(values[a]) - last(values[b]) || (last(values[a]) ? 0 : sign * (values[a] - values[b])) || a - b,
      );
  }
}

/** Return numbers as an array of floats: missing is NaN, diverged is ∞. */
function numbers(values) {
  return Float64Array.from(values, (value) => (value === null ? NaN : value === "x" ? Infinity : value));
}

/** Return each level's place in the alphabet; numbers in names count as such. */
function ranks(levels) {
  const order = levels
    .map((level, code) => [level, code])
    .sort((a, b) => a[0].localeCompare(b[0], "en", { numeric: true }));
  const places = new Array(levels.length);
  order.forEach(([, code], place) => {
    places[code] = place;
  });
  return places;
}

function cell(column, row) {
  const value = column.values[row];
  if (column.kind === "word") return column.levels[value];
  return column.kind === "number" ? format(value) : value;
}

const COMPARE = {
  "=": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  ">": (a, b) => a > b && a !== Infinity,
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b && a !== Infinity,
};

/** Return the tests that a filter's words stand for; throws an Error that names what cannot be understood. */
function parseFilter(table, text) {
  const tokens = text.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  return tokens.map((token) => {
    const bare = token.replaceAll('"', "");
    const found = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.*)$/.exec(bare);
    return found ? comparison(table, found[1], found[2], found[3]) : anywhere(table, bare.toLowerCase());
  });
}

function comparison(table, name, sign, wanted) {
  const column = table.column(name);
  if (!column)
    throw new Error(
      `there is no column “${name}”: columns are ${table.columns.map(({ title }) => title.replaceAll(" ", "\u00a0")).join(", ")}`,
    );
  const { values } = column;
  if (column.kind === "number") {
    const number = wanted === "diverged" ? Infinity : Number(wanted.replaceAll("−", "-"));
    if (wanted === "" || Number.isNaN(number)) throw new Error(`“${wanted}” is no number to compare ${name} with`);
    return (row) => COMPARE[sign](values[row], number);
  }
  if (sign !== "=" && sign !== "!=") throw new Error(`${name} holds words: compare it with = or !=`);
  const same = (text) => String(text).toLowerCase() === wanted.toLowerCase();
  const equal =
    column.kind === "word"
      ? (
          (pass) => (row) =>
            pass[values[row]]
        )(column.levels.map(same))
      : (row) => same(values[row]);
  return sign === "=" ? equal : (row) => !equal(row);
}

/** Return the test whether any word of a row contains the text. */
function anywhere(table, text) {
  const tests = table.columns
    .filter(({ kind }) => kind !== "number")
    .map(({ kind, values, levels }) => {
      if (kind === "name") return (row) => values[row].includes(text);
      const pass = levels.map((level) => level.toLowerCase().includes(text));
      return (row) => pass[values[row]];
    });
  return (row) => tests.some((test) => test(row));
}

/** Return rows as CSV, every column, numbers as they were embedded. */
function toCsv(table, rows) {
  const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const plainCell = (column, row) => {
    const value = column.values[row];
    if (column.kind === "word") return quoted(column.levels[value]);
    if (column.kind === "name") return quoted(value);
    return Number.isNaN(value) ? "" : value === Infinity ? "diverged" : String(value);
  };
  const lines = rows.map((row) => table.columns.map((column) => plainCell(column, row)).join(","));
  return `${[table.columns.map(({ id }) => quoted(id)).join(","), ...lines].join("\n")}\n`;
}
