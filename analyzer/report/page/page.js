"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const rows = [...document.querySelectorAll("#events tbody tr")];
const canvas = find("chart");
let shown = null; // the trace on the canvas: its lines, the part in view and the cursor

// --- the table: what is sorted and filtered stays in the page -------------------------------------
function filter() {
  const words = find("series").value.toLowerCase();
  const wanted = { band: "band", direction: "direction", verdict: "verdict-of" };
  let count = 0;
  for (const row of rows) {
    const fits = Object.entries(wanted).every(([name, id]) => !find(id)?.value || row.dataset[name] === find(id).value);
    row.hidden = !(fits && row.cells[0].dataset.sort.toLowerCase().includes(words));
    count += row.hidden ? 0 : 1;
  }
  find("count").textContent = `${count} of ${rows.length}`;
}

function sort(header) {
  const down = header.getAttribute("aria-sort") !== "descending";
  for (const other of header.parentNode.cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = (row) => row.cells[header.cellIndex].dataset.sort;
  const number = rows.every((row) => value(row) === "" || !Number.isNaN(Number(value(row))));
  const order = (a, b) => (number ? Number(value(a)) - Number(value(b)) : value(a).localeCompare(value(b)));
  rows.sort((a, b) => (down ? order(b, a) : order(a, b)));
  document.querySelector("#events tbody").append(...rows);
}

// --- the chart ------------------------------------------------------------------------------------
function unpacked({ low, step, packed }) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const whole = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 2 }, (_, i) => {
    const level = whole.getUint16(2 * i, true);
    return level === 65535 ? NaN : low + step * level;
  });
}

function si(value) {
  if (!Number.isFinite(value)) return "-";
  const power = Math.min(6, Math.max(0, Math.floor(Math.log10(Math.abs(value) || 1) / 3)));
  return `${Number((value / 1000 ** power).toPrecision(3))} ${["", "k", "M", "G", "T", "P", "E"][power]}${data.unit}`.trim();
}

// "Sun, 01 Nov 2026 14:00:00 GMT", whatever the reader's language.
const clock = (time) => new Date(time * 1000).toUTCString().replace(/^\w+, (\d+ \w+) \d+ (\d+:\d+).*/, "$1 $2");

function choose() {
  const id = decodeURIComponent(location.hash.slice(1));
  const row = rows.find((one) => one.id === id);
  for (const one of rows) one.classList.toggle("chosen", one === row);
  if (!row) return;
  const trace = data.traces[id];
  find("about").textContent = data.about[id];
  canvas.hidden = find("keys").hidden = !trace;
  canvas.setAttribute("aria-label", `${data.about[id]} ${trace ? "Its series as a chart." : ""}`);
  find("cursor").textContent = trace ? "" : "No series is kept for this event: it is none of the worst (--charts).";
  shown = null;
  if (!trace) return;
  const lines = {};
  for (const name of ["others", "values", "baseline", "limit"]) {
    lines[name] = trace[name].map((line) => ({ ...line, points: unpacked(line) }));
  }
  shown = { trace, lines, from: trace.start, to: trace.end, cursor: trace.peak };
  draw();
}

function draw() {
  const { trace, lines, from, to } = shown;
  const wide = (canvas.width = Math.max(320, canvas.clientWidth) * devicePixelRatio);
  const high = (canvas.height = 320 * devicePixelRatio);
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name);
  const margin = { left: 74 * devicePixelRatio, bottom: 22 * devicePixelRatio, top: 8 * devicePixelRatio };
  let least = 0, most = 0;
  for (const line of Object.values(lines).flat()) {
    line.points.forEach((value, i) => {
      const time = line.start + i * line.width;
      if (time + line.width > from && time < to && Number.isFinite(value)) {
        most = Math.max(most, value);
        least = Math.min(least, value);
      }
    });
  }
  const x = (time) => margin.left + ((time - from) / (to - from)) * (wide - margin.left);
  const y = (value) => high - margin.bottom - ((value - least) / ((most - least) * 1.05 || 1)) * (high - margin.bottom - margin.top);
  pen.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  pen.fillStyle = colour("--shade");
  pen.fillRect(x(Math.max(from, trace.event[0])), margin.top, Math.max(0, x(Math.min(to, trace.event[1])) - x(Math.max(from, trace.event[0]))), high - margin.bottom - margin.top);
  pen.lineWidth = devicePixelRatio;
  for (let i = 0; i <= 4; i += 1) {
    const value = least + ((most - least) * i) / 4;
    pen.strokeStyle = colour("--line");
    pen.beginPath(); pen.moveTo(margin.left, y(value)); pen.lineTo(wide, y(value)); pen.stroke();
    pen.fillStyle = colour("--soft");
    pen.textAlign = "right";
    pen.fillText(si(value), margin.left - 6 * devicePixelRatio, y(value) + 4 * devicePixelRatio);
    const time = from + ((to - from) * i) / 4;
    pen.textAlign = i === 0 ? "left" : i === 4 ? "right" : "center";
    pen.fillText(clock(time), x(time), high - 6 * devicePixelRatio);
  }
  pen.save();
  pen.beginPath(); pen.rect(margin.left, 0, wide, high - margin.bottom + 1); pen.clip();
  for (const [name, look, dash] of [["others", "--others", []], ["values", "--values", []], ["baseline", "--baseline", [5, 3]], ["limit", "--limit", []]]) {
    pen.strokeStyle = colour(look);
    pen.setLineDash(dash.map((one) => one * devicePixelRatio));
    pen.lineWidth = (name === "others" ? 0.8 : 1.3) * devicePixelRatio;
    for (const line of lines[name]) {
      pen.beginPath();
      let up = true;
      line.points.forEach((value, i) => {
        if (!Number.isFinite(value)) { up = true; return; }
        const left = x(line.start + i * line.width), right = x(line.start + (i + 1) * line.width);
        if (up) pen.moveTo(left, y(value)); else pen.lineTo(left, y(value));
        pen.lineTo(right, y(value));
        up = false;
      });
      pen.stroke();
    }
  }
  pen.setLineDash([]);
  pen.strokeStyle = colour("--soft");
  pen.beginPath(); pen.moveTo(x(shown.cursor), 0); pen.lineTo(x(shown.cursor), high - margin.bottom); pen.stroke();
  pen.restore();
  const at = (name) => lines[name].map((line) => line.points[Math.floor((shown.cursor - line.start) / line.width)]).find(Number.isFinite);
  const words = { values: "value", baseline: "baseline", limit: "limit" };
  find("cursor").textContent = `${clock(shown.cursor)} UTC: ` + Object.entries(words).map(([name, word]) => `${word} ${si(at(name))}`).join(", ");
}

function keys(event) {
  if (!shown) return;
  const { trace, from, to, cursor } = shown;
  const step = trace.values[0].width;
  const zoom = (factor) => {
    const span = Math.min(trace.end - trace.start, Math.max(10 * step, (to - from) * factor));
    shown.from = Math.max(trace.start, Math.min(trace.end - span, cursor - span / 2));
    shown.to = shown.from + span;
  };
  const moves = {
    ArrowLeft: () => { shown.cursor = Math.max(trace.start, cursor - step * (event.shiftKey ? 10 : 1)); },
    ArrowRight: () => { shown.cursor = Math.min(trace.end - step, cursor + step * (event.shiftKey ? 10 : 1)); },
    "+": () => zoom(0.5), "-": () => zoom(2), 0: () => { shown.from = trace.start; shown.to = trace.end; },
  };
  if (!moves[event.key]) return;
  event.preventDefault();
  moves[event.key]();
  draw();
}

canvas.addEventListener("keydown", keys);
canvas.addEventListener("pointermove", (event) => {
  if (!shown) return;
  const left = 74, place = (event.offsetX - left) / (canvas.clientWidth - left);
  const step = shown.trace.values[0].width;
  const time = shown.from + Math.min(1, Math.max(0, place)) * (shown.to - shown.from);
  shown.cursor = Math.min(shown.trace.end - step, shown.trace.start + Math.floor((time - shown.trace.start) / step) * step);
  draw();
});
for (const header of document.querySelectorAll("#events th")) header.firstChild.addEventListener("click", () => sort(header));
find("filters").addEventListener("input", filter);
find("filters").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", () => { choose(); find("event").scrollIntoView(); });
addEventListener("resize", () => shown && draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown && draw());
filter();
choose();
