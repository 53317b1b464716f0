import { hex } from '../../util/hex.ts';
import { ownOptions } from '../../util/own-options.ts';
import { describeSignal } from './describe-signal.ts';
import { escapeXml } from './escape-xml.ts';
import { formatMoment } from './format.ts';
import { PAGE_SCRIPT, PAGE_STYLE, SCRIPT_HASH } from './html-page.ts';
import { sceneOf, type Drawable } from './lanes.ts';
import { drawScene, type PictureOptions } from './to-svg.ts';

/**
 * Draws a connection as a web page: one file that needs no network and no server.
 *
 * ```text
 *   ┌───────────────────────────────────────────────┐
 *   │ the picture of toSvg, with a cursor           │  a click moves to the nearest signal
 *   ├── time ───────────●───────────────────── 46 ms┤  a slider over the signals
 *   │ ☑ to wire ☑ wire            find [ECONN     ] │  filters
 *   ├───────────────────────┬───────────────────────┤
 *   │ 16 ms wire data, 47 … │ 00000000  48 54 54 50 │  all signals; the bytes of the chosen one
 *   └───────────────────────┴───────────────────────┘
 * ```
 *
 * - All of it works with the keyboard: arrows, Page Up and Down, Home and End move in the list and the slider.
 * - Light or dark as the reader prefers.
 * - Its policy (CSP) allows no request, and no script but its own by its hash. All text of the recording is data.
 *
 * **A page contains all bytes of the recording**, passwords too. With `content: false` it contains none.
 *
 * **Memory**
 * - About twice the bytes of the recording, and 100 bytes for each signal.
 *
 * ```ts
 * import { writeFileSync } from 'node:fs';
 * import { record, toHtml } from 'rxjs-io-stream/testing';
 *
 * export const page = record({ sink: (recording) => writeFileSync('connection.html', toHtml(recording)) });
 * ```
 *
 * @param drawable a recording, its text, or what `marbles` returned or threw.
 * @param options the title, measured phases, and whether bytes are shown.
 * @returns the page.
 * @throws TypeError if `drawable` cannot be drawn, or an option is invalid.
 * @see {@link toSvg}, {@link toMermaid}, {@link record}, docs/guides/pictures.md.
 */
export function toHtml(drawable: Drawable, options: PictureOptions = {}): string {
  const own = ownOptions(options, 'toHtml', ['title', 'phases', 'content']);
  const scene = sceneOf(drawable, 'toHtml', own.content ?? true);
  const { svg, scale, title } = drawScene(scene, own);
  const rows = scene.signals.map(({ lane, signal }) => {
    const isBad = signal.kind === 'error' || signal.wrong !== undefined;
    const words = describeSignal(signal, Infinity) + (signal.wrong === undefined ? '' : ` (${signal.wrong})`);
    const x = Math.round(scale.xs[signal.order] ?? 0);
    return [formatMoment(signal.at), lane.name, words, Number(isBad), x, ...(signal.bytes ? [hex(signal.bytes).replaceAll(' ', '')] : [])];
  });
  const lines = scene.lanes.map(({ name }) => {
    const value = escapeXml(name);
    return `<label><input type="checkbox" name="line" value="${value}" checked> ${value}</label>`;
  });
  // `<` in a string cannot end the element, and the policy runs no other script.
  const data = JSON.stringify(rows).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '${SCRIPT_HASH}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeXml(title)}</title>
<style>${PAGE_STYLE}</style>
<h1>${escapeXml(title)}</h1>
<figure>${svg}</figure>
<div class="controls"><label for="slider">time</label><input id="slider" type="range" min="0" value="0"><output id="time" for="slider"></output></div>
<div class="controls"><fieldset><legend>lines</legend>${lines.join('')}</fieldset><label>find <input id="search" type="search"></label></div>
<div class="columns">
<div><ol id="list" role="listbox" tabindex="0" aria-label="signals"></ol><p class="more" id="more" role="status"></p></div>
<pre id="dump" tabindex="0" aria-label="the bytes of the chosen signal"></pre>
</div>
<script id="rows" type="application/json">${data}</script>
<script>${PAGE_SCRIPT}</script>
</html>
`;
}
