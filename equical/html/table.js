// Tables that sort by a click on a heading and filter by what is typed below it, and links from rows to structures.
"use strict";
(() => {
  const plain = (text) => text.trim().toLowerCase().replace(/−/g, "-");

  // What a filter lets through: a function of a cell's number (NaN where it has none) and its text.
  function condition(typed) {
    const wanted = plain(typed);
    if (wanted === "") return null;
    const between = wanted.match(/^(-?[\d.]+(?:e[+-]?\d+)?)\s*\.\.\s*(-?[\d.]+(?:e[+-]?\d+)?)$/);
    if (between) {
      const [low, high] = [Number(between[1]), Number(between[2])];
      return (number) => low <= number && number <= high;
    }
    const compared = wanted.match(/^(<=|>=|<|>|=)\s*(-?[\d.]+(?:e[+-]?\d+)?)$/);
    if (compared) {
      const limit = Number(compared[2]);
      const holds = {
        "<": (x) => x < limit, "<=": (x) => x <= limit, ">": (x) => x > limit, ">=": (x) => x >= limit,
        "=": (x) => x === limit,
      };
      return holds[compared[1]];
    }
    if (/^[<>=]/.test(wanted)) return null; // not finished yet
    if (wanted.startsWith("!")) return (number, text) => wanted === "!" || !text.includes(wanted.slice(1));
    return (number, text) => text.includes(wanted);
  }

  function value(row, column) {
    const cell = row.cells[column];
    return { number: cell.dataset.value === undefined ? NaN : Number(cell.dataset.value), text: plain(cell.textContent) };
  }

  // Numbers before texts, missing values always last.
  function compare(one, other, direction) {
    const missing = (v) => v.text === "–" || v.text === "";
    if (missing(one) || missing(other)) return missing(one) - missing(other);
    if (!isNaN(one.number) && !isNaN(other.number)) return direction * (one.number - other.number);
    return direction * one.text.localeCompare(other.text, undefined, { numeric: true });
  }

  function enliven(table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    const filters = table.tHead.rows[1];
    const inputs = [...filters.querySelectorAll("input")];
    const count = table.closest("details").querySelector(".count");

    heads.forEach((head, column) => {
      head.firstElementChild.addEventListener("click", () => {
        const ascending = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        const values = new Map(rows.map((row) => [row, value(row, column)]));
        rows.sort((a, b) => compare(values.get(a), values.get(b), ascending ? 1 : -1));
        body.append(...rows);
      });
    });

    function filter() {
      const conditions = inputs.map((input) => condition(input.value));
      let left = 0;
      for (const row of rows) {
        row.hidden = conditions.some((holds, column) => {
          if (holds === null) return false;
          const { number, text } = value(row, column);
          return !holds(number, text);
        });
        left += !row.hidden;
      }
      const all = rows.length === 1 ? "1 row" : `${rows.length} rows`;
      count.textContent = left === rows.length ? all : `${left} of ${all}`;
    }
    inputs.forEach((input) => input.addEventListener("input", filter));
    filters.hidden = rows.length < 2;
    filter(); // a browser that goes back keeps what was typed
  }

  document.querySelectorAll("details.table table").forEach(enliven);

  // A row is a large target for its own link.
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-show]");
    if (row && !event.target.closest("a") && !String(getSelection())) location.hash = `structure-${row.dataset.show}`;
  });
})();
