import { afterAll, beforeAll, describe, expect } from 'vitest';
import { firstValueFrom, type Observable } from 'rxjs';
import { IOStream, listen, passthrough, type Server } from 'rxjs-io-stream';
import { chromiumName, launchChromium, type Chromium, type Page, type PageOptions } from '../support/chromium.ts';
import type { Harness } from '../support/harness.ts';
import { inspected } from '../support/inspected.ts';
import { deadPort } from '../support/loopback.ts';
import { spec } from '../support/spec.ts';

const host = '127.0.0.1';
const why = 'needs Chromium: .ci/install-peers';

/** The name of a layer that would run a script if it became markup. */
const MARKUP = `<img src=x onerror="document.title='broken'">`;

/** The row of the connection that echoes, in the browser. */
const ROW = `[...document.querySelectorAll('#list tr')].find((row) => row.textContent.includes('<img'))`;

interface Opened {
  readonly page: Page;
  readonly io: IOStream;
  /** The accepted ends. */
  readonly peers: readonly IOStream[];
  /** Stops the server of the page. */
  readonly stop: () => void;
  /** Waits for a text on the page. */
  readonly shows: (text: string) => Promise<void>;
}

describe.skipIf(chromiumName === undefined)(`the page of inspect in Chromium (${chromiumName ?? why})`, () => {
  let browser: Chromium;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  /** Opens the page, a connection that echoes, and one that is refused. */
  async function open(h: Harness, options?: PageOptions): Promise<Opened> {
    const { url, stop } = await inspected(h, { interval: 50, recordWires: true });
    const peers: IOStream[] = [];
    const echo = (each: IOStream): Observable<unknown> => {
      peers.push(each);
      return each.send(each);
    };
    const servers = h.observed<Server>(listen({ host, port: 0, allowHalfOpen: true }, echo));
    await h.until(() => servers.values.length === 1);
    const address = servers.values[0]?.address;
    const port = typeof address === 'object' ? address.port : 0;
    const io = new IOStream({ host, port, plugin: { [MARKUP]: passthrough() }, cb: () => {} });
    const refused = new IOStream({ host, port: await deadPort(), cb: () => {} });
    h.defer(() => {
      io.reset();
      refused.reset();
    });
    const page = await browser.newPage(options);
    h.defer(() => expect(page.errors).toEqual([]));
    await page.goto(url);
    await page.waitFor(`document.querySelectorAll('#list tr').length === 3 && ${ROW}?.innerText.includes('open')`);
    const id = await page.evaluate<string>(`${ROW}.dataset.id`);
    await page.click(`tr[data-id="${id}"]`);
    await page.waitFor(`!document.getElementById('detail').hidden`);
    return { page, io, peers, stop, shows: (text) => page.waitFor(`document.body.innerText.includes(${JSON.stringify(text)})`) };
  }

  spec('shows the connection that was clicked: bytes, phases and errors; text of others never becomes markup', async (h) => {
    const { page, io, shows } = await open(h);
    io.write('x'.repeat(5000));
    await shows('4.9 KiB in, 4.9 KiB out');
    await shows(`connect 127.0.0.1:${io.remotePort}`);
    await shows('ECONNREFUSED');
    const lines = `[...${ROW}.querySelectorAll('path.line')].filter((line) => line.getAttribute('d').includes('L')).length`;
    await page.waitFor(`${lines} === 4`);
    expect(await page.evaluate(`[document.title, document.querySelectorAll('img[onerror]').length]`)).toEqual(['Connections', 0]);
  });

  spec('records a connection from a click to the next, and lists its signals', async (h) => {
    const { page, io, shows } = await open(h);
    await page.click('#record');
    await page.waitFor(`!document.getElementById('stop').hidden`);
    io.write('knock <b>');
    await shows('to app: data 6b 6e 6f 63 6b 20 3c 62 3e |knock <b>|');
    await shows('to wire: data 6b 6e 6f 63 6b');
    await page.waitFor(`document.querySelector('img.picture').naturalWidth > 0`);
    await page.click('#stop');
    await page.waitFor(`!document.getElementById('record').hidden`);
    io.write('quiet');
    await h.until(() => io.inBytes === 14);
    expect(await page.evaluate(`document.querySelector('pre').textContent.includes('quiet')`)).toBe(false);
    expect(await page.evaluate(`fetch(document.querySelector('a[download]').href).then((reply) => reply.text())`)).toMatch(
      /^rxjs-io-stream recording 1\n/,
    );
  });

  spec('closes a connection by a button', async (h) => {
    const { page, io, shows } = await open(h);
    await page.click('#close');
    await h.until(() => io.state === 'closed');
    await shows('ended by us');
    expect(await page.evaluate(`['record', 'close', 'reset'].every((id) => document.getElementById(id).hidden)`)).toBe(true);
  });

  spec('resets a connection by a button', async (h) => {
    const { page, io, peers, shows } = await open(h);
    const ended = firstValueFrom(peers[0]!.closed$);
    io.write('not echoed');
    await page.click('#reset');
    await h.until(() => io.state === 'closed');
    expect(await ended).toMatchObject({ by: 'error', error: { code: 'ECONNRESET' } }); // A close would be a FIN.
    await shows('ended by us');
    expect(await page.evaluate(`['record', 'close', 'reset'].every((id) => document.getElementById(id).hidden)`)).toBe(true);
  });

  spec('finds connections by the words of the filter, with the keyboard', async (h) => {
    const { page } = await open(h);
    const visible = `[...document.querySelectorAll('#list tr')].filter((row) => row.checkVisibility()).length`;
    await page.click('#filter');
    await page.type('from 127');
    await page.waitFor(`${visible} === 1`);
    await page.evaluate(`document.querySelector('#list tr:not([hidden])').focus()`);
    await page.press('Enter');
    await page.waitFor(`document.querySelector('#detail h2').textContent.includes('from 127')`);
  });

  spec('keeps the selected connection and its buttons in sight below a long list', async (h) => {
    const { page } = await open(h);
    const port = await deadPort();
    for (let dials = 0; dials < 60; dials += 1) {
      const io = new IOStream({ host, port, cb: () => {} });
      h.defer(() => io.reset());
    }
    await page.waitFor(`document.querySelectorAll('#list tr').length === 63`);
    await page.evaluate(`document.querySelector('#list tr[aria-selected=true]').click(); scrollTo(0, 0)`);
    await page.click('#list tr.closed');
    const inSight = (selector: string): string =>
      `(() => { const { top, bottom } = document.querySelector('${selector}').getBoundingClientRect(); return top >= 0 && bottom <= innerHeight; })()`;
    await page.waitFor(`${inSight('#detail h2')} && ${inSight('#list tr[aria-selected=true]')}`);
  });

  spec('starts again when a page of a later process answers at the same URL', async (h) => {
    const token = 'the-same-token-for-both';
    const first = await inspected(h, { interval: 50, token });
    const page = await browser.newPage();
    await page.goto(first.url);
    const io = new IOStream({ host, port: await deadPort(), cb: () => {} });
    h.defer(() => io.reset());
    await page.waitFor(`document.querySelectorAll('#list tr').length === 1`);
    await page.evaluate(`window.isOfFirst = true`);
    first.stop();
    await page.waitFor(`document.getElementById('summary').classList.contains('lost')`);
    await inspected(h, { interval: 50, token, port: first.port });
    await page.waitFor(`!window.isOfFirst && !document.getElementById('empty').hidden`);
  });

  spec('shows a warning when the process no longer answers', async (h) => {
    const { page, stop, shows } = await open(h);
    stop();
    await shows('No answer from the process');
    page.errors.length = 0; // Chromium reports the failed requests.
  });

  spec('fits a phone, in dark colours', async (h) => {
    const { page } = await open(h, { width: 390, height: 844, mobile: true, dark: true });
    const seen = await page.evaluate<object>(`({
      width: document.documentElement.scrollWidth,
      background: getComputedStyle(document.body).backgroundColor,
      unnamed: [...document.querySelectorAll('button, input')].filter((each) => !each.innerText && each.labels?.length !== 1).length,
    })`);
    expect(seen).toEqual({ width: 390, background: 'rgb(13, 17, 23)', unnamed: 0 });
  });
});
