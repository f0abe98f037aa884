// --- the table: what is sorted and filtered stays in the page; lanes show what the table shows ----
const sorted = (cell) => cell.dataset.sort ?? cell.textContent;

function filter() {
  const words = find("series").value.toLowerCase();
  const choices = [...document.querySelectorAll("#filters select")].filter((one) => one.value);
  const hidden = new Set();
  for (const row of rows) {
    const fits = choices.every((one) => row.dataset[one.name] === one.value) && inside(row);
    row.hidden = !(fits && sorted(row.cells[0]).toLowerCase().includes(words));
    if (row.hidden) hidden.add(row.id);
  }
  for (const mark of marks) mark.link.classList.toggle("gone", hidden.has(mark.id));
  const part = view.from > whole.from || view.to < whole.to ? `, ${clock(view.from)} to ${clock(view.to)} UTC` : "";
  find("count").textContent = `${rows.length - hidden.size} of ${rows.length}${part}`;
}

function sort(header) {
  const down = header.getAttribute("aria-sort") !== "descending";
  for (const other of header.parentNode.cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = (row) => sorted(row.cells[header.cellIndex]);
  const number = rows.every((row) => value(row) === "" || !Number.isNaN(Number(value(row))));
  const order = (a, b) => (number ? Number(value(a)) - Number(value(b)) : value(a).localeCompare(value(b)));
  rows.sort((a, b) => (down ? order(b, a) : order(a, b)));
  document.querySelector("#events tbody").append(...rows);
}

// The event after the chosen one, or before it, among those that the table shows.
function step(by) {
  const there = rows.filter((row) => !row.hidden);
  const now = there.findIndex((row) => row.classList.contains("chosen"));
  const next = there[now < 0 ? (by > 0 ? 0 : there.length - 1) : now + by];
  if (next) location.hash = next.id;
}
