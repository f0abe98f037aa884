// --- what people do -------------------------------------------------------------------------------
find("filters").addEventListener("input", filter);
find("filters").addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll("#lane-tools button")) button.addEventListener("click", () => move(button.value));
for (const button of document.querySelectorAll("#chart-tools button")) button.addEventListener("click", () => shown && tools[button.value]());
for (const button of document.querySelectorAll("#steps button")) button.addEventListener("click", () => step(Number(button.value)));
for (const button of document.querySelectorAll(".incidents button")) button.addEventListener("click", () => only(button.value));
if (lanes) drag();
canvas.addEventListener("keydown", keys);
pointers();
find("hours").addEventListener("toggle", hours);
addEventListener("hashchange", () => { choose(); if (rows.some((row) => row.classList.contains("chosen"))) find("event").scrollIntoView(); });
addEventListener("resize", () => shown && draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown && draw());
filter();
choose();
