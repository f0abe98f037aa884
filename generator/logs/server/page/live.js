"use strict";

// The page asks only the server that it came from. The token, where there is one, stays in this tab.

const SECONDS = 60, ROWS = 200, KEPT = 2000;
const by = (id) => document.getElementById(id);
const buckets = new Map();
let socket = null, kept = [], total = 0, anomalous = 0, skipped = 0, pause = 500, paused = false, forgotten = 0;

function encoded(token) {
  const bytes = new TextEncoder().encode(token);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function connect() {
  const token = sessionStorage.getItem("token");
  const address = location.origin.replace(/^http/, "ws") + "/ws/logs";
  socket = new WebSocket(address, token ? ["sl.logs", "sl.token." + encoded(token)] : ["sl.logs"]);
  let opened = false;
  socket.onopen = () => {
    opened = true;
    pause = 500;
    show("live", "live");
    by("enter").hidden = true;
    configure();
  };
  socket.onmessage = (event) => heard(JSON.parse(event.data));
  socket.onclose = () => { closed(opened); };
}

async function closed(opened) {
  show("lost", "connection lost, trying again");
  // A browser does not say why a WebSocket was refused; an ordinary request does.
  const token = sessionStorage.getItem("token");
  try {
    const answer = await fetch("/api/status", { headers: token ? { Authorization: "Bearer " + token } : {} });
    if (answer.status === 401) {
      show("lost", token ? "wrong token" : "token needed");
      sessionStorage.removeItem("token");
      by("enter").hidden = false;
      by("token").focus();
      return;
    }
  } catch { /* the server is away; it is asked again below */ }
  pause = opened ? 500 : Math.min(10000, pause * 2);
  setTimeout(connect, pause);
}

function show(kind, text) {
  by("state").className = "state " + kind;
  by("state").textContent = text;
}

function say(text, wrong) {
  by("notice").textContent = text;
  by("notice").className = wrong ? "wrong" : "";
  clearTimeout(forgotten);
  if (!wrong) forgotten = setTimeout(() => say("", false), 8000);
}

function send(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  else say("No connection to the server.", true);
}

function configure() {
  const config = { batch_size: Number(by("batch").value), interval: Number(by("interval").value),
    anomaly_rate: Number(by("share").value) };
  send({ action: "configure", config });
}

function heard(message) {
  if (message.type === "logs") take(message);
  else if (message.type === "anomaly_injected") say(`${message.anomaly_type.replaceAll("_", " ")} begins now`);
  else if (message.type === "error") say(message.message, true);
}

function take(message) {
  const second = Math.floor(Date.now() / 1000);
  const bucket = buckets.get(second) ?? { lines: 0, anomalous: 0, errors: 0, milliseconds: 0, timed: 0 };
  for (const line of message.logs) {
    bucket.lines += 1;
    if (line._labels?.is_anomaly) bucket.anomalous += 1;
    if (line.level === "ERROR" || line.level === "CRITICAL") bucket.errors += 1;
    if (typeof line.response_time_ms === "number") {
      bucket.milliseconds += line.response_time_ms;
      bucket.timed += 1;
    }
  }
  buckets.set(second, bucket);
  total += message.count;
  anomalous += message.anomaly_count;
  skipped += message.skipped ?? 0;
  kept = kept.concat(message.logs).slice(-KEPT);
  by("total").textContent = total.toLocaleString("en");
  by("anomalous").textContent = anomalous.toLocaleString("en");
  by("skipped").textContent = skipped ? `, ${skipped.toLocaleString("en")} skipped` : "";
  if (!paused) list();
}

function wanted(line) {
  if (by("only").checked && !line._labels?.is_anomaly) return false;
  const words = by("filter").value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const text = words.length ? JSON.stringify(line).toLowerCase() : "";
  return words.every((word) => text.includes(word));
}

function list() {
  const rows = kept.filter(wanted).slice(-ROWS).reverse().map((line) => {
    const row = document.createElement("tr");
    const label = line._labels?.is_anomaly ? line._labels.anomaly_type.replaceAll("_", " ") : "";
    row.className = line.level + (label ? " anomalous" : "");
    const cells = [line.timestamp.slice(11, 23), line.level, line.service, line.message,
      line.response_time_ms ?? "", line.status_code ?? "", label];
    for (const cell of cells) row.insertCell().textContent = cell;
    row.cells[3].title = line.message ?? "";
    return row;
  });
  by("lines").replaceChildren(...rows);
}

// Bars of the last minute, the newest on the right. What the highest stands for is written beside it.
function draw(id, heights, unit, marked) {
  const canvas = by(id), scale = devicePixelRatio || 1, style = getComputedStyle(document.documentElement);
  const width = canvas.width = canvas.clientWidth * scale, height = canvas.height = canvas.clientHeight * scale;
  const context = canvas.getContext("2d"), step = width / heights.length;
  const top = Math.max(...heights, 1e-9) * 1.35;
  heights.forEach((value, place) => {
    const bar = (part, colour) => {
      context.fillStyle = style.getPropertyValue(colour);
      context.fillRect(place * step, height - height * part / top, Math.max(1, step - scale), height * part / top);
    };
    bar(value, "--main");
    if (marked?.[place]) bar(marked[place], "--alarm");
  });
  context.fillStyle = style.getPropertyValue("--quiet");
  context.font = `${11 * scale}px system-ui, sans-serif`;
  const peak = Math.max(...heights);
  context.fillText(peak ? `up to ${peak.toFixed(peak < 10 ? 1 : 0)}${unit}, last minute` : "", 0, 11 * scale);
}

function paint() {
  const second = Math.floor(Date.now() / 1000);
  for (const old of buckets.keys()) if (old < second - SECONDS) buckets.delete(old);
  const last = Array.from({ length: SECONDS }, (_, place) => buckets.get(second - SECONDS + place));
  const recent = last.slice(-5).filter(Boolean);
  const sum = (name) => recent.reduce((sofar, one) => sofar + one[name], 0);
  by("rate").textContent = (sum("lines") / 5).toFixed(1);
  by("errors").textContent = (100 * sum("errors") / Math.max(1, sum("lines"))).toFixed(1);
  by("latency").textContent = (sum("milliseconds") / Math.max(1, sum("timed"))).toFixed(0);
  draw("rates", last.map((one) => one?.lines ?? 0), "/s", last.map((one) => one?.anomalous ?? 0));
  draw("shares", last.map((one) => one ? 100 * one.errors / one.lines : 0), " %");
  draw("times", last.map((one) => one?.timed ? one.milliseconds / one.timed : 0), " ms");
}

for (const button of document.querySelectorAll("button[data-kind]")) {
  button.onclick = () => send({ action: "inject_anomaly", anomaly_type: button.dataset.kind });
}
by("apply").onclick = configure;
by("filter").oninput = list;
by("only").onchange = list;
by("pause").onclick = () => {
  paused = !paused;
  by("pause").setAttribute("aria-pressed", String(paused));
  if (!paused) list();
};
by("enter").onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", by("token").value.trim());
  by("token").value = "";
  connect();
};
setInterval(paint, 1000);
connect();
