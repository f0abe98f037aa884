"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const rows = [...document.querySelectorAll("#events tbody tr")];
const whole = { from: data.window[0], to: data.window[1] };
let view = { ...whole }; // the part of the window that lanes and table show

// "Sun, 01 Nov 2026 14:00:00 GMT", whatever the reader's language.
const clock = (time) => new Date(time * 1000).toUTCString().replace(/^\w+, (\d+ \w+) \d+ (\d+:\d+).*/, "$1 $2");
const inside = (node) => Number(node.dataset.to) > view.from && Number(node.dataset.from) < view.to;

function si(value) {
  if (!Number.isFinite(value)) return "-";
  const power = Math.min(6, Math.max(0, Math.floor(Math.log10(Math.abs(value) || 1) / 3)));
  return `${Number((value / 1000 ** power).toPrecision(3))} ${["", "k", "M", "G", "T", "P", "E"][power]}${data.unit}`.trim();
}

// The bytes of what was deflated and written as text.
async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

// As packed.py laid it down: the low bytes of all differences, then the high ones.
async function unpacked({ low, step, packed }) {
  const planes = new Uint8Array(await inflated(packed));
  const count = planes.length / 2, points = new Float64Array(count);
  for (let i = 0, level = 0; i < count; i += 1) {
    level = (level + planes[i] + 256 * planes[count + i]) & 65535;
    points[i] = level === 65535 ? NaN : low + step * level;
  }
  return points;
}
