import type { MarbleTimeline } from 'rxjs-io-stream/testing';
import { html } from './dom.ts';
import { hexOf } from './values.ts';

const MAX_BYTES = 64;

/** Draws the bytes that differ at the first time at which both lines have data, if any. */
export function drawByteDiff(timelines: readonly MarbleTimeline[]): HTMLElement | undefined {
  const wrong = (role: MarbleTimeline['role']) =>
    timelines
      .filter((each) => each.role === role)
      .flatMap(({ line, signals }) => signals.filter(({ isMatched }) => !isMatched).map(({ at, bytes }) => ({ line, at, bytes })));
  const actual = wrong('actual');
  for (const { line, at, bytes } of wrong('expected').sort((a, b) => a.at - b.at)) {
    const got = actual.find((each) => each.line === line && each.at === at)?.bytes;
    if (!bytes || !got) continue;
    return html(
      'div',
      {},
      html('h3', {}, `The bytes ${line}, at ${at} ms`),
      html('div', { class: 'scroll' }, html('table', { class: 'bytes' }, rowOf('expected', bytes, got), rowOf('actual', got, bytes))),
    );
  }
  return undefined;
}

function rowOf(name: string, bytes: Uint8Array, other: Uint8Array): HTMLElement {
  const cells = Array.from({ length: Math.min(MAX_BYTES, Math.max(bytes.length, other.length)) }, (_, at) => {
    const byte = bytes[at];
    const attributes: Record<string, string> = byte === other[at] ? {} : { class: 'differs' };
    if (byte === undefined) return html('td', attributes, '·');
    const text = byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
    return html('td', attributes, hexOf(Uint8Array.of(byte)), html('small', {}, text));
  });
  const rest = bytes.length > MAX_BYTES ? [html('td', {}, `… ${bytes.length} bytes`)] : [];
  return html('tr', {}, html('th', { scope: 'row' }, name), ...cells, ...rest);
}
