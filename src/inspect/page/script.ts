import { CHART } from './chart.ts';
import { DETAIL } from './detail.ts';
import { ELEMENTS } from './elements.ts';
import { RECORDING } from './recording.ts';
import { ROW } from './row.ts';

const MAIN = String.raw`
const $ = (id) => document.getElementById(id);
const rows = new Map();
let state = { connections: [], errors: [] };
let last = -1, selected, detail;

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
    const isPaused = c.isPaused.in || c.isPaused.out;
    const text = ['#' + c.id, stateOf(c), peerOf(c), c.local, isPaused ? 'paused' : '', ...c.layers].join(' ').toLowerCase();
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
  document.querySelector('main').classList.toggle('selected', chosen !== undefined);
  if (!chosen) { detail = undefined; return; }
  if (detail?.id !== selected) {
    detail = newDetail(selected);
    rows.get(selected).row.scrollIntoView({ block: 'nearest' }); // The list has just become lower.
  }
  detail.update(chosen);
}

async function poll() {
  const response = await fetch('state?since=' + last);
  if (!response.ok) throw new Error(await response.text());
  const next = await response.json();
  // With a token of yours, another page may answer, after a restart: its connections and samples have the same numbers.
  if (state.page !== undefined && next.page !== state.page) location.reload();
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

/**
 * The script of the page: asks for the state once an interval, and shows it. Text of others is only ever set as `textContent`.
 *
 * The server sends the samples that the page does not have yet; the page keeps the last ones of each connection.
 */
export const SCRIPT: string = [`'use strict';`, ELEMENTS, CHART, ROW, DETAIL, RECORDING, MAIN].join('\n');
