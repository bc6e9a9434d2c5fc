// The table of trials in the document: filtered, sorted, a page of it at a time.
"use strict";

function fillFilters() {
  every("[data-filter]").forEach((select) => {
    const { levels } = table().column(select.dataset.filter);
    fill(select, [["", "all"], ...levels.map((level, code) => [code, level])], "");
  });
}

/** Apply the filter and the sorting, and show the first page. */
function filter() {
  const words = byId("filter");
  let tests = [];
  let trouble = "";
  try {
    tests = parseFilter(table(), words.value);
  } catch (error) {
    trouble = error.message;
  }
  words.setAttribute("aria-invalid", Boolean(trouble));
  every("[data-filter]")
    .filter((select) => select.value !== "")
    .forEach((select) => {
      const { values } = table().column(select.dataset.filter);
      const wanted = Number(select.value);
      tests.push((row) => values[row] === wanted);
    });
  const rows = table().rows(tests);
  state.rows = state.sort ? table().sorted(rows, state.sort, state.descending) : rows;
  state.page = 0;
  byId("count").textContent = trouble || `${state.rows.length} of ${table().size} trials`;
  byId("count").classList.toggle("trouble", Boolean(trouble));
  showHead();
  showPage();
}

function showHead() {
  const heads = table().columns.map((column) => {
    const sorted = state.sort === column.id;
    const button = element(
      "button",
      { type: "button", title: column.id },
      column.title,
      element("span", { "aria-hidden": true }, sorted ? (state.descending ? " ▼" : " ▲") : ""),
    );
    button.addEventListener("click", () => sortBy(column.id));
    const order = sorted ? { "aria-sort": state.descending ? "descending" : "ascending" } : {};
    return element("th", { scope: "col", class: column.kind === "number" ? "" : "text", ...order }, button);
  });
  byId("trial-table").tHead.replaceChildren(element("tr", {}, ...heads));
}

/** Sort by a column: the better scores first, then the other way round. */
function sortBy(id) {
  const column = table().column(id);
  const metric = state.dataset.metrics.find(({ key }) => key === column.metric);
  const better = Boolean(metric) && !metric.minimize && !id.startsWith("step.");
  state.descending = state.sort === id ? !state.descending : better;
  state.sort = id;
  filter();
  [...byId("trial-table").tHead.querySelectorAll("button")][table().columns.indexOf(column)].focus({
    preventScroll: true,
  });
}

function showPage() {
  const size = Number(byId("rows").value);
  const pages = Math.max(Math.ceil(state.rows.length / size), 1);
  state.page = Math.min(Math.max(state.page, 0), pages - 1);
  const shown = state.rows.slice(state.page * size, (state.page + 1) * size);
  const lines = shown.map((row) =>
    element(
      "tr",
      {},
      ...table().columns.map((column) => {
        const text = cell(column, row);
        const bad = text === "diverged" || (column.id === "state" && text !== "done");
        return element(
          "td",
          {
            class: `${column.kind === "number" ? "" : "text"}${bad ? " bad" : ""}${column.kind === "name" ? " name" : ""}`,
          },
          text,
        );
      }),
    ),
  );
  byId("trial-table").tBodies[0].replaceChildren(...lines);
  byId("page").textContent = `page ${state.page + 1} of ${pages}`;
  every("[data-page]").forEach((button) => {
    button.disabled = ["first", "previous"].includes(button.dataset.page) ? state.page === 0 : state.page === pages - 1;
  });
}

function turn(where) {
  state.page = { first: 0, previous: state.page - 1, next: state.page + 1, last: Infinity }[where];
  showPage();
}

function saveRows() {
  const file = new Blob([toCsv(table(), state.rows)], { type: "text/csv" });
  const link = element("a", {
    href: URL.createObjectURL(file),
    download: `${data.name}_${state.dataset.name}_trials.csv`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
