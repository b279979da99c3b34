"use strict";

const byId = (id) => document.getElementById(id);
const digits = new Intl.NumberFormat("en");

/* ---- The status pill ---- */

let countdown;

/** Shows the state. With `until`, a time of `performance.now`, the text is made again and again of what is left. */
function showStatus(state, text, until) {
  const show = () => {
    const left = until === undefined ? 0 : Math.max(0, until - performance.now());
    byId("status-text").textContent = until === undefined ? text : `${text} in ${(left / 1000).toFixed(1)} s`;
  };
  clearInterval(countdown);
  byId("status").dataset.state = state;
  show();
  if (until !== undefined) countdown = setInterval(show, 100);
  // A screen reader hears of changes only, not of every tenth of a second.
  if (byId("status-said").textContent !== text) byId("status-said").textContent = text;
}

/** Notes what became of the connection, newest first. */
function note(text) {
  const item = document.createElement("li");
  item.textContent = text;
  byId("events").prepend(item);
  while (byId("events").children.length > 5) byId("events").lastChild.remove();
}

/* ---- The connection: WebSocket, with back-off ---- */

const PAUSE_MIN = 250;
const PAUSE_MAX = 5000;
/** A connection that lasted so long has proved good: the next pause is the shortest again. */
const STEADY_AFTER = 5000;
/** After so many vain attempts the server is called away. */
const OFFLINE_AFTER = 3;

let socket;
let retry;
let pauses = 0;
let failures = 0;
let lostAt;

function connect() {
  clearTimeout(retry);
  const url = new URL("chat", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  socket = new WebSocket(url);
  let steady;
  socket.onopen = () => {
    failures = 0;
    steady = setTimeout(() => { pauses = 0; }, STEADY_AFTER);
    note(lostAt === undefined ? "Connected" : `Back after ${seconds(performance.now() - lostAt)}`);
    lostAt = undefined;
    socket.send(`name ${wish}`);
    setOpen(true);
    showStatus("connected", "Connected");
  };
  socket.onmessage = ({ data }) => hear(data);
  socket.onclose = ({ code }) => {
    clearTimeout(steady);
    if (lostAt === undefined) note(`Lost, with code ${code}`);
    lostAt ??= performance.now();
    failures += 1;
    setOpen(false);
    reconnectLater();
  };
}

/** Twice the last pause, and up to half as much again, so that many pages do not come back at the same moment. */
function reconnectLater() {
  const pause = Math.min(PAUSE_MAX, PAUSE_MIN * 2 ** pauses * (1 + Math.random() / 2));
  pauses += 1;
  note(`Trying again in ${seconds(pause)}`);
  const until = performance.now() + pause;
  if (failures > OFFLINE_AFTER || !navigator.onLine) showStatus("offline", "Offline, next try", until);
  else showStatus("waiting", "Reconnecting", until);
  retry = setTimeout(() => {
    showStatus("waiting", "Connecting…");
    connect();
  }, pause);
}

/** Whatever needs the connection can be pressed while there is one. */
function setOpen(open) {
  for (const button of document.querySelectorAll("#say button, #rename button, #burst, #drop")) {
    button.disabled = !open;
  }
  if (!open) endBurst("The connection was lost meanwhile.");
}

const isOpen = () => socket.readyState === WebSocket.OPEN;
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

addEventListener("online", () => {
  if (socket.readyState === WebSocket.CLOSED) connect();
});
byId("drop").onclick = () => socket.send("drop");

/* ---- The chat ---- */

const LOG_MAX = 200;

/** The name this visitor goes by; empty lets the server choose. A reload keeps it, another tab has its own. */
let wish = remembered();

function remembered() {
  try {
    return sessionStorage.getItem("name") ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    sessionStorage.setItem("name", name);
  } catch {
    // Where nothing may be stored, the name lasts as long as the page.
  }
}

/** A line from the server: a verb, and its parts behind tabs. */
function hear(line) {
  const [verb, ...parts] = line.split("\t");
  switch (verb) {
    case "you":
      wish = byId("name").value = parts[0];
      return addNote("You", " are ", parts[0]);
    case "here":
      byId("here").hidden = false;
      byId("here").textContent = parts[0] === "1" ? "only you here" : `${digits.format(parts[0])} here`;
      break;
    case "mine": return addLine("mine", "You", parts[0]);
    case "said": return addLine("said", parts[0], parts[1]);
    case "came": return addNote(parts[0], " came in");
    case "left": return addNote(parts[0], " left");
    case "named": return addNote(parts[0], " is now ", parts[1]);
    default: echoed();
  }
}

/** Text only ever becomes text: nothing that somebody wrote is read as HTML. */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.dir = "auto";
  return made;
}

function addLine(kind, name, text) {
  const item = document.createElement("li");
  const by = element("b", name);
  const last = byId("log").lastChild;
  const goesOn = last?.className.startsWith(kind) && last.firstChild.textContent === name;
  item.className = goesOn ? `${kind} more` : kind;
  by.classList.toggle("unseen", goesOn || kind === "mine");
  item.append(by, element("span", text));
  addItem(item, kind === "mine");
}

function addNote(name, verb, other) {
  const item = document.createElement("li");
  item.className = "note";
  item.append(element("bdi", name), verb);
  if (other !== undefined) item.append(element("bdi", other));
  addItem(item, false);
}

/** The newest line stays in sight, unless the reader has gone back to older ones. */
let atEnd = true;

function toEnd() {
  byId("log").scrollTop = byId("log").scrollHeight;
}

function addItem(item, always) {
  const log = byId("log");
  atEnd ||= always;
  log.append(item);
  while (log.children.length > LOG_MAX) log.firstChild.remove();
  if (atEnd) toEnd();
}

byId("log").onscroll = ({ target: log }) => {
  atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
};
// The window became narrower, or a phone was turned.
new ResizeObserver(() => {
  if (atEnd) toEnd();
}).observe(byId("log"));

byId("say").onsubmit = (event) => {
  event.preventDefault();
  const text = byId("line").value.trim();
  if (text === "" || !isOpen()) return;
  socket.send(`say ${text}`);
  byId("line").value = "";
};

byId("rename").onsubmit = (event) => {
  event.preventDefault();
  if (!isOpen()) return;
  remember(byId("name").value.trim());
  socket.send(`name ${byId("name").value}`);
};

/* ---- A burst of messages, so that the charts have something to show ---- */

const BURST = 1000;
let burst;

byId("burst").onclick = () => {
  burst = { left: BURST, begin: performance.now() };
  byId("burst").disabled = true;
  byId("burst-result").textContent = "On their way…";
  for (let number = 0; number < BURST; number += 1) socket.send(`echo ${number}`);
};

function echoed() {
  if (burst === undefined) return;
  burst.left -= 1;
  if (burst.left > 0) return;
  const taken = Math.max(1, Math.round(performance.now() - burst.begin));
  endBurst(`There and back in ${digits.format(taken)} ms.`);
  byId("burst").disabled = false;
}

function endBurst(result) {
  if (burst === undefined) return;
  burst = undefined;
  byId("burst-result").textContent = result;
}

/* ---- The charts: server-sent events ---- */

const SAMPLES = 60;
const SAMPLES_YOUNG = 20;
const UNWATCHED_AFTER = 10000;

const threeDigits = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

function bytes(value) {
  const units = ["B/s", "kB/s", "MB/s", "GB/s"];
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return [threeDigits(value), units[unit]];
}

/** How each figure is written, as number and unit, and the least that its chart is high. */
const FIGURES = {
  connections: { least: 4, write: (value) => [digits.format(value), ""] },
  messages: { least: 5, write: (value) => [digits.format(value), "/s"] },
  bytes: { least: 500, write: bytes },
  // No turn has been timed yet as long as it is zero.
  turn_ns: { least: 20000, write: (value) => [value === 0 ? "–" : threeDigits(value / 1000), "µs"] },
};

const charts = [...document.querySelectorAll("[data-figure]")].map((figure) => ({
  ...FIGURES[figure.dataset.figure],
  figure,
  key: figure.dataset.figure,
  label: figure.querySelector("figcaption").firstChild.data,
  samples: [],
  ...shapes(figure.querySelector("svg")),
}));

function shapes(svg) {
  const make = (name) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", name);
    svg.append(path);
    return path;
  };
  make("scale").setAttribute("d", "M0 4H100M0 20.5H100M0 37H100");
  return { svg, area: make("area"), line: make("line"), dot: make("dot") };
}

function addSample(chart, value) {
  chart.samples.push(value);
  if (chart.samples.length > SAMPLES) chart.samples.shift();
  const [number, unit] = chart.write(value);
  chart.figure.querySelector("b").textContent = number;
  chart.figure.querySelector(".value span").textContent = unit;
  draw(chart);
}

/**
 * The newest sample is at the right. A young chart is drawn wider, so that there is something to see soon. The topmost
 * line of the scale is the highest sample, or the least height.
 */
function draw({ figure, samples, least, write, label, svg, area, line, dot }) {
  const lowest = Math.min(...samples);
  const highest = Math.max(...samples);
  const inWords = (value) => write(value).join(" ").trim();
  const steps = Math.max(samples.length, SAMPLES_YOUNG) - 1;
  const x = (index) => (97 * (steps - samples.length + 1 + index)) / steps;
  const y = (value) => 37 - (33 * value) / Math.max(highest, least);
  const points = samples.map((value, index) => `${x(index).toFixed(2)} ${y(value).toFixed(2)}`);
  line.setAttribute("d", `M${points.join("L")}`);
  area.setAttribute("d", `M${x(0).toFixed(2)} 37L${points.join("L")}V37Z`);
  dot.setAttribute("d", `M${points.at(-1)}h.01`);
  figure.querySelector("figcaption span").textContent = `max ${inWords(highest)}`;
  svg.setAttribute("aria-label", `${label}: from ${inWords(lowest)} to ${inWords(highest)}`);
}

let figures;
let unwatched;

/** The browser comes back by itself when the stream is lost, unless it was told that there is none. */
function watch() {
  clearTimeout(unwatched);
  if (figures !== undefined && figures.readyState !== EventSource.CLOSED) return;
  figures = new EventSource("figures");
  figures.addEventListener("figures", ({ data }) => {
    const sample = JSON.parse(data);
    for (const chart of charts) addSample(chart, sample[chart.key]);
  });
  figures.onerror = () => {
    if (figures.readyState === EventSource.CLOSED) unwatched = setTimeout(watch, PAUSE_MAX);
  };
}

// A browser has six connections for all tabs of a server, and each stream takes one: who does not look gives it back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) unwatched = setTimeout(() => figures.close(), UNWATCHED_AFTER);
  else watch();
});

/* ---- The form that is answered late ---- */

byId("late").onsubmit = async (event) => {
  event.preventDefault();
  const answer = byId("answer");
  const show = (state, text) => {
    answer.dataset.state = state;
    answer.textContent = text;
  };
  const begin = performance.now();
  show("waiting", "Posted. Waiting for the other thread…");
  byId("late").querySelector("button").disabled = true;
  try {
    const response = await fetch(byId("late").action, { method: "POST", body: byId("text").value });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    show("done", `After ${seconds(performance.now() - begin)}: ${text}`);
  } catch (error) {
    show("failed", `No answer: ${error.message}`);
  } finally {
    byId("late").querySelector("button").disabled = false;
  }
};

connect();
watch();
