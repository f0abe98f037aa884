// --- another policy: what was judged again for each step of the sliders ---------------------------
const sliders = data.sliders, percent = find("percent"), floor_ = find("floor");

async function alerts({ alerts: text }) {
  const steps = new DataView(await inflated(text));
  const count = steps.byteLength / 12;
  const column = (place) => {
    let value = 0;
    return Array.from({ length: count }, (_, i) => (value += steps.getInt32(4 * (place * count + i), true)));
  };
  const [key, start, length] = [column(0), column(1), column(2)];
  return key.map((k, i) => ({ key: sliders.keys[k], from: whole.from + start[i], to: whole.from + start[i] + length[i] }));
}

async function judgeAgain() {
  const [p, f] = [Number(percent.value), Number(floor_.value)];
  find("percent-words").textContent = sliders.percents[p];
  find("floor-words").textContent = sliders.floors[f];
  percent.setAttribute("aria-valuetext", sliders.percents[p]);
  floor_.setAttribute("aria-valuetext", sliders.floors[f]);
  const cell = sliders.cells[p * sliders.floors.length + f], found = await alerts(cell);
  if (p !== Number(percent.value) || f !== Number(floor_.value)) return; // moved on meanwhile
  const present = p === sliders.present[0] && f === sliders.present[1];
  const share = (part, all) => (all ? (part / all).toFixed(3) : "-");
  let words = `${found.length} alerts, ${(found.length / sliders.weeks).toPrecision(3)} a week`;
  if (cell.verdict) {
    const [hits, misses, wrong] = cell.verdict;
    words += `; hits ${hits} of ${hits + misses}, recall ${share(hits, hits + misses)}, false alarms ${wrong}`;
  }
  find("again").textContent = `${words}${present ? ". This is the run's own policy." : "."}`;
  // The run's own events stay where the other policy raises them too; what it raises besides is outlined.
  const met = (row) => found.some((one) => one.key === sorted(row.cells[0]) && one.to > row.dataset.from && one.from < row.dataset.to);
  for (const row of rows) row.classList.toggle("lost", !present && (row.dataset.class ?? "policy") === "policy" && !met(row));
  const lost = new Set(rows.filter((row) => row.classList.contains("lost")).map((row) => row.id));
  for (const mark of marks) mark.link.classList.toggle("lost", lost.has(mark.id));
  drawAgain(present ? [] : found);
}

function drawAgain(found) {
  for (const old of lanes?.querySelectorAll(".again") ?? []) old.remove();
  const tops = new Map([...(lanes?.querySelectorAll("text.name") ?? [])].map((text) => [text.querySelector("title").textContent, Number(text.getAttribute("y")) - 13]));
  for (const one of found) {
    if (!tops.has(one.key)) continue;
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({ class: "again", "data-from": one.from, "data-to": one.to, y: tops.get(one.key) + 2, height: 14 })) rect.setAttribute(name, value);
    lanes.append(rect);
  }
  place();
}

if (sliders) {
  for (const slider of [percent, floor_]) slider.addEventListener("input", judgeAgain);
  find("own-policy").addEventListener("click", () => { [percent.value, floor_.value] = sliders.present; judgeAgain(); });
  judgeAgain();
}
