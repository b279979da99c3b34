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
/** So long the page stays away after its visitor had the connection dropped: something should be missed. */
const AWAY = 4000;
let isDropped = false;

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
    watch();
    showStatus("connected", "Connected");
  };
  socket.onmessage = ({ data }) => hear(data);
  socket.onclose = ({ code }) => {
    clearTimeout(steady);
    if (lostAt === undefined) note(`Lost, with code ${code}`);
    lostAt ??= performance.now();
    failures += 1;
    setOpen(false);
    mayMissLines = true;
    // One network, one fate: the stream is lost with the socket, and both resume.
    unwatch();
    reconnectLater();
  };
}

/** Twice the last pause, and up to half as much again, so that many pages do not come back at the same moment. */
function reconnectLater() {
  const pause = isDropped ? AWAY : Math.min(PAUSE_MAX, PAUSE_MIN * 2 ** pauses * (1 + Math.random() / 2));
  pauses += isDropped ? 0 : 1;
  isDropped = false;
  note(`Trying again in ${seconds(pause)}`);
  const until = performance.now() + pause;
  if (failures > OFFLINE_AFTER || !navigator.onLine) showStatus("offline", "Offline, next try", until);
  else showStatus("waiting", "Reconnecting", until);
  retry = setTimeout(() => {
    showStatus("waiting", "Connecting…");
    connect();
  }, pause);
}

/** Whatever needs the connection can be used while there is one. */
function setOpen(open) {
  for (const control of document.querySelectorAll("#say button, #rename button, #load input, #drop")) {
    control.disabled = !open;
  }
}

const isOpen = () => socket.readyState === WebSocket.OPEN;
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;

addEventListener("online", () => {
  if (socket.readyState === WebSocket.CLOSED) connect();
});
byId("drop").onclick = () => {
  isDropped = true;
  socket.send("drop");
};

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
      if (parts[0] !== known) addNote("You", " are ", parts[0]);
      known = wish = byId("name").value = parts[0];
      break;
    case "here":
      byId("here").hidden = false;
      byId("here").textContent = parts[0] === "1" ? "only you here" : `${digits.format(parts[0])} here`;
      break;
    case "mine": return isNew(parts[0]) && addLine("mine", "You", parts[1]);
    case "said": return isNew(parts[0]) && addLine("said", parts[1], parts[2]);
    case "load":
      for (const level of byId("load").elements) level.checked = level.value === parts[0];
      break;
    case "network": return showAddress(parts[0]);
    case "came": return addNote(parts[0], " came in");
    case "left": return addNote(parts[0], " left");
    case "named": return addNote(parts[0], " is now ", parts[1]);
  }
}

/** The name that was told last. A connection that is back has the same, and need not say so. */
let known;

/** Lines come over the socket, and those that were missed over the stream: each is shown once. */
const lines = new Set();

function isNew(key) {
  if (lines.has(key)) return false;
  lines.add(key);
  if (lines.size > 2 * LOG_MAX) lines.delete(lines.values().next().value);
  return true;
}

function showAddress(url) {
  const link = element("a", url);
  link.href = url;
  byId("where").replaceChildren("Open this page in a second tab, or on your phone: ", link);
}

/** Text only ever becomes text: nothing that somebody wrote is read as HTML. */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.dir = "auto";
  return made;
}

function addLine(kind, name, text, isMissed = false) {
  const item = document.createElement("li");
  const by = element("b", name);
  const last = byId("log").lastChild;
  const goesOn = !isMissed && last?.className.startsWith(kind) && last.dataset.by === name;
  item.className = goesOn ? `${kind} more` : kind;
  item.dataset.by = name;
  by.classList.toggle("unseen", goesOn || kind === "mine");
  if (isMissed) {
    item.classList.add("missed");
    by.append(element("small", "missed"));
  }
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

/* ---- The load that the server puts on itself ---- */

byId("load").onchange = ({ target }) => {
  if (isOpen()) socket.send(`load ${target.value}`);
};
byId("load").onsubmit = (event) => event.preventDefault();

/* ---- The charts: server-sent events ---- */

/** How much a chart shows, and how little while the server is young, in milliseconds. */
const SPAN_MAX = 60000;
const SPAN_MIN = 2000;
const UNWATCHED_AFTER = 10000;

const threeDigits = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

function bytes(value) {
  const units = ["B/s", "kB/s", "MB/s", "GB/s"];
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return [threeDigits(value), units[unit]];
}

/** The lines of each chart, how a figure is written, as number and unit, and the least that the chart is high. */
const FIGURES = {
  connections: { keys: ["connections"], least: 4, write: (value) => [digits.format(value), ""] },
  messages: { keys: ["messages"], least: 5, write: (value) => [digits.format(value), "/s"] },
  bytes: { keys: ["bytes"], least: 500, write: bytes },
  // The server counts turns by classes, so these are upper bounds.
  turn: { keys: ["p99", "p50"], least: 0.1, write: (value) => [threeDigits(value), "ms"] },
};

const charts = [...document.querySelectorAll("[data-figure]")].map((figure) => ({
  ...FIGURES[figure.dataset.figure],
  figure,
  label: figure.querySelector("figcaption").firstChild.data,
  ...shapes(figure.querySelector("svg"), FIGURES[figure.dataset.figure].keys),
}));

function shapes(svg, keys) {
  const make = (name) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", name);
    svg.append(path);
    return path;
  };
  const [missed, scale, area] = ["missed", "scale", "area"].map(make);
  scale.setAttribute("d", "M0 4H100M0 20.5H100M0 37H100");
  return { svg, missed, area, lines: keys.map((key) => make(`line ${key}`)) };
}

/** What the charts show: figures with the server's time in milliseconds, the newest last. */
let samples = [];
/** Figures that are not newer were missed, and are sent now. */
let backAt = 0;

function addSamples(added) {
  const last = samples.at(-1)?.at ?? -1;
  // A server that was started anew begins its time anew.
  if (added.length > 0 && added.at(-1).at < last) samples = [];
  samples.push(...added.filter(({ at }) => at > (samples.at(-1)?.at ?? -1)));
  samples = samples.filter(({ at }) => samples.at(-1).at - at <= SPAN_MAX);
  if (samples.length > 1) charts.forEach(draw);
}

/** The newest figures are at the right, where it says "now". The topmost line of the scale is the highest of them. */
function draw({ figure, keys, least, write, label, svg, missed, area, lines }) {
  const [from, to] = [samples[0].at, samples.at(-1).at];
  const span = Math.min(SPAN_MAX, Math.max(SPAN_MIN, to - from));
  const known = samples.filter((sample) => sample[keys[0]] !== null);
  const values = known.map((sample) => sample[keys[0]]);
  const highest = Math.max(least, ...values);
  const inWords = (value) => write(value).join(" ").trim();
  const x = ({ at }) => (100 * (1 - (to - at) / span)).toFixed(2);
  const y = (value) => (37 - (33 * value) / highest).toFixed(2);
  const points = (key) => known.map((sample) => `${x(sample)} ${y(sample[key])}`).join("L");
  if (known.length > 0) {
    keys.forEach((key, number) => lines[number].setAttribute("d", `M${points(key)}`));
    area.setAttribute("d", `M${x(known[0])} 37L${points(keys[0])}L${x(known.at(-1))} 37Z`);
    const newest = keys.toReversed().map((key) => write(known.at(-1)[key]));
    figure.querySelector("b").textContent = newest.map(([number]) => number).join(" · ");
    figure.querySelector(".value span").textContent = newest[0][1];
    figure.querySelector("figcaption span").textContent = `max ${inWords(Math.max(...values))}`;
    svg.setAttribute("aria-label", `${label}: from ${inWords(Math.min(...values))} to ${inWords(Math.max(...values))}`);
  }
  const shaded = samples.map((sample, number) => [samples[number - 1] ?? sample, sample]);
  const bands = shaded.filter(([, sample]) => sample.isMissed);
  missed.setAttribute("d", bands.map(([before, sample]) => `M${x(before)} 4H${x(sample)}V37H${x(before)}Z`).join(""));
  figure.querySelector(".axis span").textContent = `${Math.round(span / 1000)} s ago`;
}

let figures;
let unwatched;
/** Which server this is, of those that share a Redis. */
let node;
/** Whether this server may have lines of others, which come over the stream only. */
let hasOthers = false;
/** The id of the last event: a new stream goes on behind it. */
let lastId = "";
/** Whether a line may have been said that this page has not heard: its socket was lost, or other servers have lines too. */
let mayMissLines = true;

function watch() {
  clearTimeout(unwatched);
  // A browser has six connections for all tabs of a server, and each stream takes one: only who looks has one.
  if (document.hidden) return;
  if (figures !== undefined && figures.readyState !== EventSource.CLOSED) return;
  figures = new EventSource(lastId === "" ? "figures" : `figures?after=${lastId}`);
  const on = (name, hear) => figures.addEventListener(name, (event) => {
    lastId = event.lastEventId || lastId;
    setStale(false);
    hear(event.data);
  });
  on("node", (data) => {
    const [name, shares] = data.split("\t");
    // Another server has other figures, and counts its time from another moment.
    if (name !== node) [samples, backAt] = [[], 0];
    node = name;
    hasOthers = shares === "shared";
    byId("node").hidden = !hasOthers;
    byId("node").textContent = `Server ${node.slice(0, 6)}`;
  });
  on("past", (data) => addSamples(JSON.parse(data)));
  on("back", (data) => { backAt = Number(data); });
  on("figures", (data) => {
    const sample = JSON.parse(data);
    if (sample.node !== node) return;
    addSamples([{ ...sample, isMissed: sample.at <= backAt }]);
    mayMissLines = hasOthers || wasAway() || !isOpen();
  });
  // Live lines of this server come over the socket as well, and sooner or later than here: those that were missed, and those
  // that were said at another server, only here.
  on("said", (data) => {
    const [key, name, text] = data.split("\t");
    const isMissed = wasAway() || !isOpen();
    if ((isMissed || !key.startsWith(`${node}-`)) && isNew(key)) addLine("said", name, text, isMissed);
  });
  // The history does not reach back so far, or the server was started anew: what was said meanwhile is not known.
  on("resync", () => {
    if (mayMissLines) {
      addNote("Some lines", " may be lost: the server was started anew, or you were away for too long");
    }
    // If nobody looks, the stream begins anew later, and what is said until then is missed.
    mayMissLines ||= document.hidden;
    unwatch();
    lastId = "";
    watch();
  });
  figures.onerror = () => {
    setStale(true);
    if (figures.readyState === EventSource.CLOSED) unwatched = setTimeout(watch, PAUSE_MAX);
  };
}

function unwatch() {
  clearTimeout(unwatched);
  figures?.close();
  setStale(true);
}

/** Whether what comes is still what was missed: the first new figures say that it is over. */
const wasAway = () => backAt > (samples.at(-1)?.at ?? 0);

function setStale(isStale) {
  byId("stale").hidden = !isStale;
  byId("charts").dataset.stale = isStale;
}

// Who does not look for a while gives its stream back.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) unwatched = setTimeout(unwatch, UNWATCHED_AFTER);
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
