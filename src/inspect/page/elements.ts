/** Script: makes elements, with text as text nodes only, and formats numbers. */
export const ELEMENTS: string = String.raw`
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
  return s < 60 ? s.toFixed(1) + ' s' : s < 3600 ? Math.floor(s / 60) + ' min ' + Math.floor(s % 60) + ' s' : Math.floor(s / 3600) + ' h ' + Math.floor((s % 3600) / 60) + ' min';
}
`;
