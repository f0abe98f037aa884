// --- the table: what is sorted and filtered stays in the page; lanes show what the table shows ----
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

// The events of one incident.
function only(incident) {
  const choice = document.querySelector("#filters select[name=incident]");
  choice.value = choice.value === incident ? "" : incident;
  filter();
  find("table-title").scrollIntoView();
}

// The event after the chosen one, or before it, among those that the table shows.
function step(by) {
  const there = [...find("events").tBodies[0].rows].filter((row) => !row.hidden);
  const now = there.findIndex((row) => row.classList.contains("chosen"));
  const next = there[now < 0 ? (by > 0 ? 0 : there.length - 1) : now + by];
  if (next) location.hash = next.id;
}
