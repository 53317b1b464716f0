/** Script: the recording of the connection that was clicked. */
export const RECORDING: string = String.raw`
// The picture and the list of a recording: loaded again when it has grown, one request at a time.
function newRecording(id) {
  const picture = html('img.picture', { alt: 'Picture of the recording' }), list = html('pre', { tabindex: 0 }), words = html('span');
  const link = html('a', { href: 'recordings/' + id + '.txt', download: 'connection-' + id + '.txt' }, 'Save as text');
  const node = html('div.recording', { hidden: '' }, html('h3', {}, 'recording'), html('p.facts', {}, words, ' ', link), picture, list);
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
        picture.src = 'recordings/' + id + '.svg?' + encodeURIComponent(key);
        await picture.decode();
        shown = key;
      } catch {
        shown = '';
      }
      isLoading = false;
    },
  };
}
`;
