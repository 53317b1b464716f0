/**
 * The script of the page: asks for the state once an interval, and shows it. Text of others is only ever set as `textContent`.
 *
 * The server sends the samples that the page does not have yet; the page keeps the last ones of each connection.
 */
export const SCRIPT: string = String.raw`
'use strict';
const $ = (id) => document.getElementById(id);
const rows = new Map();
let state = { connections: [], errors: [] };
let last = -1, selected, detail;

// Elements: text only as text nodes, so that no name of a peer becomes markup.
function make(create, [name, ...classes], attributes, children) {
  const e = create(name);
  if (classes.length > 0) e.setAttribute('class', classes.join(' '));
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') e.addEventListener(key, value);
    else e.setAttribute(key, value);
  }
  e.append(...children);
  return e;
}
const html = (name, attributes = {}, ...children) => make((n) => document.createElement(n), name.split('.'), attributes, children);
const svg = (name, attributes = {}, ...children) =>
  make((n) => document.createElementNS('http://www.w3.org/2000/svg', n), name.split('.'), attributes, children);
const setText = (e, text) => { if (e.textContent !== text) e.textContent = text; };

function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (n >= 1024 && at < 4) { n /= 1024; at += 1; }
  return (at === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + ' ' + units[at];
}
function time(ms) {
  if (ms < 1000) return ms.toFixed(ms < 10 ? 1 : 0) + ' ms';
  const s = ms / 1000;
  return s < 60 ? s.toFixed(1) + ' s' : s < 3600 ? Math.floor(s / 60) + ' min ' + Math.round(s % 60) + ' s' : Math.floor(s / 3600) + ' h';
}
const peerOf = (c) =>
  c.role === 'server' ? 'from ' + (c.remote ?? 'a client') : 'to ' + (c.target ?? c.remote ?? 'a peer');
const stateOf = (c) => (c.report?.by === 'error' ? 'error' : c.state);

// A chart: lines of columns of the samples, and bands where the share of the last column is above 0.
function chart(width, height, series, pauses) {
  const bands = svg('path.band'), lines = series.map((s) => svg('path.line.' + s.name));
  const drawing = svg('svg', { viewBox: '0 0 ' + width + ' ' + height, preserveAspectRatio: 'none', height, role: 'img' },
    svg('path.axis', { d: 'M0 ' + height + 'H' + width }), bands, ...lines);
  return {
    drawing,
    draw(c) {
      const end = c.closed === null || c.closed === undefined ? state.tick : (c.samples.at(-1)?.[0] ?? 0);
      const step = width / (state.maxSamples - 1);
      const x = (tick) => (width - (end - tick) * step).toFixed(1);
      const max = Math.max(0, ...c.samples.flatMap((s) => series.map(({ column }) => s[column])));
      series.forEach(({ column }, at) => {
        const points = c.samples.map((s) => x(s[0]) + ' ' + (height - 1 - (s[column] / Math.max(1, max)) * (height - 3)).toFixed(1));
        lines[at].setAttribute('d', points.length > 0 ? 'M' + points.join('L') : '');
      });
      bands.setAttribute('d', c.samples
        .map((s) => [x(s[0] - 1), Math.max(...pauses.map((column) => s[column]))])
        .filter(([, share]) => share > 0)
        .map(([from, share]) => 'M' + from + ' ' + height + 'v' + (-share * height).toFixed(1) + 'h' + step.toFixed(1) + 'V' + height + 'z').join(''));
      return max;
    },
  };
}
const IN = { name: 'in', column: 1 }, OUT = { name: 'out', column: 2 };
const PENDING = { name: 'pending', column: 3 }, UNREAD = { name: 'unread', column: 4 };

function newRow(c) {
  const number = html('td.number', {}, '#' + c.id), mark = html('span.state'), peer = html('td.peer');
  const layers = html('td.wide', {}, ...c.layers.map((name) => html('span.layer', {}, name)));
  const traffic = chart(140, 24, [IN, OUT], []), queues = chart(140, 24, [PENDING, UNREAD], [5, 6]);
  for (const { drawing } of [traffic, queues]) drawing.setAttribute('width', 140);
  const rate = html('span.value'), queue = html('span.value');
  const select = () => { selected = selected === c.id ? undefined : c.id; show(); };
  const row = html('tr', { tabindex: 0, click: select, 'data-id': c.id, keydown: (e) => { if (e.key === 'Enter') select(); } },
    number, html('td', {}, mark), peer, layers,
    html('td', {}, html('div.spark', {}, traffic.drawing, rate)), html('td', {}, html('div.spark', {}, queues.drawing, queue)));
  return {
    row,
    update(c) {
      const now = c.samples.at(-1) ?? [0, 0, 0, 0, 0, 0, 0];
      const isClosed = c.state === 'closed';
      setText(mark, stateOf(c));
      mark.setAttribute('class', 'state ' + stateOf(c));
      row.setAttribute('class', isClosed ? 'closed' : '');
      row.setAttribute('aria-selected', selected === c.id);
      setText(peer, peerOf(c));
      setText(rate, isClosed ? bytes(c.bytesIn) + ' / ' + bytes(c.bytesOut) : bytes(now[1]) + '/s, ' + bytes(now[2]) + '/s');
      setText(queue, isClosed ? '' : bytes(now[3]) + ', ' + bytes(now[4]) + (c.isPaused.in ? ' in paused' : '') + (c.isPaused.out ? ' out paused' : ''));
      traffic.draw(c);
      queues.draw(c);
    },
  };
}

function newDetail(id) {
  const title = html('h2'), facts = html('p.facts'), phases = html('div'), errors = html('ol');
  const charts = [
    ['bytes a second, in and out', [IN, OUT], []],
    ['pending bytes (bands: writing is paused)', [PENDING], [6]],
    ['unread bytes (bands: reading is paused)', [UNREAD], [5]],
  ].map(([name, series, pauses]) => {
    const c = chart(560, 72, series, pauses), top = html('span'), from = html('span');
    c.drawing.setAttribute('width', '100%');
    c.drawing.setAttribute('aria-label', name);
    return { ...c, top, from, series, node: html('div', {}, html('h3.scale', {}, html('span', {}, name), top), c.drawing, html('div.scale', {}, from, html('span', {}, 'now'))) };
  });
  const problem = html('p.code', { role: 'alert' });
  const act = async (action) => {
    const response = await fetch('connections/' + id + '/' + action, { method: 'POST' });
    setText(problem, response.ok ? '' : await response.text());
    await poll();
  };
  const button = (label, action, kind) => html(kind ? 'button.' + kind : 'button', { type: 'button', id: action, click: () => act(action) }, label);
  const record = button('Record', 'record'), stop = button('Stop recording', 'stop');
  const close = button('Close', 'close'), reset = button('Reset', 'reset', 'danger');
  const recording = newRecording(id);
  $('detail').replaceChildren(
    html('div.head', {}, title, record, stop, close, reset), problem, facts,
    html('div.columns', {}, html('div', {}, ...charts.map(({ node }) => node)),
      html('div', {}, html('h3', {}, 'opening'), phases, html('h3', {}, 'errors'), errors)),
    recording.node);
  let drawn = '';
  return {
    id,
    update(c) {
      const isClosed = c.state === 'closed';
      setText(title, '#' + c.id + ' ' + peerOf(c) + ', ' + stateOf(c));
      const active = c.recording?.isActive === true;
      record.hidden = active || isClosed;
      stop.hidden = !active;
      close.hidden = reset.hidden = isClosed;
      setText(facts, [
        bytes(c.bytesIn) + ' in, ' + bytes(c.bytesOut) + ' out',
        c.local && 'local ' + c.local, c.remote && 'remote ' + c.remote,
        'for ' + time((c.closed ?? state.now) - c.dialled),
        c.report && 'ended by ' + c.report.by + (c.report.unsent > 0 ? ', ' + bytes(c.report.unsent) + ' unsent' : ''),
        c.layers.length > 0 && 'layers: ' + c.layers.join(' · '),
      ].filter(Boolean).join(' · '));
      for (const { draw, top, from } of charts) {
        setText(top, bytes(draw(c)));
        setText(from, time(state.maxSamples * state.interval) + ' ago');
      }
      const key = JSON.stringify([c.phases, c.errors, c.connected, isClosed]);
      if (key !== drawn || (c.state === 'opening')) {
        phases.replaceChildren(...waterfall(c));
        errors.replaceChildren(...errorList(c.errors, false));
        drawn = key;
      }
      recording.update(c.recording);
    },
  };
}

function waterfall(c) {
  const end = (c.connected ?? c.closed ?? state.now) - c.dialled;
  const all = [...c.phases, { name: c.connected === undefined ? 'not connected' : 'connected', start: 0, end, isTotal: true }];
  const width = Math.max(0.1, ...all.map((p) => p.end ?? end));
  return all.map((p) => {
    const took = Math.max(0, (p.end ?? end) - p.start);
    const bar = svg('rect', { x: (p.start / width) * 100, y: 2, height: 8, width: Math.max(0.6, (took / width) * 100) });
    const kind = p.error ? '.failed' : p.isTotal ? '.total' : '';
    return html('div.phase' + kind, { title: p.name },
      html('span.name', {}, p.name), svg('svg', { viewBox: '0 0 100 12', preserveAspectRatio: 'none', height: 12, width: '100%' }, bar),
      html('span.took', {}, p.error ?? (p.end === undefined ? time(took) + ' …' : time(took))));
  });
}

function errorList(errors, isNumbered) {
  if (errors.length === 0) return [html('li.soft', {}, 'none')];
  return [...errors].reverse().map((e) => html('li', {},
    html('span.soft', {}, new Date(e.at).toLocaleTimeString('en-GB') + (isNumbered ? ' #' + e.id : '') + ' '),
    html('span.code', {}, e.code ?? 'error'), (e.phase ? ' (' + e.phase + ')' : '') + ' ' + e.message));
}

// The list of a recording: loaded again when it has grown, one request at a time.
function newRecording(id) {
  const list = html('pre', { tabindex: 0 }), words = html('span');
  const link = html('a', { href: 'recordings/' + id + '.txt', download: 'connection-' + id + '.txt' }, 'Save as text');
  const node = html('div.recording', { hidden: '' }, html('h3', {}, 'recording'), html('p.facts', {}, words, ' ', link), list);
  let shown = '', isLoading = false;
  return {
    node,
    async update(recording) {
      node.hidden = !recording;
      if (!recording || isLoading) return;
      const key = recording.signals + (recording.isActive ? ' …' : '');
      if (key === shown) return;
      isLoading = true;
      setText(words, recording.signals + ' signals' + (recording.isActive ? ', recording' : '') + (recording.isCut ? ', the limit is reached' : '') + '.');
      try {
        list.textContent = await (await fetch('recordings/' + id + '.list')).text();
        shown = key;
      } catch {
        shown = '';
      }
      isLoading = false;
    },
  };
}

function show() {
  const words = $('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  const list = $('list');
  const ids = new Set(state.connections.map((c) => c.id));
  for (const [id, { row }] of rows) if (!ids.has(id)) { row.remove(); rows.delete(id); }
  for (const c of state.connections) {
    if (!rows.has(c.id)) {
      rows.set(c.id, newRow(c));
      list.prepend(rows.get(c.id).row);
    }
    const { row, update } = rows.get(c.id);
    update(c);
    const text = ['#' + c.id, stateOf(c), peerOf(c), c.local, ...c.layers].join(' ').toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  $('empty').hidden = rows.size > 0;
  const total = (column) => state.connections.reduce((sum, c) => sum + (c.state === 'closed' ? 0 : (c.samples.at(-1)?.[column] ?? 0)), 0);
  setText($('summary'), 'process ' + state.pid + ' · ' + state.open + ' open · ' + bytes(total(1)) + '/s in, ' + bytes(total(2)) + '/s out' +
    (state.hidden > 0 ? ' · ' + state.hidden + ' not shown: maxConnections is reached' : ''));
  $('errors').hidden = state.errors.length === 0;
  $('errors').querySelector('ol').replaceChildren(...errorList(state.errors, true));
  const chosen = state.connections.find((c) => c.id === selected);
  $('detail').hidden = !chosen;
  if (!chosen) { detail = undefined; return; }
  if (detail?.id !== selected) detail = newDetail(selected);
  detail.update(chosen);
}

async function poll() {
  const response = await fetch('state?since=' + last);
  if (!response.ok) throw new Error(await response.text());
  const next = await response.json();
  const before = new Map(state.connections.map((c) => [c.id, c]));
  for (const c of next.connections) {
    const known = before.get(c.id)?.samples ?? [];
    const newest = known.at(-1)?.[0] ?? -1;
    c.samples = [...known, ...c.samples.filter((s) => s[0] > newest)].slice(-next.maxSamples);
  }
  state = next;
  last = next.tick;
  show();
}

async function follow() {
  for (;;) {
    try {
      await poll();
      $('summary').classList.remove('lost');
    } catch (error) {
      $('summary').classList.add('lost');
      setText($('summary'), 'No answer from the process: ' + error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, state.interval ?? 1000));
  }
}
$('filter').addEventListener('input', show);
follow();
`;
