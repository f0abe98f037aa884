// --- the lanes: the server drew the whole window; zooming moves what is there ---------------------
const lanes = document.querySelector("svg.lanes");
const WIDE = 820, FIRST = 180;
const marks = [...(lanes?.querySelectorAll("a.event") ?? [])].map((link) => ({ link, id: decodeURIComponent(link.getAttribute("href").slice(1)) }));
for (const { link, id } of marks) {
  link.setAttribute("aria-label", data.about[id]);
  link.querySelector("title").textContent = data.about[id];
}

function place() {
  if (!lanes) return;
  const scale = WIDE / (view.to - view.from);
  for (const rect of lanes.querySelectorAll("rect[data-from]")) {
    const from = Math.max(view.from, Number(rect.dataset.from)), to = Math.min(view.to, Number(rect.dataset.to));
    rect.classList.toggle("gone", !inside(rect));
    rect.setAttribute("x", FIRST + (from - view.from) * scale);
    rect.setAttribute("width", Math.max(4, (to - from) * scale));
  }
  const days = view.to - view.from > 4 * 86400;
  lanes.querySelectorAll(".when").forEach((text, i) => {
    const time = view.from + ((view.to - view.from) * (i + 1)) / 7;
    text.textContent = days ? clock(time).replace(/ \d+:\d+$/, "") : clock(time);
  });
}

function look(from, to) {
  const span = Math.min(whole.to - whole.from, Math.max(3600, to - from));
  const first = Math.max(whole.from, Math.min(whole.to - span, from));
  view = { from: first, to: first + span };
  place();
  filter();
}

function move(what) {
  const span = view.to - view.from, middle = view.from + span / 2;
  if (what === "in") look(middle - span / 4, middle + span / 4);
  else if (what === "out") look(middle - span, middle + span);
  else if (what === "all") look(whole.from, whole.to);
  else look(view.from + (what === "left" ? -span / 2 : span / 2), view.to + (what === "left" ? -span / 2 : span / 2));
}

// Drag over a stretch to see only that; a click remains a click.
function drag() {
  const picked = lanes.querySelector(".picked");
  let begun = null;
  const at = (event) => {
    const box = lanes.getBoundingClientRect();
    return Math.min(FIRST + WIDE, Math.max(FIRST, ((event.clientX - box.left) / box.width) * 1000));
  };
  lanes.addEventListener("pointerdown", (event) => { begun = event.button === 0 ? at(event) : null; });
  addEventListener("pointermove", (event) => {
    if (begun === null) return;
    picked.setAttribute("x", Math.min(begun, at(event)));
    picked.setAttribute("width", Math.abs(at(event) - begun));
  });
  addEventListener("pointerup", (event) => {
    if (begun === null) return;
    const [low, high] = [begun, at(event)].sort((a, b) => a - b), scale = (view.to - view.from) / WIDE;
    if (high - low > 8) look(view.from + (low - FIRST) * scale, view.from + (high - FIRST) * scale);
    picked.setAttribute("width", 0);
    begun = null;
  });
  lanes.addEventListener("dragstart", (event) => event.preventDefault());
}
