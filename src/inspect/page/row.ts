/** Script: one connection in the list. */
export const ROW: string = String.raw`
const peerOf = (c) =>
  c.role === 'server' ? 'from ' + (c.remote ?? 'a client') : 'to ' + (c.target ?? c.remote ?? 'a peer');
const stateOf = (c) => (c.report?.by === 'error' ? 'error' : c.state);

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
      setText(queue, isClosed ? '' : bytes(now[3]) + ', ' + bytes(now[4]) + (c.isPaused.in ? ' · in paused' : '') + (c.isPaused.out ? ' · out paused' : ''));
      traffic.draw(c);
      queues.draw(c);
    },
  };
}
`;
