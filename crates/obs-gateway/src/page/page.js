// Reads live.json every two seconds, and shows it. What comes from callers is only ever put in as text.
"use strict";

const EVERY = 2000;
const $ = (id) => document.getElementById(id);

// As a canvas understands it: `light-dark()` is for style sheets alone.
function colour(name) {
  document.body.style.outlineColor = `var(--${name})`;
  return getComputedStyle(document.body).outlineColor;
}

// ---- figures as text

const whole = (n) => Number(n).toLocaleString("en");
const percent = (part) => (part == null ? "–" : (100 * part).toFixed(1) + " %");

function dollars(usd) {
  if (usd == null) return "unknown";
  const n = Number(usd);
  const size = Math.abs(n);
  const digits = size === 0 || size >= 1 ? 2 : size >= 0.01 ? 4 : 6;
  return (n < 0 ? "−$" : "$") + (size >= 1 ? size.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 }) : size.toFixed(digits));
}

// A share of answers with its 95 % interval, and of how many.
function judged(of) {
  return of ? `${percent(of.good)} (${(100 * of.low).toFixed(0)} to ${(100 * of.high).toFixed(0)}) of ${whole(of.answers)}` : "–";
}

function seconds(s) {
  if (s == null) return "–";
  if (s < 0.001) return Math.round(s * 1e6) + " µs";
  return s < 1 ? (s * 1000).toPrecision(3).replace(/\.0+$/, "") + " ms" : s.toFixed(s < 10 ? 2 : 1) + " s";
}

const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");

function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let at = 0;
  for (; n >= 1024 && at < units.length - 1; at += 1) n /= 1024;
  return (at ? n.toFixed(1) : n) + " " + units[at];
}

function span(s) {
  if (s < 120) return s + " s";
  if (s < 7200) return Math.floor(s / 60) + " min";
  return s < 172800 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " d";
}

// ---- parts of the page

function cell(text, kind, title) {
  const td = document.createElement("td");
  if (text instanceof Node) td.append(text);
  else td.textContent = text ?? "";
  if (kind) td.className = kind;
  if (title) td.title = title;
  return td;
}

function rows(into, list) {
  into.replaceChildren(...list.map((cells) => {
    const tr = document.createElement("tr");
    tr.append(...cells);
    return tr;
  }));
}

function facts(into, list) {
  into.replaceChildren(...list.flatMap(([name, value, kind]) => {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = name;
    dd.textContent = value;
    if (kind) dd.className = kind;
    return [dt, dd];
  }));
}

function tile(id, text, more, bad) {
  $(id).textContent = text;
  $(id).classList.toggle("bad", Boolean(bad));
  $(id + "-more").textContent = more;
}

function head(live) {
  const of = live.gateway;
  $("about").textContent = `${of.version} · API at ${of.api} · up ${span(of.up_seconds)}`;
  $("simulated").hidden = !of.simulated;
  $("problems").hidden = of.problems.length === 0;
  $("problems").replaceChildren(...of.problems.map((problem) => {
    const li = document.createElement("li");
    li.textContent = problem;
    return li;
  }));
}

function tiles({ money, calls, cache, timeouts, latency, history }) {
  const [byCache, byRouter] = [Number(money.saved_by_cache_usd ?? 0), Number(money.saved_by_router_usd ?? 0)];
  const [paid, saved] = [Number(money.paid_usd), byCache + byRouter];
  const unknown = money.unknown_attempts;
  tile("paid", dollars(paid), unknown ? `and ${whole(unknown)} attempts of unknown cost` : "every attempt's cost is known");
  const share = paid + saved > 0 ? `${percent(saved / (paid + saved))} of the bill: ` : "";
  const quality = money.judged ? `; of the answers, callers found ${judged(money.judged)} good` : "";
  tile("saved", dollars(saved), `${share}cache ${dollars(byCache)}, router ${dollars(byRouter)}${quality}`);
  tile("hit-rate", percent(cache?.hit_rate), cache ? `${whole(cache.hits)} hits, ${whole(cache.misses)} misses` : "the cache is off");
  const ended = calls.success + calls.error + calls.timeout + calls.cancelled;
  const slots = Math.min(12, history.ago.length);
  let lately = 0;
  for (const of of [history.hits, history.misses, history.others, history.failed, history.timed_out]) {
    for (const n of of.slice(-slots)) lately += n;
  }
  const rate = slots ? (lately / slots / history.slot_seconds).toFixed(1) + " a second, " : "";
  tile("calls", whole(ended), `${rate}${whole(calls.in_flight)} in flight`);
  tile("latency", latency ? seconds(latency.p50_seconds) : "–",
    latency ? `p50; p95 ${seconds(latency.p95_seconds)}, p99 ${seconds(latency.p99_seconds)}` : "no calls");
  const failed = calls.error + calls.timeout;
  const answered = ended - calls.cancelled;
  tile("failed", answered ? percent(failed / answered) : "–",
    `${whole(calls.error)} errors, ${whole(calls.timeout)} timeouts, ${whole(calls.cancelled)} left`, failed > 0.05 * answered);
}

function routes(live) {
  const all = live.routes.reduce((sum, route) => sum + route.calls, 0);
  rows($("routes"), live.routes.map((route) => {
    const meter = document.createElement("meter");
    meter.value = all ? route.calls / all : 0;
    meter.title = percent(meter.value);
    const why = Object.entries(route.reasons).map(([reason, calls]) => `${reason} ${whole(calls)}`).join(", ");
    const saved = Number(route.saved_usd) - Number(route.lost_usd);
    return [
      cell(route.name + (route.baseline ? " (baseline)" : "")), cell(route.model), cell(whole(route.calls), "n"), cell(meter),
      cell(why, "why"), cell(whole(route.attempts), "n", `${whole(route.retries)} of them retries`), cell(whole(route.errors), route.errors ? "n bad" : "n"), cell(dollars(saved), "n"),
      cell(judged(route.judged), "n", "answers that callers or comparisons found good, with a 95 % interval"),
    ];
  }));
}

function lists({ cache, timeouts, breakers }) {
  const hedges = timeouts.second_attempts;
  facts($("cache"), !cache ? [["store", "off"]] : [
    ["store", cache.stores.join(" in front of ")],
    ["hits", `${whole(cache.hits)}, of them ${whole(cache.coalesced)} coalesced, ${whole(cache.stale)} stale`],
    ["bypassed", whole(cache.bypassed)],
    ...(cache.entries == null ? [] : [["in memory", `${whole(cache.entries)} answers, ${bytes(cache.bytes)}; ${whole(cache.evictions)} evicted`]]),
    ["store faults", whole(cache.store_faults), cache.store_faults ? "bad" : ""],
  ]);
  facts($("timeouts"), [
    ["limit", `${seconds(timeouts.total_seconds)}, grace ${seconds(timeouts.grace_seconds)}`],
    ["in time", whole(timeouts.successes)],
    ["late", whole(timeouts.late)],
    ["cut", `${whole(timeouts.failures)} (${percent(timeouts.rate)})`, timeouts.failures ? "bad" : ""],
    ["left by callers", whole(timeouts.cancelled)],
    ...(hedges ? [["second attempts", `${whole(hedges.started)}, of them ${whole(hedges.won)} answered; ${whole(hedges.refused)} not made`]] : []),
  ]);
  const good = (state) => (state === "closed" ? "hit" : state === "open" ? "bad" : "");
  facts($("breakers"), breakers.length === 0 ? [["none", "nothing that could be left out"]] : breakers.map((of) => [
    of.of === "route" ? `route ${of.name}` : of.of,
    of.state.replace("_", " ") + (of.opened ? ` (openings: ${whole(of.opened)}, writes dropped: ${whole(of.writes_dropped)})` : ""), good(of.state),
  ]));
}

function recent(live) {
  $("nothing").hidden = live.recent.length > 0;
  $("try").textContent = `curl -i http://${live.gateway.api}/v1/chat/completions -H 'content-type: application/json' ` +
    `-d '{"model": "auto", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}'`;
  rows($("recent"), live.recent.map((call) => {
    const why = call.decisions.map(({ route, reason, score }) => `${route}: ${reason}` + (score == null ? "" : ` (score ${score.toFixed(2)})`));
    const kept = call.decisions.length === 0 && call.route;
    const hit = ["hit", "stale", "coalesced"].includes(call.cache);
    const ok = call.status < 400;
    return [
      cell(clock(call.at)),
      cell(call.call.split("-").pop(), "id", call.call),
      cell(call.model + (call.stream ? ", streamed" : "") + (call.operation === "chat" ? "" : `, ${call.operation}`)),
      cell(kept ? `${call.route}, kept` : why.join(" → ") || "–", kept ? "why faint" : "why"),
      cell(call.cache ?? "–", hit ? "hit" : call.cache === "miss" ? "miss" : "faint"),
      cell(call.error ? `${call.status} ${call.error}` : call.status === 499 ? "left" : call.status, ok && !call.error ? "" : "bad"),
      cell(seconds(call.seconds) + (call.late ? ", late" : ""), "n"),
      cell(dollars(call.cost_usd), "n"), cell(call.saved_usd == null ? "–" : dollars(call.saved_usd), "n"),
    ];
  }));
}

// ---- charts

const charts = [];

const FROM_ZERO = { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] };
const SHARE = { range: [0, 1] };
const BY_TENS = { distr: 3 };

function chart(id, scale, series, format, data) {
  const box = $(id);
  const axis = { stroke: () => colour("faint"), ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const grid = { stroke: () => colour("line"), width: 1 };
  // Of a scale by tens, the lines between the tens are too many.
  const tens = { ...grid, filter: (_, lines) => lines.map((at) => (Number.isInteger(Math.log10(at)) ? at : null)) };
  const plot = new uPlot({
    width: box.clientWidth, height: 170, cursor: { sync: { key: "all" }, y: false },
    scales: { y: scale },
    axes: [{ ...axis, grid, space: 70, size: 30, values: (_, ticks) => ticks.map(clock) }, { ...axis, grid: scale === BY_TENS ? tens : grid, size: 62, values: (_, ticks) => ticks.map((tick) => (tick == null ? "" : format(tick))) }],
    series: [{ label: "at", value: (_, at) => (at == null ? "" : clock(at)) }, ...series.map(([label, of]) => ({
      label, stroke: () => colour(of), width: 1.5, points: { show: false }, spanGaps: false,
      value: (_, y) => (y == null ? "–" : format(y)),
    }))],
  }, [[]], box);
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: 170 })).observe(box);
  charts.push((live) => plot.setData(data(live.history, live.gateway.now)));
}

const times = (history, now) => history.ago.map((ago) => now - ago);
const each = (list, by) => list.map((n) => n / by);
const rate = (n) => (n >= 100 ? Math.round(n) : Number(n.toFixed(2))) + "/s";

chart("chart-calls", FROM_ZERO, [["hits", "green"], ["misses", "blue"], ["not cached", "grey"], ["failed", "red"], ["timed out", "amber"]], rate,
  (of, now) => [times(of, now), ...[of.hits, of.misses, of.others, of.failed, of.timed_out].map((list) => each(list, of.slot_seconds))]);
chart("chart-latency", BY_TENS, [["p50", "blue"], ["p95", "amber"]], seconds,
  (of, now) => [times(of, now), of.p50_seconds, of.p95_seconds]);
chart("chart-money", FROM_ZERO, [["paid", "blue"], ["saved", "green"]], dollars,
  (of, now) => [times(of, now), each(of.cost_usd, of.slot_seconds / 60), each(of.saved_usd, of.slot_seconds / 60)]);
chart("chart-hits", SHARE, [["hits among hits and misses", "green"]], (n) => (100 * n).toFixed(0) + " %",
  (of, now) => [times(of, now), of.hits.map((hits, at) => (hits + of.misses[at] ? hits / (hits + of.misses[at]) : null))]);

// ---- every two seconds

let gone = null;

async function look() {
  try {
    const answer = await fetch("live.json", { cache: "no-store", signal: AbortSignal.timeout(4 * EVERY) });
    const live = await answer.json();
    if (!live.gateway) throw new Error("the gateway has ended");
    for (const show of [head, tiles, routes, lists, recent, ...charts]) show(live);
    gone = null;
    $("state").textContent = "live";
    $("state").className = "live";
  } catch (error) {
    gone ??= clock(Date.now() / 1000);
    $("state").textContent = `no figures since ${gone}: ${error.message}`;
    $("state").className = "gone";
  }
  while (document.hidden) await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
  setTimeout(look, EVERY);
}
look();
