import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { toHtml, toSvg, type Recording } from 'rxjs-io-stream/testing';
import { chromiumName, launchChromium, type Chromium, type Page } from '../../support/chromium.ts';
import { backpressure, conversation, failedTest } from './recordings.ts';

describe.skipIf(chromiumName === undefined)('pictures in Chromium (needs Chromium: .ci/install-peers)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pictures-'));
  let browser: Chromium;
  let page: Page;
  beforeAll(async () => (browser = await launchChromium()));
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });
  // Also what the policy of the page has refused is an error.
  afterEach(() => expect(page.errors).toEqual([]));

  async function open(name: string, text: string, dark = false): Promise<void> {
    writeFileSync(join(folder, name), text);
    page = await browser.newPage({ dark });
    await page.goto(pathToFileURL(join(folder, name)).href);
  }
  const text = (selector: string): Promise<string> => page.evaluate<string>(`document.querySelector('${selector}').textContent`);

  it('shows the bytes of the signal that is clicked, and moves with the arrow keys', async () => {
    await open('page.html', toHtml(conversation()));
    expect(await text('#dump')).toBe('0 ms  wire\nconnected: memory');
    await page.click('#list li:nth-child(4)');
    expect(await text('#dump')).toBe('00000000  43 4f 4d 45 20 49 4e 0a                           COME IN.');
    await page.press('ArrowDown');
    await page.press('ArrowDown');
    expect(await text('#dump')).toMatch(/^00000000 {2}77 68 61 74 20 74 69 6d {2}65 .* what time is it\?\n00000010 {2}0a /);
    expect(await text('[aria-selected=true]')).toBe('40 msappdata, 17 bytes: what time is it?↵');
  });

  it('moves the cursor of the picture with the slider, and to the nearest signal at a click', async () => {
    await open('slider.html', toHtml(conversation()));
    const cursor = (): Promise<number> => page.evaluate<number>(`Number(document.querySelector('.cursor').getAttribute('x1'))`);
    const first = await cursor();
    await page.evaluate(`slider.focus(), slider.value = 9, slider.dispatchEvent(new Event('input'))`);
    expect(await cursor()).toBeGreaterThan(first + 200);
    expect(await page.evaluate(`[time.value, slider.getAttribute('aria-valuetext')]`)).toEqual([
      '80 ms',
      '80 ms, wire: data, 15 bytes: half past nine↵',
    ]);
    await page.click('svg .strip');
    expect(await cursor()).toBeLessThan(560);
  });

  it('filters by line and by words', async () => {
    await open('filter.html', toHtml(conversation()));
    for (const line of ['app', 'to wire', 'to app']) await page.click(`input[value="${line}"]`);
    const lines = `[...new Set([...list.children].map((row) => row.children[1].textContent))]`;
    expect(await page.evaluate(lines)).toEqual(['wire']);
    expect(await text('#more')).toBe('7 of 19 signals');
    await page.click('#search');
    await page.type('come');
    expect(await text('#list')).toBe('40 mswiredata, 8 bytes: COME IN↵');
    await page.type('x');
    expect(await text('#dump')).toBe('No signal matches.');
  });

  it('stays quick and bounded with 5,000 signals', async () => {
    await open('many.html', toHtml(backpressure(1250), { content: false }), true);
    const count = await page.evaluate<number>(`rows.length`);
    expect(count).toBeGreaterThan(4900);
    await page.evaluate(`slider.value = 4000, slider.dispatchEvent(new Event('input'))`);
    expect(await page.evaluate(`list.children.length`)).toBe(200);
    expect(await page.evaluate(`document.querySelector('[aria-selected=true]').dataset.index`)).toBe('4000');
  });

  it('runs no markup of a peer', async () => {
    const evil = `</script></style></title></svg><img src=x onerror="document.title='evil'"><script>document.title='evil'</script>`;
    const bytes = new TextEncoder().encode(evil);
    const recording: Recording = {
      entries: [
        { at: 0, line: 'wire', signal: { kind: 'connected', details: [{ layer: evil }, { wire: evil }] } },
        { at: 1, line: 'wire', signal: { kind: 'data', bytes } },
        { at: 2, line: 'wire', signal: { kind: 'error', code: evil, errno: 0, phase: undefined, message: evil } },
      ],
      cut: false,
    };
    await open('evil.html', toHtml(recording, { title: evil }));
    expect(await page.evaluate(`[document.querySelectorAll('img, script').length, rows.length]`)).toEqual([2, 3]);
    expect(await page.evaluate(`document.title`)).toBe(evil);
    await open('evil.svg', toSvg(recording, { title: evil }));
    expect(await page.evaluate(`document.querySelectorAll('parsererror, script, img').length`)).toBe(0);
  });

  it.each([
    ['light', false, 'rgb(255, 255, 255)'],
    ['dark', true, 'rgb(13, 17, 23)'],
  ])('is drawn as XML, in %s colours, with no text over another in its lane', async (_theme, dark, color) => {
    for (const drawn of [conversation(), failedTest(), backpressure()]) {
      await open('picture.svg', toSvg(drawn), dark);
      expect(await page.evaluate(`getComputedStyle(document.querySelector('.panel')).fill`)).toBe(color);
      const overlaps = `(() => {
        const boxes = [...document.querySelectorAll('.label, .name, .total')].map((e) => [e.textContent, e.getBBox()]);
        return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).flatMap(([b, q]) =>
          p.x < q.x + q.width && q.x < p.x + p.width && p.y + 3 < q.y + q.height && q.y + 3 < p.y + p.height ? [a + ' / ' + b] : []));
      })()`;
      expect(await page.evaluate(overlaps)).toEqual([]);
    }
  });
});
