// Draws the graph, opens and closes boxes, steps through the backward pass, searches.
// `place`, `settle` and `spread` follow layout.py and drawing.py, which explain them.
"use strict";
(() => {
const D = JSON.parse(document.getElementById("data").textContent);
const N = D.nodes, B = D.boxes;
const S = D.steps.map(s => ({v: s.v, in: s.in.map(i => i === null ? null : D.gradients[i]), out: s.out.map(i => i === null ? null : D.gradients[i])}));
const $ = id => document.getElementById(id);
const GAPX = 22, GAPY = 34, PAD = 16, HEAD = 26, SETTLES = 8, BUNDLE = 8;
const esc = s => String(s).replace(/[&<>"]/g, c => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}[c]));
const round = x => Math.round(x * 10) / 10;

// ---- what the data means

const open = B.map(b => !!b.open), home = [], owner = [], users = N.map(() => []);
B.forEach((b, id) => {
  b.id = id;
  b.items = b.rows.map(row => row.map(s => [s[0], +s.slice(1)]));
  b.items.flat().forEach(([k, n]) => { if (k === "n") home[n] = id; });
  b.edges = [];
  for (let i = 0; i < b.links.length; i += 4) b.edges.push(b.links.slice(i, i + 4));
});
N.forEach((n, id) => {
  n.id = id;
  n.in = n.in || [];
  (n.chips || []).forEach(c => { owner[c] = id; home[c] = home[id]; });
  n.in.forEach(([, u], j) => { if (u !== null) users[u].push([id, j]); });
});
const stepOf = [];
S.forEach((s, i) => { stepOf[s.v] = i; });
const inside = B.map(() => []);
N.forEach(n => { for (let b = home[n.id]; b !== null && b !== undefined; b = B[b].p) inside[b].push(n.id); });

const most = list => list.reduce((a, b) => a > b ? a : b, -Infinity);  // of lists too long to spread
const lastStep = inside.map(its => most(its.map(n => stepOf[n] ?? -1))).map(s => s < 0 ? Infinity : s);

// ---- coordinates (layout.py)

function place(id) {
  const b = B[id];
  if (!open[id]) return {w: b.w, h: b.h};
  const rows = b.items, inner = {};
  rows.flat().forEach(([k, n]) => { if (k === "g") inner[n] = place(n); });
  const size = rows.map(row => row.map(([k, n]) =>
    k === "n" ? [N[n].w, N[n].h] : k === "g" ? [inner[n].w, inner[n].h] : k === "d" ? [10, 0] : [14, 0]));
  const p = {size, inner, x: settleAll(rows, b.edges, size, inner), y: [], tall: [], ins: {}, outs: {}};
  let low = Infinity, high = -Infinity;
  p.x.forEach((row, r) => row.forEach((a, i) => {
    low = Math.min(low, a - size[r][i][0] / 2); high = Math.max(high, a + size[r][i][0] / 2);
  }));
  if (low > high) low = high = 0;
  p.w = Math.max(high - low + 2 * PAD, id ? b.w : 0);
  const shift = (p.w - (high - low)) / 2 - low;
  p.x = p.x.map(row => row.map(a => a + shift));
  let at = id ? HEAD : PAD;
  const kind = r => rows[r] && rows[r].length ? rows[r][0][0] : "";
  rows.forEach((row, r) => {
    const leave = kind(r) === "o";
    if (r && !leave) at += kind(r - 1) === "i" ? 14 : GAPY;
    if (leave) at += 18;
    p.y.push(at);
    p.tall.push(leave || kind(r) === "i" ? 0 : Math.max(0, ...size[r].map(s => s[1])));
    at += p.tall[r];
  });
  p.h = at + (kind(rows.length - 1) === "o" ? 0 : PAD);
  p.column = rows.map(() => 0);
  if (limit < p.h) columns(p, id, rows, b.edges, size, kind);
  rows.forEach((row, r) => row.forEach(([k, n], i) => {
    if (k === "i") p.ins[n] = p.x[r][i];
    if (k === "o") p.outs[n] = p.x[r][i];
  }));
  return p;
}

// ---- columns: what is taller than the page goes on at the right of where it began

let wide = true, limit = Infinity;

function columns(p, id, rows, edges, size, kind) {
  const crossing = rows.map(() => 0), most = limit - (id ? HEAD + PAD : 0) * (B[id].z || 0) / 2;
  edges.forEach(([r]) => { crossing[r + 1]++; });
  const begin = id ? HEAD : PAD, starts = [0];
  let top = 0;
  rows.forEach((row, r) => {
    if (!r || kind(r) === "o" || kind(r - 1) === "i" || kind(r) === "i") return;
    const high = p.y[r] + p.tall[r] - p.y[top];
    if (high > most && crossing[r] <= 6) { starts.push(r); top = r; }
  });
  if (starts.length < 2) return;
  let left = 0, bottom = 0;
  starts.forEach((from, c) => {
    const to = starts[c + 1] ?? rows.length;
    let low = Infinity, high = -Infinity;
    for (let r = from; r < to; r++) p.x[r].forEach((a, i) => {
      low = Math.min(low, a - size[r][i][0] / 2); high = Math.max(high, a + size[r][i][0] / 2);
    });
    if (low > high) low = high = 0;
    const more = c ? 18 + 7 * crossing[from] : 0, lift = c ? p.y[from] - begin - more : 0;
    const start = c ? left + 26 + 8 * crossing[from] : PAD;
    for (let r = from; r < to; r++) {
      p.x[r] = p.x[r].map(a => a - low + start);
      p.y[r] -= lift; p.column[r] = c;
      if (kind(r) !== "o") bottom = Math.max(bottom, p.y[r] + p.tall[r]);
    }
    left = start + high - low;
  });
  const next = starts.slice(1).map(r => crossing[r]);
  p.w = Math.max(left + PAD, id ? B[id].w : 0);
  p.h = bottom + Math.max(PAD, 14 + 7 * Math.max(0, ...next));
  rows.forEach((row, r) => { if (kind(r) === "o") p.y[r] = p.h; });
}

function around(p, r, lanes, xa, ya, xb, y0, yb, x0) {  // a line from the foot of a column to the next
  const k = lanes[r] = (lanes[r] ?? -1) + 1;
  const right = x0 + Math.max(...p.x.flatMap((row, q) => p.column[q] === p.column[r] ? row.map((a, i) => a + p.size[q][i][0] / 2) : []));
  const foot = y0 + Math.max(...p.y.map((y, q) => p.column[q] === p.column[r] && p.y[q] <= p.h - 1 ? y + p.tall[q] : 0)) + 10 + 7 * k;
  const gap = right + 13 + 8 * k, top = y0 + p.y[r + 1] - 12 - 7 * k, c = 5;
  const side = xb > gap ? 1 : -1;
  return `M${xa} ${round(ya)}V${round(foot - c)}q0 ${c} ${c} ${c}H${round(gap - c)}q${c} 0 ${c} ${-c}V${round(top + c)}q0 ${-c} ${side * c} ${-c}H${round(xb - side * c)}q${side * c} 0 ${side * c} ${c}V${round(yb)}`;
}

function lean([k, n], v, lower, inner) {
  if (k !== "g") return 0;
  const p = inner[n], ports = lower ? p.outs : p.ins;
  return ports && v in ports ? ports[v] - p.w / 2 : 0;
}

function settleAll(rows, edges, size, inner) {
  const x = size.map(sz => {
    let at = -(sz.reduce((s, [w]) => s + w, 0) + GAPX * (sz.length - 1)) / 2;
    return sz.map(([w]) => { const c = at + w / 2; at += w + GAPX; return c; });
  });
  const up = rows.map(row => row.map(() => [])), down = rows.map(row => row.map(() => []));
  for (const [r, a, b, v] of edges) {
    const upper = rows[r][a], lower = rows[r + 1][b];
    const weight = [1, 3, 8]["dio".includes(upper[0]) + "dio".includes(lower[0])];
    const off = lean(upper, v, true, inner) - lean(lower, v, false, inner);
    down[r][a].push([b, -off, weight]);
    up[r + 1][b].push([a, off, weight]);
  }
  for (let turn = 0; turn < SETTLES; turn++) {
    const downward = turn % 2 === 0, near = downward ? up : down;
    for (let k = 1; k < rows.length; k++) {
      const r = downward ? k : rows.length - 1 - k, other = x[downward ? r - 1 : r + 1];
      const wishes = [], weights = [];
      rows[r].forEach((_, i) => {
        let total = 0, wish = 0;
        for (const [j, off, weight] of near[r][i]) { total += weight; wish += weight * (other[j] + off); }
        wishes.push(total ? wish / total : x[r][i]);
        weights.push(total || 0.1);
      });
      x[r] = settle(wishes, weights, size[r].map(s => s[0]));
    }
  }
  return x;
}

function settle(wishes, weights, widths) {
  const offset = [0], pools = [], places = [];
  for (let i = 1; i < widths.length; i++) offset.push(offset[i - 1] + (widths[i - 1] + widths[i]) / 2 + GAPX);
  wishes.forEach((wish, i) => {
    let s = weights[i] * (wish - offset[i]), w = weights[i], k = 1;
    while (pools.length && pools[pools.length - 1][0] / pools[pools.length - 1][1] > s / w) {
      const before = pools.pop();
      s += before[0]; w += before[1]; k += before[2];
    }
    pools.push([s, w, k]);
  });
  for (const [s, w, k] of pools) for (let i = 0; i < k; i++) places.push(s / w + offset[places.length]);
  return places;
}

// ---- drawing (drawing.py)

let spot = {}, lines = new Map(), parts = new Map(), total = {w: 0, h: 0};

function draw() {
  const out = [];
  spot = {}; lines = new Map(); parts = new Map();
  arrange();
  total = place(0);
  inBox(0, total, 0, 0, out);
  $("world").innerHTML = out.join("");
  for (const el of $("world").querySelectorAll("[data-n],[data-b],[data-l],[data-c]")) {
    const d = el.dataset;
    if (d.l) for (const l of d.l.split(" ")) lines.set(l, el);
    else parts.set(d.n ? "n" + d.n : d.b ? "b" + d.b : "c" + d.c, el);
  }
  paint();
}

function inBox(id, p, x0, y0, out) {
  const b = B[id], rows = b.items, first = bundles(b), [lower, upper] = spread(b, p, first), lanes = {};
  b.edges.forEach(([r, a, e, v], k) => {
    if (first.has(k) && first.get(k)[0] !== k) return;
    const xa = round(x0 + p.x[r][a] + upper[k]), xb = round(x0 + p.x[r + 1][e] + lower[k]);
    const start = rows[r][a][0], end = rows[r + 1][e][0];
    const y1 = y0 + p.y[r] + p.tall[r], y2 = y0 + (end === "o" ? p.h : p.y[r + 1]);
    const ya = start === "d" ? y1 : y0 + (start === "i" ? 0 : p.y[r] + p.size[r][a][1]);
    const yb = end === "d" ? y2 + p.tall[r + 1] : y2;
    const turns = p.column[r] !== p.column[r + 1] && end !== "o";
    const m = round((y1 + y2) / 2), leaf = N[v].k === "leaf" ? " leaf" : N[v].k === "input" ? " input" : "";
    const tip = end === "n" || end === "g" && !open[rows[r + 1][e][1]] ? " end" : "";
    const tail = start === "n" || start === "g" && !open[rows[r][a][1]] ? " begin" : "";
    out.push(`<path class="link${leaf}${tip}${tail}${first.has(k) ? " bundle" : ""}" data-l="${(first.get(k) || [k]).map(j => id + ":" + j).join(" ")}" d="${turns ? around(p, r, lanes, xa, ya, xb, y0, yb, x0) : `M${xa} ${round(ya)}${ya === y1 ? "" : "V" + round(y1)}C${xa} ${m} ${xb} ${m} ${xb} ${round(y2)}${yb === y2 ? "" : "V" + round(yb)}`}"/>`);
  });
  rows.forEach((row, r) => row.forEach(([k, n], i) => {
    const [w, h] = p.size[r][i], x = x0 + p.x[r][i] - w / 2, y = y0 + p.y[r];
    if (k === "n") card(N[n], round(x), round(y), out);
    else if (k === "g") box(B[n], p.inner[n], x, y, out);
  }));
}

function bundles(b) {  // link -> all that run beside it between the same cards, where they are many
  const beside = new Map(), found = new Map();
  b.edges.forEach(([r, a, e], k) => {
    const whole = ([kind, n]) => kind === "n" || kind === "g" && !open[n];
    if (!whole(b.items[r][a]) || !whole(b.items[r + 1][e])) return;
    const key = r + ":" + a + ":" + e;
    if (!beside.has(key)) beside.set(key, []);
    beside.get(key).push(k);
  });
  for (const ks of beside.values()) if (ks.length > BUNDLE) for (const k of ks) found.set(k, ks);
  return found;
}

function spread(b, p, first) {
  const rows = b.items, lower = [], upper = [], tops = new Map(), feet = new Map();
  const put = (map, r, i, entry) => {
    const key = r + ":" + i;
    if (!map.has(key)) map.set(key, {r, i, found: []});
    map.get(key).found.push(entry);
  };
  b.edges.forEach(([r, a, e, v], k) => {
    const start = rows[r][a], end = rows[r + 1][e];
    lower.push(lean(end, v, false, p.inner));
    upper.push(lean(start, v, true, p.inner));
    if (first.has(k) && first.get(k)[0] !== k) return;
    if (end[0] === "n") put(tops, r + 1, e, [p.x[r][a] + upper[k], k, k]);
    else if (end[0] === "g" && !open[end[1]]) put(tops, r + 1, e, [p.x[r][a] + upper[k], v, k]);
    if (start[0] === "g" && !open[start[1]]) put(feet, r, a, [p.x[r + 1][e], v, k]);
  });
  for (const [map, offsets] of [[tops, lower], [feet, upper]]) for (const {r, i, found} of map.values()) {
    const seats = new Map();
    found.sort((s, t) => s[0] - t[0] || s[1] - t[1] || s[2] - t[2]);
    for (const f of found) if (!seats.has(f[1])) seats.set(f[1], seats.size);
    const step = Math.min(20, (p.size[r][i][0] - 28) / Math.max(1, seats.size));
    for (const [, seat, k] of found) offsets[k] = (seats.get(seat) - (seats.size - 1) / 2) * step;
  }
  return [lower, upper];
}

function box(b, p, x, y, out) {
  spot["b" + b.id] = {x, y, w: p.w, h: p.h};
  const failed = b.failed ? " failed" : "", at = `transform="translate(${round(x)} ${round(y)})"`;
  const w = round(p.w), h = round(p.h);
  if (!open[b.id]) {
    out.push(`<g class="lid ${b.k}${failed}" data-b="${b.id}" ${at}>`);
    if (b.times) for (const k of [8, 4]) out.push(`<rect class="ghost" x="${k}" y="${-k}" width="${w}" height="${h}" rx="9"/>`);
    out.push(`<rect class="face" width="${w}" height="${h}" rx="9"/><text class="head" x="14" y="19">${esc(b.head)}</text>`);
    b.lines.forEach((t, j) => out.push(`<text class="line" x="14" y="${36 + 15 * j}">${esc(t)}</text>`));
    out.push(`<title>Click to open</title></g>`);
    return;
  }
  out.push(`<g class="frame ${b.k}${failed}" data-b="${b.id}" ${at}><rect class="face d${b.z % 4}" width="${w}" height="${h}" rx="11"/></g>`);
  inBox(b.id, p, x, y, out);
  const [left, note] = beside(b, p);
  out.push(`<g class="frame" data-close="${b.id}"><text class="head" x="${round(x + left)}" y="${round(y + 17)}">${esc(b.head)} <tspan class="note">${esc(note)}</tspan><title>Click to close</title></text></g>`);
}

function beside(b, p) {  // where a frame's title begins, and its note: not across a line that comes in
  const ports = Object.values(p.ins).sort((s, t) => s - t);
  for (const note of [b.note, ""]) {
    const w = b.head.length * 7.6 + (note ? note.length * 6.6 + 6 : 0);
    let x = 12;
    for (const a of ports) if (a > x - 6 && a < x + w + 6) x = a + 9;
    if (x + w < p.w - 6) return [x, note];
  }
  return [12, ""];
}

function card(n, x, y, out) {
  spot["n" + n.id] = {x, y, w: n.w, h: n.h};
  out.push(`<g class="card ${n.k} k-${n.f || ""}" data-n="${n.id}" transform="translate(${x} ${y})"><rect class="face" width="${n.w}" height="${n.h}" rx="${n.k === "leaf" || n.k === "input" ? 13 : 8}"/>`);
  if (n.k === "op") out.push(`<path class="stripe" d="M8 0H5A5 5 0 0 0 0 5V${n.h - 5}A5 5 0 0 0 5 ${n.h}H8Z"/>`);
  out.push(`<text class="head" x="14" y="18">${esc(n.head)}</text>`);
  if (n.tag) out.push(`<text class="tag" x="${n.w - 10}" y="18">${esc(n.tag.slice(0, 26))}</text>`);
  const chips = n.chips || [], plain = n.lines.length - chips.length;
  n.lines.slice(0, plain).forEach((t, j) => out.push(`<text class="line" x="14" y="${34 + 15 * j}">${esc(t)}</text>`));
  n.lines.slice(plain).forEach((t, j) => {
    const top = 26 + 15 * plain + 17 * j;
    out.push(`<rect class="chip" data-c="${chips[j]}" x="11" y="${top}" width="${n.w - 20}" height="15" rx="7"/><text class="line" x="17" y="${top + 11}" pointer-events="none">${esc(t)}</text>`);
  });
  out.push("</g>");
}

// ---- which lines carry a value from one node to another

B.forEach(b => {
  b.into = new Map();
  b.edges.forEach(([r, a, e, v], k) => {
    const [kind, n] = b.items[r + 1][e];
    const key = (kind === "d" ? "d" + (r + 1) + "." + e : kind + n) + "|" + v;
    if (!b.into.has(key)) b.into.set(key, []);
    b.into.get(key).push(k);
  });
});

function trail(u, user, j) {
  const found = [];
  if (owner[u] !== undefined) return found;
  let b = home[user], item = "n" + user;
  let turn = N[user].in.slice(0, j).filter(i => i[1] === u).length;
  for (let guard = 0; guard < 100000; guard++) {
    const ks = B[b].into.get(item + "|" + u);
    if (!ks) break;
    const k = ks[Math.min(turn, ks.length - 1)];
    turn = 0;
    found.push(b + ":" + k);
    const [r, a] = B[b].edges[k], [kind, n] = B[b].items[r][a];
    if (kind === "n") break;
    if (kind === "d") item = "d" + r + "." + a;
    else if (kind === "i") { item = "g" + b; b = B[b].p; }
    else { b = n; item = "o" + u; }
  }
  return found;
}

function shown(n) {  // the key of what stands for a node in the picture
  const seen = owner[n] !== undefined ? owner[n] : n;
  let key = "n" + seen;
  for (let b = home[seen]; b !== null && b !== undefined; b = B[b].p) if (!open[b]) key = "b" + b;
  return key;
}

function reveal(n) {
  let changed = false;
  for (let b = home[n]; b !== null && b !== undefined; b = B[b].p) if (!open[b]) { open[b] = true; changed = true; }
  if (changed) draw();
}

// ---- state that is painted over the drawing

let step = -1, picked = null, hits = null, colour = "kind";
const embedded = window.self !== window.top;
const classes = ["picked", "done", "now", "hit"], lineClasses = ["gin", "gout", "near"];

function paint() {
  for (const el of parts.values()) el.classList.remove(...classes);
  for (const el of lines.values()) el.classList.remove(...lineClasses);
  document.querySelectorAll("#world .badge,#world .badge-text,#world .amount").forEach(el => el.remove());
  const mark = (n, c) => { const el = parts.get(shown(n)); if (el) el.classList.add(c); };
  const line = (keys, c) => keys.forEach(k => { const el = lines.get(k); if (el) el.classList.add(c); });
  for (let i = 0; i < step; i++) if (parts.has("n" + S[i].v)) mark(S[i].v, "done");
  parts.forEach((el, key) => { if (key[0] === "b" && lastStep[+key.slice(1)] < step) el.classList.add("done"); });
  if (step >= 0) {
    const s = S[step];
    mark(s.v, "now");
    const chip = parts.get("c" + s.v);
    if (chip) chip.classList.add("now");
    users[s.v].forEach(([u, j]) => {
      const g = N[u].k === "output" ? s.in[0] : stepOf[u] < step && S[stepOf[u]].out[j];
      if (g) { const keys = trail(s.v, u, j); line(keys, "gin"); amount(keys, g, "in", true); }
    });
    N[s.v].in.forEach(([, u], j) => {
      if (u !== null && s.out[j]) { const keys = trail(u, s.v, j); line(keys, "gout"); amount(keys, s.out[j], "out", false); }
    });
    apart();
  }
  if (picked !== null) {
    mark(picked, "picked");
    if (step < 0 || S[step].v !== picked) {
      users[picked].forEach(([u, j]) => line(trail(picked, u, j), "near"));
      N[picked].in.forEach(([, u], j) => { if (u !== null) line(trail(u, picked, j), "near"); });
    }
  }
  $("canvas").classList.toggle("searching", hits !== null);
  if (hits) {
    const count = new Map();
    hits.forEach(n => { const key = shown(n); count.set(key, (count.get(key) || 0) + 1); });
    count.forEach((c, key) => {
      const el = parts.get(key);
      if (!el) return;
      el.classList.add("hit");
      if (key[0] === "b") el.insertAdjacentHTML("beforeend", `<rect class="badge" x="${spot[key].w - 10 - 6 * String(c).length}" y="-6" width="${12 + 6 * String(c).length}" height="17" rx="8.5"/><text class="badge-text" x="${spot[key].w - 4 - 3 * String(c).length}" y="6.5">${c}</text>`);
    });
  }
  tint();
}

function amount(keys, g, way, foot) {  // a gradient written beside its line, at the end by the node
  const seen = keys.map(k => lines.get(k)).filter(Boolean), el = seen[foot ? seen.length - 1 : 0];
  if (!el) return;
  if (g.sum && way === "out") g = g.sum;  // what arrives there
  const text = g.v && g.v.length && g.v.length <= 4 ? g.v.map(short).join(", ") : "norm" in g ? "norm " + short(g.norm) : "";
  const t = document.createElementNS("http://www.w3.org/2000/svg", "text");
  t.setAttribute("class", "amount " + way);
  t.textContent = text;
  t.path = el;
  $("world").appendChild(t);
}

function apart() {  // amounts stand beside their lines, where neither cards nor other amounts are
  const taken = Object.entries(spot).filter(([key]) => key[0] === "n" || !open[+key.slice(1)]).map(([, s]) => [s.x - 2, s.y - 2, s.x + s.w + 2, s.y + s.h + 2]);
  for (const el of document.querySelectorAll("#world .frame .head")) { const s = el.getBBox(); taken.push([s.x, s.y, s.x + s.width, s.y + s.height]); }
  const over = q => taken.reduce((s, t) => s + Math.max(0, Math.min(q[2], t[2]) - Math.max(q[0], t[0])) * Math.max(0, Math.min(q[3], t[3]) - Math.max(q[1], t[1])), 0);
  for (const el of document.querySelectorAll("#world .amount")) {
    const w = el.textContent.length * 7.2, length = el.path.getTotalLength();
    let best = null, least = Infinity;
    for (const share of [0.5, 0.35, 0.65, 0.2, 0.8, 0.1, 0.9]) for (const side of [9, -9 - w]) for (const rise of [0, -13, 13, -26, 26]) {
      const at = el.path.getPointAtLength(length * share), x = at.x + side, y = at.y + 4 + rise;
      const q = [x, y - 11, x + w, y + 3], covered = over(q) + Math.abs(rise) / 1000;
      if (covered < least) { least = covered; best = [x, y, q]; }
      if (least === 0) break;
    }
    el.setAttribute("x", round(best[0]));
    el.setAttribute("y", round(best[1]));
    taken.push(best[2]);
  }
}

// ---- colours

const level = {
  grad: n => { const s = S[stepOf[n]]; const g = s && s.in.map(t => t && t.norm).filter(x => typeof x === "number"); return g && g.length ? Math.log10(Math.max(...g) + 1e-30) : null; },
  bytes: n => N[n].b ? Math.log10(N[n].b) : null,
};

const WORDS = {elementwise: "element by element", linear: "linear: scaled, copied, averaged", bilinear: "products: linear in each of two", reduction: "reduced over dimensions", movement: "moved: views, reshapes, joins", composite: "made of other operations", opaque: "with a rule of its own", custom: "your own Function"};

function tint() {
  parts.forEach((el, key) => { const f = el.querySelector(":scope>.face"); if (f) f.style.fill = ""; });
  const legend = $("legend");
  if (colour === "kind") {
    const families = [...new Set(N.map(n => n.f).filter(Boolean))], kinds = new Set(N.map(n => n.k));
    const entry = (colour, text) => `<span style="--c:${colour}">${text}</span>`;
    legend.innerHTML = families.map(f => entry(`var(--c-${f})`, WORDS[f] || f)).join("")
      + (kinds.has("leaf") ? entry("var(--leafedge)", "leaf: its gradient ends in .grad") : "")
      + (kinds.has("input") ? entry("var(--inputedge)", "input: no gradient wanted") : "")
      + (kinds.has("output") ? entry("var(--outedge)", "result") : "");
    return;
  }
  const of = level[colour], known = N.map(n => of(n.id)).filter(x => x !== null && x > -29);
  const low = -most(known.map(x => -x)), high = most(known), two = colour === "grad";
  if (!known.length) { legend.innerHTML = two ? "no gradients were recorded" : "nothing is saved"; return; }
  legend.innerHTML = `<span class="ramp ${two ? "" : "one"}"></span> ${two ? "norm of the gradient" : "saved bytes"}: ${two ? short(10 ** low) : bytes(10 ** low)} to ${two ? short(10 ** high) : bytes(10 ** high)}`;
  parts.forEach((el, key) => {
    const f = el.querySelector(":scope>.face");
    if (!f || key[0] === "c" || key[0] === "b" && open[+key.slice(1)]) return;
    const its = key[0] === "n" ? [of(+key.slice(1))] : inside[+key.slice(1)].filter(n => N[n].k === "op").map(of);
    const max = most(its.filter(x => x !== null));
    if (!isFinite(max)) return;
    const t = high > low ? Math.max(0, (max - low) / (high - low)) : 0.5;
    f.style.fill = two
      ? `color-mix(in srgb,${t < 0.5 ? "#3b7dd8" : "#e4572e"} ${Math.round(Math.abs(t - 0.5) * 140)}%,var(--card))`
      : `color-mix(in srgb,#8e6cef ${Math.round(t * 75)}%,var(--card))`;
  });
}

// ---- the panel

const short = x => typeof x !== "number" ? String(x) : Number.isInteger(x) && Math.abs(x) < 1e6 ? String(x) : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(2) : String(+x.toPrecision(4));
const bytes = n => { for (const u of ["B", "kB", "MB", "GB"]) { if (n < 1000 || u === "GB") return (u === "B" || n >= 100 ? Math.round(n) : n.toFixed(1)) + " " + u; n /= 1000; } };
const link = n => `<a data-go="${n}">${esc(N[n].name || N[n].t)}</a>` + (N[n].m && N[n].k === "op" ? ` <span class="soft">${esc(N[n].m)}</span>` : "");

function grid(v, dims) {
  if (!v || !v.length) return "";
  const last = dims && dims.length ? dims[dims.length - 1] || 1 : 1, width = dims && dims.length === 1 ? Math.min(last, 4) : last;
  const top = Math.max(...v.map(x => typeof x === "number" ? Math.abs(x) : 0)) || 1;
  let out = '<div class="scroll"><table class="grid">';
  for (let i = 0; i < v.length; i += width) out += "<tr>" + v.slice(i, i + width).map(x => {
    const share = typeof x === "number" ? Math.round(Math.abs(x) / top * 38) : 0;
    return `<td style="background:color-mix(in srgb,${x < 0 ? "#3b7dd8" : "#e4572e"} ${share}%,transparent)">${esc(short(x))}</td>`;
  }).join("") + "</tr>";
  return out + "</table></div>";
}

function told(g) {
  if (g && g.sum) return `<p class="soft">as the rule gives it:</p>${told({...g, sum: null})}<p class="soft">summed over ${esc(g.over)}, because the operand was broadcast:</p>${told(g.sum)}`;
  if (!g) return '<p class="soft">no gradient</p>';
  let out = `<p class="soft">${esc(g.s)} ${esc(g.d)}</p>`;
  if (g.nan || g.inf) out += `<p class="bad">${g.nan ? g.nan + " NaN " : ""}${g.inf ? g.inf + " infinite" : ""}</p>`;
  if (g.v) out += grid(g.v, g.n);
  if ("norm" in g && !(g.v && g.v.length === 1)) {
    out += `<div class="numbers"><i>min</i>${short(g.lo)}<i>max</i>${short(g.hi)}<i>mean</i>${short(g.mean)}<i>norm</i>${short(g.norm)}${g.zero ? `<i>zeros</i>${short(g.zero * 100)}%` : ""}</div>`;
  }
  if (g.hist) {
    const top = Math.max(...g.hist);
    out += `<svg class="hist" viewBox="0 0 ${g.hist.length * 10} 34" preserveAspectRatio="none">` + g.hist.map((c, i) => `<rect x="${i * 10 + 1}" y="${34 - 33 * c / top}" width="8" height="${33 * c / top}"/>`).join("") + "</svg>";
  }
  return out;
}

function gradients(n) {
  const s = S[stepOf[n.id]];
  if (!s) return S.length && n.k !== "output" ? '<h3>Backward pass</h3><p class="soft">It does not come here.</p>' : "";
  let out = `<h3>Backward pass: step ${stepOf[n.id] + 1} of ${S.length}</h3>`;
  const from = users[n.id].filter(([u, j]) => N[u].k === "output" || S[stepOf[u]] && S[stepOf[u]].out[j]);
  s.in.forEach((g, i) => {
    const its = from.filter(([u, j]) => N[u].in[j][2] === i);
    if (!its.length && s.in.length > 1) return;
    const seed = its.some(([u]) => N[u].k === "output");
    const sources = its.map(([u]) => link(u));
    const label = n.k === "leaf" ? "added to .grad" : `incoming${s.in.length > 1 ? " for output " + i : ""}`;
    const how = its.length > 1 ? `, the sum from ${sources.join(" and ")}` : seed ? ", where it starts" : sources.length ? ` from ${sources[0]}` : "";
    out += `<div class="gradient"><b>${label}</b>${how}${told(g)}</div>`;
  });
  n.in.forEach(([name, u], j) => {
    if (s.out[j]) out += `<div class="gradient out"><b>outgoing</b> to ${esc(name)}${u === null ? "" : ": " + link(u)}${told(s.out[j])}</div>`;
  });
  return out;
}

function panel() {
  const n = picked === null ? null : N[picked];
  if (!n) {
    $("panel").innerHTML = `<h2>The graph</h2><p>${esc(D.title)}.</p><p>Values flow down. Gradients flow up, from the output to the leaves.</p>
      <h3>How to read it</h3><p>Click a card for what it saved, its line and its rule. Click a box to open it, and its name to close it. Drag to move, ${embedded ? "hold Ctrl and turn" : "turn"} the wheel to zoom.</p>
      ${S.length ? `<h3>Backward pass</h3><p><kbd>→</kbd> and <kbd>←</kbd> step through its ${S.length} steps, <kbd>space</kbd> plays. <span style="color:var(--flow)">Solid</span> lines bring a node its gradient, <span style="color:var(--flow2)">dashed</span> ones take on what it passes.</p>` : ""}
      <h3>Keys</h3><p><kbd>/</kbd> search, <kbd>Enter</kbd> next hit, <kbd>f</kbd> fit, <kbd>w</kbd> columns or one below the other, <kbd>e</kbd> open all, <kbd>c</kbd> close all, <kbd>Esc</kbd> nothing chosen</p>`;
    return;
  }
  const kind = {op: n.full, leaf: "leaf: gradients end here", input: "input: nobody wants its gradient", output: "output: gradients start here", failure: "the forward pass ended here"}[n.k];
  let out = `<h2>${esc(n.k === "op" && n.name ? n.name + " = " + n.t : n.t)}</h2><p class="soft">${esc(kind)}${n.m ? " in " + esc(n.m) : ""}</p>`;
  if (n.s) out += `<p><code>${esc(n.s)}  ${esc(n.d || "")}</code>${n.others ? `, further outputs <code>${esc(n.others.join(", "))}</code>` : ""}</p>`;
  if (n.v) out += `<h3>Value</h3>${grid(n.v, n.dims)}`;
  if (n.k === "failure" && D.failed) out += `<h3>${esc(D.failed.error)}</h3><pre>${esc(D.failed.message)}</pre>` + (n.text ? `<pre>${n.text.map(esc).join("\n")}</pre>` : "");
  if (n.formula) out += `<h3>Computes</h3><p class="formula">${esc(n.formula)}</p>`;
  out += gradients(n);
  const rules = (n.rules || []).filter(([name]) => !n.in.some(i => i[0] === name && i[1] === null));
  if (rules.length) out += "<h3>Derivative rule</h3>" + rules.map(([name, formula, t]) => `<p class="soft">gradient of ${name === "*" ? "all operands" : esc(name)}</p>` + (formula ? `<p class="formula">${esc(formula)}</p>` : "") + (t ? `<pre>${esc(t)}</pre>` : "")).join("");
  if (n.at) out += `<h3>Line</h3><p><code>${esc(n.at[0])}:${n.at[1]}</code> <span class="soft">in ${esc(n.at[2])}</span></p>${n.at[3] ? `<pre>${esc(n.at[3])}</pre>` : ""}`;
  if (n.in.length && n.k === "op") out += "<h3>Operands</h3><table>" + n.in.map(([name, u, i]) => `<tr><td>${esc(name)}</td><td>${u === null ? '<span class="soft">constant, or no gradient asked</span>' : link(u) + (i ? ` output ${i}` : "")}</td></tr>`).join("") + "</table>";
  if (users[n.id].length) out += "<h3>Used by</h3><p>" + [...new Set(users[n.id].map(([u]) => u))].map(link).join(", ") + "</p>";
  if (n.k === "op") out += `<h3>Saved for backward${n.b ? ": " + bytes(n.b) : ""}</h3>` + (n.freed ? '<p class="soft">freed</p>' : n.saved ? "<table>" + n.saved.map(s => `<tr><td>${esc(s.n)}</td><td>${s.s === undefined ? `<code>${esc(s.text)}</code>` : `<code>${esc(s.s)} ${esc(s.d)}</code>${s.note ? " " + esc(s.note) : ""}${s.v ? grid(s.v, s.dims) : ""}`}</td><td class="r soft">${s.b ? bytes(s.b) : ""}</td></tr>`).join("") + "</table>" : '<p class="soft">nothing</p>');
  $("panel").innerHTML = out;
}

function pick(n) { picked = n; panel(); paint(); }

// ---- moving about

const view = {x: 0, y: 0, k: 1};
const canvas = $("canvas"), stage = $("stage");
function look() { $("world").setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.k})`); }
function fit(whole) {
  const w = stage.clientWidth, h = stage.clientHeight;
  let k = Math.min((w - 24) / total.w, (h - 24) / total.h, 1.25);
  if (!whole) k = Math.max(k, 1);  // rather scroll than squint
  view.k = k;
  view.x = total.w * k > w ? 12 : (w - total.w * k) / 2;
  view.y = total.h * k > h ? 10 : Math.max(10, (h - total.h * k) / 2);
  look();
}
function arrange() {  // as many columns as show the most of it
  const w = stage.clientWidth, h = stage.clientHeight;
  limit = Infinity;
  let best = Infinity, most = 0;
  const whole = place(0);
  if (wide && w > 700 && w > h && whole.h > h) for (const l of [Infinity, 3 * h, 2 * h, 1.5 * h, h - 20]) {
    limit = l;
    const p = l === Infinity ? whole : place(0), k = Math.min(w / p.w, h / p.h);
    if (k > most * 1.02) { most = k; best = l; }
  }
  limit = best;
}
function centre(key, gently) {
  const s = spot[key], w = stage.clientWidth, h = stage.clientHeight;
  if (!s) return;
  const x = (s.x + s.w / 2) * view.k + view.x, y = (s.y + Math.min(s.h, 200) / 2) * view.k + view.y;
  if (gently && x > 90 && x < w - 90 && y > 70 && y < h - 90) return;
  const within = (at, size, room) => size > room ? Math.min(12, Math.max(room - size - 12, at)) : (room - size) / 2;
  view.x = within(view.x + w / 2 - x, total.w * view.k, w);  // no more paper than needs be
  view.y = within(view.y + h / 2 - y, total.h * view.k, h);
  look();
}
function zoom(factor, x, y) {
  const k = Math.min(4, Math.max(0.03, view.k * factor));
  view.x = x - (x - view.x) * k / view.k; view.y = y - (y - view.y) * k / view.k; view.k = k;
  look();
}
function toggle(b, state) {
  const key = "b" + b, before = spot[key];
  open[b] = state === undefined ? !open[b] : state;
  draw();
  const after = spot[key];
  if (before && after) { view.x += (before.x - after.x) * view.k; view.y += (before.y - after.y) * view.k; look(); }
}
function openAll(state) { B.forEach(b => { open[b.id] = b.id === 0 || state; }); draw(); fit(!state); }

canvas.addEventListener("wheel", e => {
  if (embedded && !e.ctrlKey && !e.metaKey) return;  // the notebook scrolls
  e.preventDefault();
  const r = stage.getBoundingClientRect();
  zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), e.clientX - r.left, e.clientY - r.top);
}, {passive: false});
let drag = null;
canvas.addEventListener("pointerdown", e => { drag = {x: e.clientX, y: e.clientY, vx: view.x, vy: view.y, far: false}; });
window.addEventListener("pointermove", e => {
  if (!drag) return;
  if (Math.hypot(e.clientX - drag.x, e.clientY - drag.y) > 4) { drag.far = true; canvas.classList.add("held"); }
  if (drag.far) { view.x = drag.vx + e.clientX - drag.x; view.y = drag.vy + e.clientY - drag.y; look(); }
});
window.addEventListener("pointerup", () => { canvas.classList.remove("held"); setTimeout(() => { drag = null; }, 0); });
canvas.addEventListener("click", e => {
  if (drag && drag.far) return;
  const el = e.target.closest("[data-c],[data-n],[data-close],[data-b]");
  if (!el) return pick(null);
  const d = el.dataset;
  if (d.c) pick(+d.c);
  else if (d.n) pick(+d.n);
  else if (d.close) toggle(+d.close);
  else if (!open[+d.b]) toggle(+d.b);
  else pick(null);
});
$("panel").addEventListener("click", e => {
  const a = e.target.closest("[data-go]");
  if (a) go(+a.dataset.go);
});
function go(n) { reveal(n); pick(n); centre(shown(n), true); }

// ---- the backward pass

let timer = null;
function to(i) {
  step = Math.max(-1, Math.min(S.length - 1, i));
  $("slider").value = step + 1;
  if (step < 0) { $("at").textContent = `backward pass: ${S.length} steps`; picked = null; }
  else {
    picked = S[step].v;
    $("at").textContent = `step ${step + 1} of ${S.length}: ${N[picked].name && N[picked].k === "leaf" ? N[picked].name : N[picked].t}`;
    if ($("follow").checked) reveal(picked);
    centre(shown(picked), true);
  }
  panel(); paint();
  document.body.dataset.step = step + 1;
}
function play(on) {
  clearInterval(timer);
  timer = null;
  $("play").textContent = on ? "Pause" : "Play";
  if (!on) return;
  if (step >= S.length - 1) to(-1);
  timer = setInterval(() => { if (step >= S.length - 1) play(false); else to(step + 1); }, 650);
}
if (S.length) {
  $("player").hidden = false;
  $("slider").max = S.length;
  $("slider").addEventListener("input", e => to(+e.target.value - 1));
  $("first").onclick = () => to(-1);
  $("back").onclick = () => to(step - 1);
  $("next").onclick = () => to(step + 1);
  $("last").onclick = () => to(S.length - 1);
  $("play").onclick = () => play(timer === null);
  $("at").textContent = `backward pass: ${S.length} steps`;
}

// ---- search

const texts = N.map(n => [n.t, n.full, n.name, n.m, n.s, n.d, n.tag, n.f, n.at && n.at.slice(0, 2).join(":").split(/[\\/]/).pop()].filter(Boolean).join(" ").toLowerCase());
let turnOf = -1;
function search(q) {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  turnOf = -1;
  hits = words.length ? N.filter(n => words.every(w => texts[n.id].includes(w) || texts[n.id].includes(w.replace(/(\d)x(?=\d)/g, "$1×")))).map(n => n.id) : null;
  $("found").textContent = hits ? hits.length + " found" : "";
  document.body.dataset.found = hits ? hits.length : "";
  paint();
}
function nextHit(by) {
  if (!hits || !hits.length) return;
  turnOf = (turnOf + by + hits.length) % hits.length;
  go(hits[turnOf]);
  $("found").textContent = `${turnOf + 1} of ${hits.length}`;
}
$("find").addEventListener("input", e => search(e.target.value));
$("find").addEventListener("keydown", e => { if (e.key === "Enter") nextHit(e.shiftKey ? -1 : 1); });

// ---- buttons and keys

function setColour(c) { colour = c; $("colour").value = c; tint(); }
$("colour").onchange = e => setColour(e.target.value);
$("fit").onclick = () => fit(true);
$("open-all").onclick = () => openAll(true);
function columned(on) { wide = on; $("wide").setAttribute("aria-pressed", on); draw(); fit(false); }
$("wide").onclick = () => columned(!wide);
$("close-all").onclick = () => openAll(false);
function theme(dark) { document.body.classList.toggle("dark", dark); document.body.classList.toggle("light", !dark); }
$("theme").onclick = () => theme(!(document.body.classList.contains("dark") || !document.body.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches));
window.addEventListener("keydown", e => {
  const typing = e.target.matches && e.target.matches("input[type=search],select");
  if (e.key === "Escape") { $("find").value = ""; search(""); $("find").blur(); pick(null); return; }
  if (typing || e.ctrlKey || e.metaKey || e.altKey) return;
  const does = {"/": () => $("find").focus(), w: () => columned(!wide), f: () => fit(true), e: () => openAll(true), c: () => openAll(false)};
  if (S.length) Object.assign(does, {ArrowRight: () => to(step + 1), ArrowLeft: () => to(step - 1), " ": () => play(timer === null), Home: () => to(-1), End: () => to(S.length - 1)});
  if (does[e.key]) { e.preventDefault(); does[e.key](); }
});
let touched = false;  // a view that nobody has moved follows the window
for (const kind of ["wheel", "pointerdown", "keydown"]) window.addEventListener(kind, () => { touched = true; }, {capture: true, passive: true});
window.addEventListener("resize", () => { if (!touched && step < 0 && picked === null) { draw(); fit(false); } });

// ---- what the address asks for: #step=3&open=layer1,layer2&q=relu&colour=grad&theme=dark

function obey(text = location.hash) {
  const ask = new URLSearchParams(text.replace(/^#/, ""));
  if (ask.has("theme")) theme(ask.get("theme") === "dark");
  if (ask.has("open")) {
    const names = ask.get("open").split(",");
    const every = names.includes("all");
    B.forEach(b => { if (every || names.includes(b.m) || names.includes(b.head)) for (let a = b.id; a !== null; a = B[a].p) open[a] = true; });
    draw(); fit(false);
  }
  if (ask.has("wide")) columned(ask.get("wide") !== "0");
  if (ask.has("colour")) setColour(ask.get("colour"));
  if (ask.has("q")) { $("find").value = ask.get("q"); search(ask.get("q")); }
  if (ask.has("node")) go(+ask.get("node"));
  if (ask.has("step") && S.length) to(+ask.get("step") - 1);
}
window.addEventListener("hashchange", () => obey());
window.picture = {data: D, open, draw, columned, spot: () => spot, toggle, openAll, to, search, nextHit, pick, trail, setColour, obey};

$("notes").innerHTML = D.notes.map(t => `<div${D.failed ? ' class="bad"' : ""}>${esc(t)}</div>`).join("");
draw();
fit(false);
panel();
const failure = N.find(n => n.k === "failure");
if (failure) go(failure.id);
obey();
canvas.getBoundingClientRect();  // the browser has laid it out
document.body.dataset.nodes = N.length;
document.body.dataset.ready = Math.round(performance.now());  // ms since the page was asked for
})();
