import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { marbleText } from '../../docs/playground/marble-text.ts';
import { testSource } from '../../docs/playground/test-source.ts';
import { parseValues, valueText } from '../../docs/playground/values.ts';
import { chromiumName, launchChromium, type Chromium, type Page, type PageOptions } from '../support/chromium.ts';
import { serveFolder } from '../support/serve-folder.ts';

const why = 'needs Chromium: .ci/install-peers';
const folder = mkdtempSync(join(tmpdir(), 'playground-'));
const LINES = ['app', 'to-wire', 'wire', 'to-app'] as const;

/** What a reader sees, and does, on the page. */
class Playground {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get errors(): readonly string[] {
    return this.#page.errors;
  }

  evaluate<T>(expression: string): Promise<T> {
    return this.#page.evaluate<T>(expression);
  }

  /** Replaces the text of a field, as with the keyboard. */
  async fill(id: string, text: string): Promise<void> {
    await this.#page.click(`#${id}`);
    await this.#page.evaluate(`document.getElementById('${id}').select()`);
    if (text === '') await this.#page.press('Backspace');
    else await this.#page.type(text);
  }

  async fillLines(lines: readonly [app: string, toWire: string, wire: string, toApp: string]): Promise<void> {
    for (const [at, id] of LINES.entries()) await this.fill(id, lines[at] ?? '');
  }

  async lines(): Promise<string[]> {
    return await this.evaluate(`${JSON.stringify(LINES)}.map((id) => document.getElementById(id).value)`);
  }

  /** Clicks, waits for the result, and returns its first sentence. */
  async click(selector: string, timeout = 30_000): Promise<string> {
    // Marks what is shown now: the next result has no mark.
    await this.evaluate(`document.querySelector('.verdict').classList.add('old')`);
    await this.#page.click(selector);
    await this.#page.waitFor(`document.querySelector('.verdict:not(.old)')`, timeout);
    return await this.text('.verdict');
  }

  text(selector: string): Promise<string> {
    return this.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`);
  }

  texts(selector: string): Promise<string[]> {
    return this.evaluate(`[...document.querySelectorAll(${JSON.stringify(selector)})].map((each) => each.textContent)`);
  }

  waitFor(expression: string): Promise<void> {
    return this.#page.waitFor(expression);
  }
}

describe('the texts of the playground', () => {
  it('reads values as they stand in a test, and writes them so', () => {
    const text = `k: 'KNOCK\\n',\n  q: "it's"\nb: '0x05 01'\ne: '\\x41\\u00e9\\'\\0'\nn: 5\n`;
    expect(parseValues(text)).toEqual({ k: 'KNOCK\n', q: "it's", b: '0x05 01', e: "Aé'\0", n: 5 });
    for (const value of ['KNOCK\r\n', "it's", '"', '\\', '\t'])
      expect(parseValues(`k: ${valueText(new TextEncoder().encode(value))}`)).toEqual({ k: value });
    expect(valueText(Uint8Array.of(5, 255))).toBe("'0x05 ff'");
    for (const wrong of ['k = 5', "k 'x'", "k: 'x", 'k: x']) expect(() => parseValues(wrong)).toThrow(`got ${wrong}`);
  });

  it('draws signals as a line, with a letter for bytes that have none', () => {
    const signals = [
      { at: 1, symbol: 'C' },
      { at: 1, symbol: '?', bytes: Uint8Array.of(1) },
      { at: 60, symbol: '?', bytes: Uint8Array.of(2) },
      { at: 61, symbol: '?', bytes: Uint8Array.of(1) },
      { at: 62, symbol: '#ECONNRESET' },
    ].map((each) => ({ ...each, kind: 'data' as const, text: '', isMatched: true }));
    expect(marbleText(signals, 'ac')).toEqual({ text: `-(Cb) 55ms db#ECONNRESET-`, values: `b: '0x01'\nd: '0x02'\n` });
    const [first, second] = signals;
    // The group takes the frames 1 to 4.
    expect(marbleText([first, second, { ...second, at: 3 }] as typeof signals, '')).toBe(undefined);
  });

  it('writes the test as a file that runs', () => {
    const fields = {
      code: `import { passthrough } from 'rxjs-io-stream';\nexport const plugin = passthrough();\n`,
      app: '-h',
      'to wire': '-h',
    };
    expect(testSource({ ...fields, wire: '', 'to app': '', values: "h: 'x'\n" })).toBe(
      `import { marbles } from 'rxjs-io-stream/testing';
import { passthrough } from 'rxjs-io-stream';
export const plugin = passthrough();

marbles({
  plugin,
  values: {
    h: 'x',
  },
  diagram: \`
    app:      -h
    to wire:  -h
  \`,
});
`,
    );
  });
});

// A page takes a second or two on a busy machine.
describe.skipIf(chromiumName === undefined)(`the playground (${why})`, () => {
  let chromium: Chromium;
  let site: Awaited<ReturnType<typeof serveFolder>>;
  let opened: Playground[] = [];

  beforeAll(async () => {
    execFileSync(process.execPath, ['docs/playground/build.js', folder]);
    chromium = await launchChromium();
    site = await serveFolder(folder);
  });

  afterAll(async () => {
    await chromium.close();
    await site.close();
    rmSync(folder, { recursive: true });
  });

  afterEach(() => {
    expect(opened.flatMap(({ errors }) => errors)).toEqual([]);
    opened = [];
  });

  async function open(hash = '', options: PageOptions = {}, url = `${site.url}/`): Promise<Playground> {
    const page = await chromium.newPage(options);
    await page.goto(`${url}${hash}`);
    // An example runs when it opens.
    await page.waitFor(`document.getElementById('stop').hidden`);
    const playground = new Playground(page);
    opened.push(playground);
    return playground;
  }

  it('uses the testing kit as built, which needs nothing of Node', async () => {
    const { outputFiles } = await build({
      entryPoints: ['dist/testing.js'],
      bundle: true,
      minify: true,
      platform: 'browser',
      write: false,
    });
    // `{process:…}` reads a field of globalThis that may be missing: MARBLES_SVG is for Node only.
    expect(outputFiles[0]?.text.match(/.{0,30}(?:["'`]node:|\bBuffer\b|(?<![{,.])\bprocess\b)/g)).toBe(null);
  });

  it('consists of three files that load nothing else', () => {
    expect(readdirSync(folder).sort()).toEqual(['index.html', 'playground.css', 'playground.js']);
    expect(readFileSync(join(folder, 'index.html'), 'utf8').match(/(?:href|src)="(?!#)[^"]*"/g)).toEqual([
      'href="data:,"',
      'href="playground.css"',
      'src="playground.js"',
      'href="../"',
    ]);
  });

  it('runs an example when it opens, also as a file without a server', async () => {
    const page = await open('', {}, pathToFileURL(join(folder, 'index.html')).href);
    expect(await page.text('.verdict')).toBe('✓ The run matches the diagram.');
    expect(await page.texts('svg .name')).toEqual([
      'app',
      'to wire, expected',
      'to wire, actual',
      'wire',
      'to app, expected',
      'to app, actual',
    ]);
  });

  it('runs each example, and checks it: all keep the rules except the one with the bug', async () => {
    const examples = await (await open()).evaluate<string[]>(`[...document.querySelectorAll('#example option')].map(({ value }) => value)`);
    expect(examples).toEqual(['handshake', 'socks5', 'rc4', 'codec', 'throttle', 'bug', 'own']);
    const results: Record<string, string[]> = {};
    for (const id of examples) {
      const page = await open(`#example=${id}`);
      results[id] = [await page.click('#run'), await page.click('#check')];
    }
    const passes = ['✓ The run matches the diagram.', '✓ All rules are kept.'];
    expect(results).toEqual({
      handshake: passes,
      socks5: passes,
      rc4: passes,
      codec: passes,
      throttle: [expect.stringMatching(/^This is what the plugin does/), passes[1]],
      bug: [passes[0], '✗ 5 rules are broken.'],
      own: passes,
    });
  }, 120_000);

  it('passes a test that was typed', async () => {
    const page = await open('#example=own');
    await page.fill('code', `import { rc4 } from 'rxjs-io-stream';\nexport const plugin = rc4('Key');\n`);
    await page.fillLines(['--p--E-', '--x--E-', '-C----E', '-C----E']);
    await page.fill('values', `p: 'Plaintext'\nx: '0xbb f3 16 e8 d9 40 af 0a d3'`);
    expect(await page.click('#run')).toBe('✓ The run matches the diagram.');
    expect(await page.texts('svg .missing, svg .unexpected')).toEqual([]);
  });

  it('draws both timelines and the bytes of a test that fails', async () => {
    const page = await open('#example=handshake');
    await page.fill('values', `k: 'KNACK\\n'\nw: 'COME IN\\n'\nh: 'hello'`);
    expect(await page.click('#run')).toBe(
      '✗ expected data <4b 4e 41 43 4b 0a> at 1 ms to reach the wire, got data <4b 4e 4f 43 4b 0a> at 1 ms',
    );
    expect(await page.texts('svg .missing title')).toEqual(['1 ms: data <4b 4e 41 43 4b 0a>, missing']);
    expect(await page.texts('svg .unexpected title')).toEqual(['1 ms: data <4b 4e 4f 43 4b 0a>, unexpected']);
    expect(await page.texts('.bytes .differs')).toEqual(['41A', '4fO']);
    expect(await page.text('details pre')).toContain('to wire, expected: -k----h---E');
    expect(await page.texts('tbody tr')).toContain('1 msto wire, actualdata <4b 4e 4f 43 4b 0a> "KNOCK\\n"differs');
  });

  it('marks a signal that comes at another time', async () => {
    const page = await open('#example=own');
    await page.fill('to-app', '-C----wE--');
    expect(await page.click('#run')).toBe(
      '✗ expected data <77 6f 72 6c 64> at 6 ms to reach the application, got data <77 6f 72 6c 64> at 5 ms',
    );
    expect(await page.texts('.bytes')).toEqual([]);
  });

  it('shows what a plugin does without an expectation, and takes it as one', async () => {
    const page = await open('#example=throttle');
    expect(await page.click('#run')).toMatch(/^This is what the plugin does\. Nothing is expected yet/);
    expect(await page.texts('svg .name')).toEqual(['app', 'to wire, actual', 'wire', 'to app, actual']);
    expect(await page.click('#expect')).toBe('✓ The run matches the diagram.');
    const [, toWire, , toApp] = await page.lines();
    expect([toWire, toApp]).toEqual(['--a---b---ce-', '-C-------d---f-']);
    expect(await page.evaluate(`document.getElementById('values').value`)).toContain(`a: 'one '\nb: 'two '\n`);
  });

  it('finds the bug of a plugin with the shortest input', async () => {
    const page = await open('#example=own');
    await page.fill(
      'code',
      `import { transform } from 'rxjs-io-stream';
      // A byte with the length, then the message. The bug: a chunk is taken for a message.
      const frame = () => ({ push: (bytes: Uint8Array) => [Uint8Array.of(bytes.length, ...bytes)] });
      const unframe = () => ({ push: (bytes: Uint8Array) => [bytes.subarray(1)] });
      export const plugin = transform({ down: frame, up: unframe });
      export const rules = [2, 6, 10];`,
    );
    expect(await page.click('#check')).toBe('✗ 1 rule is broken.');
    const broken = await page.texts('.broken > :not(.text)');
    // Which byte is lost depends on the cut that the check has tried first.
    expect(broken).toEqual([
      'rule 2 order',
      expect.stringMatching(/^the peer sent <61 68 6f 76 7d>, and the application received <(?:[0-9a-f]{2} ?){1,4}>$/),
      expect.stringMatching(/^Shortest input: writes 5 bytes, ends; the peer sends <05/),
    ]);
    expect(await page.texts('.kept strong')).toEqual(['rule 6 unsubscribe', 'rule 10 ownership']);
  });

  it.each([
    [
      'what the parser of types finds',
      `const a = 1;\nexport const plugin = a b;`,
      /^✗ SyntaxError: Unexpected token/,
      '2  export const plugin = a b;',
    ],
    ['what the browser finds', `const a = 1;\n\nlet a = 2;`, /^✗ SyntaxError: Identifier 'a' has already been declared$/, '3  let a = 2;'],
    [
      'what the code throws',
      `import { rc4 } from 'rxjs-io-stream';\nexport const plugin = rc4('');`,
      /^✗ TypeError: .* got 0 bytes$/,
      /^2 {2}export/,
    ],
    [
      'a name that needs Node',
      `import { listen } from 'rxjs-io-stream';\nlisten();`,
      /^✗ TypeError: 'listen' .* needs Node/,
      '2  listen();',
    ],
    [
      'a module that is not there',
      `\nimport 'node:fs';`,
      /^✗ TypeError: expected an import of rxjs, .* got 'node:fs'/,
      `2  import 'node:fs';`,
    ],
    ['no plugin', `export const plug = 1;`, /^✗ TypeError: expected the code to export a `plugin`/, ''],
  ])('reports a problem of the code: %s', async (_, code, message, line) => {
    const page = await open();
    await page.fill('code', code);
    expect(await page.click('#run')).toMatch(message);
    expect(await page.text('pre.source')).toEqual(typeof line === 'string' ? line : expect.stringMatching(line));
  });

  it('reports a problem of the diagram and of the values', async () => {
    const page = await open();
    await page.fill('app', '--(h');
    expect(await page.click('#run')).toBe("✗ TypeError: expected ')' at '' of 'app: --(h' in `diagram`");
    await page.fill('values', 'k = 5');
    expect(await page.click('#run')).toBe("✗ expected each value as a letter, a colon and a text, like h: 'hello', got k = 5");
  });

  it('stops code that does not end', async () => {
    const page = await open();
    await page.fill('code', 'while (true);');
    await page.evaluate(`document.getElementById('run').click()`);
    await page.waitFor(`!document.getElementById('stop').hidden`);
    await page.evaluate(`document.getElementById('stop').click()`);
    await page.waitFor(`document.getElementById('stop').hidden`);
    await page.fill('code', 'export const plugin = (wire) => wire;');
    await page.fillLines(['-', '-', '-C', '-C']);
    expect(await page.click('#run')).toBe('✓ The run matches the diagram.');
  });

  it('keeps the test in the link, and does not run the code of a link before you ask for it', async () => {
    const first = await open('#example=own');
    await first.fill('code', `export const plugin = (wire) => wire; // mine & 100 % of it`);
    await first.fillLines(['-', '-', '-C--E', '-C--E']);
    const second = await open(await first.evaluate<string>('location.hash'));
    expect(await second.evaluate(`document.getElementById('code').value`)).toBe(
      'export const plugin = (wire) => wire; // mine & 100 % of it',
    );
    expect(await second.lines()).toEqual(['-', '-', '-C--E', '-C--E']);
    expect(await second.text('.verdict')).toBe('Not run yet.');
    expect(await second.evaluate(`document.getElementById('foreign').checkVisibility()`)).toBe(true);
    expect(await second.click('#run')).toBe('✓ The run matches the diagram.');
  });

  it('returns to the edited test when you go back from an example', async () => {
    const page = await open('#example=own');
    await page.fill('values', "h: 'mine'");
    await page.evaluate(
      `(() => { const e = document.getElementById('example'); e.value = 'rc4'; e.dispatchEvent(new Event('change')); })()`,
    );
    expect((await page.lines())[0]).toBe('---p--------E-');
    await page.evaluate('history.back()');
    await page.waitFor(`document.getElementById('values').value === "h: 'mine'"`);
    expect(await page.evaluate(`document.getElementById('example').value`)).toBe('own');
  });

  it('gives the code of a link no network', async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.setHeader('access-control-allow-origin', '*').end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const page = await open('#example=own');
    await page.fill(
      'code',
      `let got = 'nothing';\ntry { importScripts('${url}'); } catch { got = 'no script'; }\nfetch('${url}');\nthrow new Error(got);`,
    );
    expect(await page.click('#run')).toBe('✗ Error: no script');
    server.close();
    expect(requests).toBe(0);
    // Chromium reports what it has blocked.
    expect(page.errors.filter((error) => !/Content Security Policy|NetworkError|Failed to fetch/.test(error))).toEqual([]);
    opened = [];
  });

  it('inserts a symbol at the cursor of the line that was edited last', async () => {
    const page = await open('#example=own');
    await page.fill('to-app', '-C---w-');
    await page.evaluate(`document.querySelector('[aria-label^="Insert E"]').click()`);
    expect((await page.lines())[3]).toBe('-C---w-E');
  });

  it.each([
    ['light', false],
    ['dark', true],
  ])('fits a phone, in %s', async (theme, dark) => {
    const page = await open('#example=bug', { width: 390, height: 844, mobile: true, dark });
    // Signals at 60 different times: a line and a drawing that are wider than the screen.
    await page.fill('app', '-h'.repeat(60));
    expect(await page.click('#run')).toMatch(/^✗ expected .* at 3 ms to reach the wire/);
    const seen = await page.evaluate<object>(`({
      theme: document.documentElement.dataset.theme,
      width: document.documentElement.scrollWidth,
      verdict: document.querySelector('.verdict').getBoundingClientRect().top >= 0,
      unnamed: [...document.querySelectorAll('input, select, textarea')].filter(({ labels }) => labels.length !== 1).length,
    })`);
    expect(seen).toEqual({ theme, width: 390, verdict: true, unnamed: 0 });
  });
});
