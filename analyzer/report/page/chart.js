// --- the chart of one event -----------------------------------------------------------------------
const canvas = find("chart");
const LEFT = 74, HIGH = 320;
let shown = null; // the trace on the canvas: its lines, the part in view and the cursor

async function choose() {
  const id = decodeURIComponent(location.hash.slice(1));
  const row = rows.find((one) => one.id === id);
  for (const one of rows) one.classList.toggle("chosen", one === row);
  for (const mark of marks) mark.link.classList.toggle("chosen", mark.id === id);
  if (!row) return;
  const trace = data.traces[id];
  find("about").textContent = data.about[id];
  canvas.hidden = find("chart-tools").hidden = find("keys").hidden = find("hours").hidden = !trace;
  canvas.setAttribute("aria-label", `${data.about[id]} ${trace ? "Its series as a chart." : ""}`);
  find("cursor").textContent = trace ? "" : "The series of this event is not in the page; only the worst events have one (--charts).";
  find("hours").open = false;
  causes(id);
  shown = null;
  if (!trace) return;
  const lines = {};
  for (const name of ["others", "values", "baseline", "limit"]) {
    lines[name] = await Promise.all(trace[name].map(async (line) => ({ ...line, points: await unpacked(line) })));
  }
  if (decodeURIComponent(location.hash.slice(1)) !== id) return; // another one was chosen meanwhile
  shown = { trace, lines, from: trace.start, to: trace.end, cursor: trace.peak };
  draw();
  canvas.dataset.event = id;
}

// By what the event came, and the steps that made it one.
function causes(id) {
  const parts = data.parts[id] ?? [], body = find("parts").querySelector("tbody"), steps = data.explained[id];
  find("parts").hidden = !parts.length;
  body.replaceChildren();
  for (const cells of parts) {
    const row = body.insertRow();
    for (const words of cells) row.insertCell().textContent = words;
  }
  find("steps-of").hidden = !steps;
  find("steps-of").querySelector("pre").textContent = steps ?? "";
  find("command").hidden = Boolean(steps);
  find("command").querySelector("code").textContent = `./sl.py explain ${id}`;
}

// What of a line is in view: the index of its first and last bucket there.
function seen(line, from, to) {
  const last = Math.min(line.points.length - 1, Math.ceil((to - line.start) / line.width));
  return [Math.max(0, Math.floor((from - line.start) / line.width)), last];
}

function bounds(lines, from, to) {
  let least = 0, most = 0;
  for (const line of Object.values(lines).flat()) {
    const [first, last] = seen(line, from, to);
    for (let i = first; i <= last; i += 1) {
      if (line.points[i] > most) most = line.points[i];
      if (line.points[i] < least) least = line.points[i];
    }
  }
  return [least, most];
}

// A step a bucket; where many buckets share a pixel, one stroke from the lowest to the highest of them.
function stroke(pen, line, from, to, x, y) {
  const [first, last] = seen(line, from, to);
  const stride = Math.max(1, Math.floor((to - from) / line.width / Math.max(1, canvas.width)));
  let up = true;
  pen.beginPath();
  for (let i = first; i <= last; i += stride) {
    let low = Infinity, high = -Infinity;
    for (let j = i; j < Math.min(i + stride, last + 1); j += 1) {
      if (line.points[j] < low) low = line.points[j];
      if (line.points[j] > high) high = line.points[j];
    }
    if (high === -Infinity) { up = true; continue; }
    const left = x(line.start + i * line.width), right = x(line.start + Math.min(i + stride, line.points.length) * line.width);
    if (up) pen.moveTo(left, y(low)); else pen.lineTo(left, y(low));
    if (high > low) pen.lineTo(left, y(high));
    pen.lineTo(right, y(high));
    up = false;
  }
  pen.stroke();
}

function draw() {
  const { trace: whole, lines, from, to } = shown, ratio = devicePixelRatio;
  const wide = (canvas.width = Math.max(320, canvas.clientWidth) * ratio), high = (canvas.height = HIGH * ratio);
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name);
  const left = LEFT * ratio, bottom = high - 22 * ratio, top = 8 * ratio;
  const [least, most] = bounds(lines, from, to);
  const x = (time) => left + ((time - from) / (to - from)) * (wide - left);
  const y = (value) => bottom - ((value - least) / ((most - least) * 1.05 || 1)) * (bottom - top);
  const shade = (first, last, look) => {
    pen.fillStyle = colour(look);
    pen.fillRect(x(Math.max(from, first)), top, Math.max(0, x(Math.min(to, last)) - x(Math.max(from, first))), bottom - top);
  };
  pen.font = `${11 * ratio}px system-ui, sans-serif`;
  shade(...whole.event, "--shade");
  if (shown.picked) shade(...shown.picked, "--pick");
  pen.lineWidth = ratio;
  for (let i = 0; i <= 4; i += 1) {
    const value = least + ((most - least) * i) / 4, time = from + ((to - from) * i) / 4;
    pen.strokeStyle = colour("--line");
    pen.beginPath(); pen.moveTo(left, y(value)); pen.lineTo(wide, y(value)); pen.stroke();
    pen.fillStyle = colour("--soft");
    pen.textAlign = "right";
    pen.fillText(si(value), left - 6 * ratio, y(value) + 4 * ratio);
    pen.textAlign = i === 0 ? "left" : i === 4 ? "right" : "center";
    pen.fillText(clock(time), x(time), high - 6 * ratio);
  }
  pen.save();
  pen.beginPath(); pen.rect(left, 0, wide, bottom + 1); pen.clip();
  for (const [name, dash, width] of [["others", [], 0.8], ["values", [], 1.3], ["baseline", [5, 3], 1.3], ["limit", [], 1.3]]) {
    pen.strokeStyle = colour(`--${name}`);
    pen.setLineDash(dash.map((one) => one * ratio));
    pen.lineWidth = width * ratio;
    for (const line of lines[name]) stroke(pen, line, from, to, x, y);
  }
  pen.setLineDash([]);
  pen.strokeStyle = colour("--soft");
  pen.beginPath(); pen.moveTo(x(shown.cursor), 0); pen.lineTo(x(shown.cursor), bottom); pen.stroke();
  pen.restore();
  find("cursor").textContent = `${clock(shown.cursor)} UTC: value ${si(at("values"))}, baseline ${si(at("baseline"))}, limit ${si(at("limit"))}`;
}

const at = (name, time = shown.cursor) => shown.lines[name].map((line) => line.points[Math.floor((time - line.start) / line.width)]).find(Number.isFinite);

function zoom(factor) {
  const { trace: whole, from, to, cursor } = shown;
  const span = Math.min(whole.end - whole.start, Math.max(10 * whole.values[0].width, (to - from) * factor));
  show(Math.max(whole.start, Math.min(whole.end - span, cursor - span / 2)), span);
}

function show(from, span) {
  shown.from = from;
  shown.to = from + span;
  draw();
}

const tools = {
  in: () => zoom(0.5), out: () => zoom(2), all: () => show(shown.trace.start, shown.trace.end - shown.trace.start),
};

function keys(event) {
  if (!shown) return;
  const width = shown.trace.values[0].width * (event.shiftKey ? 10 : 1);
  const to = (time) => { shown.cursor = Math.max(shown.trace.start, Math.min(shown.trace.end - shown.trace.values[0].width, time)); draw(); };
  const moves = {
    ArrowLeft: () => to(shown.cursor - width), ArrowRight: () => to(shown.cursor + width), "+": tools.in, "-": tools.out, 0: tools.all,
  };
  if (!moves[event.key]) return;
  event.preventDefault();
  moves[event.key]();
}

function pointed(event) {
  const width = shown.trace.values[0].width, part = (event.offsetX - LEFT) / (canvas.clientWidth - LEFT);
  const time = shown.from + Math.min(1, Math.max(0, part)) * (shown.to - shown.from);
  return Math.min(shown.trace.end - width, shown.trace.start + Math.floor((time - shown.trace.start) / width) * width);
}

function pointers() {
  let begun = null;
  canvas.addEventListener("pointerdown", (event) => { if (shown) { begun = pointed(event); canvas.setPointerCapture(event.pointerId); } });
  canvas.addEventListener("pointermove", (event) => {
    if (!shown) return;
    shown.cursor = pointed(event);
    shown.picked = begun === null ? null : [begun, shown.cursor].sort((a, b) => a - b);
    draw();
  });
  canvas.addEventListener("pointerup", () => {
    if (!shown || begun === null) return;
    const [from, to] = shown.picked ?? [0, 0];
    begun = shown.picked = null;
    if (to - from >= 10 * shown.trace.values[0].width) show(from, to - from); else draw();
  });
  canvas.addEventListener("dblclick", () => shown && tools.all());
}

// The same for whoever reads instead of looking: a row an hour.
function hours() {
  if (!shown || !find("hours").open) return;
  const body = find("hours").querySelector("tbody"), line = shown.lines.values[0];
  body.replaceChildren();
  for (let time = shown.trace.start; time < shown.trace.end; time += 3600) {
    const first = (time - line.start) / line.width;
    const there = line.points.slice(first, first + 3600 / line.width).filter(Number.isFinite);
    const row = body.insertRow();
    const cells = [clock(time), si(there.length ? Math.max(...there) : NaN), si(at("baseline", time)), si(at("limit", time))];
    for (const words of cells) row.insertCell().textContent = words;
  }
}
