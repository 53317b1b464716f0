/** Script: the connection that was clicked, with its buttons. */
export const DETAIL: string = String.raw`
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
`;
