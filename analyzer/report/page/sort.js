// --- tables that a click on a head sorts ----------------------------------------------------------
const sorted = (cell) => cell.dataset.sort ?? cell.textContent;

function sort(header) {
  const body = header.closest("table").tBodies[0], all = [...body.rows];
  const down = header.getAttribute("aria-sort") !== "descending";
  for (const other of header.parentNode.cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = (row) => sorted(row.cells[header.cellIndex]);
  const number = all.every((row) => value(row) === "" || !Number.isNaN(Number(value(row))));
  const order = (a, b) => (number ? Number(value(a)) - Number(value(b)) : value(a).localeCompare(value(b)));
  body.append(...all.sort((a, b) => (down ? order(b, a) : order(a, b))));
}

for (const header of document.querySelectorAll("th[aria-sort]")) header.firstChild.addEventListener("click", () => sort(header));
