/** The style of the page. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--fg:#1f2328;--bg:#fff;--dim:#57606a;--line:#d0d7de;--soft:#f6f8fa;--on:#ddf4ff;--bad:#cf222e}
@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--dim:#9198a1;--line:#30363d;--soft:#161b22;--on:#0c2d6b;--bad:#ff7b72}}
body{margin:0 auto;max-width:1000px;padding:16px;background:var(--bg);color:var(--fg);font:14px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}
h1{position:absolute;clip-path:inset(50%)}
figure{margin:0;position:relative;overflow-x:auto}svg{display:block;max-width:100%;height:auto}
.controls{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center;margin:8px 0}
.controls input[type=range]{flex:1 1 300px}output{min-width:9ch;text-align:right;font-variant-numeric:tabular-nums}
fieldset{border:0;padding:0;margin:0;display:flex;flex-wrap:wrap;gap:4px 14px}legend{float:left;padding:0;margin-right:10px;color:var(--dim)}
.columns{display:grid;grid-template-columns:minmax(260px,4fr) minmax(300px,7fr);gap:16px}
@media(max-width:720px){.columns{grid-template-columns:1fr}}
ol{list-style:none;margin:0;padding:0;height:420px;overflow-y:auto;border:1px solid var(--line);border-radius:6px}
li{display:grid;grid-template-columns:10ch 8ch 1fr;gap:8px;padding:3px 8px;cursor:pointer;font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:nowrap;overflow:hidden}
li:nth-child(even){background:var(--soft)}li[aria-selected=true]{background:var(--on)}li.bad{color:var(--bad)}
li span:first-child{text-align:right;color:var(--dim)}li span:last-child{overflow:hidden;text-overflow:ellipsis}
:focus-visible{outline:2px solid #0969da;outline-offset:2px}
pre{margin:0;padding:8px;height:404px;overflow:auto;border:1px solid var(--line);border-radius:6px;background:var(--soft);font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.more{color:var(--dim);margin:6px 0 0}`;

/**
 * The script of the page. It sets text only, never markup. Rows: time, line, words, whether it is bad, x, the bytes in hex. The list shows
 * a part of the rows around the chosen one, so that a page with many rows is as quick as one with few.
 */
export const PAGE_SCRIPT = `
'use strict';
const rows = JSON.parse(document.getElementById('rows').textContent);
const [slider, time, list, dump, more, search] = ['slider', 'time', 'list', 'dump', 'more', 'search'].map((id) => document.getElementById(id));
const lines = [...document.querySelectorAll('input[name=line]')];
const svg = document.querySelector('svg');
const cursor = document.createElementNS(svg.namespaceURI, 'line');
cursor.setAttribute('class', 'cursor');
cursor.setAttribute('y1', 58);
cursor.setAttribute('y2', svg.viewBox.baseVal.height - 34);
svg.append(cursor);
const SHOWN = 200, DUMPED = 16384;
let visible = [], chosen = 0;
function hexDump(hex) {
  const out = [];
  for (let at = 0; at < Math.min(hex.length, DUMPED * 2); at += 32) {
    const pairs = hex.slice(at, at + 32).match(/../g);
    const text = pairs.map((pair) => { const byte = parseInt(pair, 16); return byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.'; }).join('');
    out.push((at / 2).toString(16).padStart(8, '0') + '  ' + (pairs.slice(0, 8).join(' ') + '  ' + pairs.slice(8).join(' ')).padEnd(48) + '  ' + text);
  }
  return out.join('\\n');
}
function show() {
  const place = visible.indexOf(chosen);
  const first = Math.max(0, Math.min(place - SHOWN / 2, visible.length - SHOWN));
  list.replaceChildren(...visible.slice(first, first + SHOWN).map((index) => {
    const [at, line, words, bad] = rows[index];
    const row = document.createElement('li');
    row.id = 'row' + index;
    row.dataset.index = index;
    row.setAttribute('role', 'option');
    row.setAttribute('aria-selected', index === chosen);
    if (bad) row.className = 'bad';
    for (const text of [at, line, words]) row.append(Object.assign(document.createElement('span'), { textContent: text }));
    return row;
  }));
  const row = document.getElementById('row' + chosen);
  if (row) { list.setAttribute('aria-activedescendant', row.id); list.scrollTop = row.offsetTop - list.offsetTop - list.clientHeight / 2; }
  slider.max = Math.max(0, visible.length - 1);
  slider.value = Math.max(0, place);
  const now = rows[chosen];
  time.value = now && place >= 0 ? now[0] : '';
  slider.setAttribute('aria-valuetext', now && place >= 0 ? now[0] + ', ' + now[1] + ': ' + now[2] : 'nothing');
  for (const end of ['x1', 'x2']) cursor.setAttribute(end, now ? now[4] : -9);
  cursor.style.display = place < 0 ? 'none' : '';
  const hex = (now && place >= 0 && now[5]) || '';
  dump.textContent = place < 0 ? 'No signal matches.' : hex ? hexDump(hex) : now[0] + '  ' + now[1] + '\\n' + now[2];
  more.textContent = visible.length + ' of ' + rows.length + ' signals' + (hex.length > DUMPED * 2 ? '; the first ' + DUMPED + ' bytes are shown' : '');
}
function filter() {
  const names = new Set(lines.filter((each) => each.checked).map((each) => each.value));
  const wanted = search.value.toLowerCase();
  visible = rows.flatMap(([, line, words], index) => (names.has(line) && words.toLowerCase().includes(wanted) ? [index] : []));
  if (!visible.includes(chosen)) chosen = visible.find((index) => index >= chosen) ?? visible.at(-1) ?? 0;
  show();
}
function move(to) {
  chosen = visible[Math.max(0, Math.min(to, visible.length - 1))] ?? chosen;
  show();
}
slider.addEventListener('input', () => move(Number(slider.value)));
search.addEventListener('input', filter);
for (const each of lines) each.addEventListener('change', filter);
list.addEventListener('click', (event) => {
  const row = event.target.closest('li');
  if (row) { chosen = Number(row.dataset.index); show(); list.focus(); }
});
list.addEventListener('keydown', (event) => {
  const place = visible.indexOf(chosen);
  const to = { ArrowDown: place + 1, ArrowUp: place - 1, PageDown: place + 15, PageUp: place - 15, Home: 0, End: visible.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  move(to);
});
svg.addEventListener('click', (event) => {
  const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse()).x;
  let best = 0;
  visible.forEach((index, place) => { if (Math.abs(rows[index][4] - x) < Math.abs(rows[visible[best]][4] - x)) best = place; });
  move(best);
});
filter();
`;

/** The SHA-256 of the script in Base64: a script of anything else does not run. */
export const SCRIPT_HASH = 'sha256-yb7xndcHSpHX6QAxe1ybXG8J8yNvnnZuSQCgLCr6Xwc=';
