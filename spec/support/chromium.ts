import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The name of the installed Chromium, or undefined. `.ci/install-peers` installs it. */
export const chromiumName: string | undefined = NAMES.find((name) => !spawnSync(name, ['--version']).error);

// Nothing but loopback: a page that needs the internet fails as it would without a network.
const FLAGS = [
  '--headless',
  '--no-sandbox', // root has none
  '--remote-debugging-pipe',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-sync',
  '--force-color-profile=srgb',
  '--hide-scrollbars',
  '--no-first-run',
];

/** How a page is shown. */
export interface PageOptions {
  /** CSS pixels. @default 1280 */
  readonly width?: number;
  /** CSS pixels. @default 800 */
  readonly height?: number;
  /** Whether the system prefers dark colours. @default false */
  readonly dark?: boolean;
  /** Whether the screen is touched, as that of a phone. @default false */
  readonly mobile?: boolean;
}

type Fields = Record<string, unknown>;
type OnEvent = (method: string, params: Fields) => void;

/** Starts a headless Chromium with an empty profile, which reaches 127.0.0.1 only. Close it with `close()`. @param flags more flags. */
export async function launchChromium(flags: readonly string[] = []): Promise<Chromium> {
  if (chromiumName === undefined) throw new Error(`expected one of ${NAMES.join(', ')}; .ci/install-peers installs it`);
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  const child = spawn(chromiumName, [...FLAGS, ...flags, `--user-data-dir=${profile}`], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  return new Chromium(child, profile);
}

/** A running Chromium, driven over its DevTools protocol: JSON that ends in NUL, on two pipes. */
export class Chromium {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #exited: Promise<unknown>;
  readonly #calls = new Map<number, PromiseWithResolvers>();
  readonly #sessions = new Map<string, OnEvent>();
  #lastId = 0;

  constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    this.#exited = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
    void this.#exited.then(() => {
      for (const { reject } of this.#calls.values()) reject(new Error('Chromium has exited'));
    });
    const [output, input] = [child.stdio[4] as Readable, child.stdio[3] as Writable];
    input.on('error', () => {}); // reported by `exit`
    let rest = '';
    output.setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#receive(JSON.parse(message) as Message);
    });
  }

  /** Opens an empty page. */
  async newPage(options: PageOptions = {}): Promise<Page> {
    // A context of its own: pages do not share what they store, such as the chosen colours.
    const { browserContextId } = await this.call('Target.createBrowserContext');
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page((method, params) => this.call(method, params, sessionId as string));
    this.#sessions.set(sessionId as string, (method, params) => page.onEvent(method, params));
    await page.start(options);
    return page;
  }

  /** Closes all pages, waits until the process has exited, and removes its profile. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    for (const pipe of this.#child.stdio) pipe?.destroy();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  /** Calls a method of the DevTools protocol. */
  call(method: string, params: Fields = {}, sessionId?: string): Promise<Fields> {
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  #receive({ id, method, params = {}, sessionId = '', result = {}, error }: Message): void {
    if (method !== undefined) this.#sessions.get(sessionId)?.(method, params);
    if (id === undefined) return;
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) call?.reject(new Error(`Chromium: ${error.message}`));
    else call?.resolve(result);
  }
}

interface PromiseWithResolvers {
  resolve(result: Fields): void;
  reject(error: Error): void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Fields;
  readonly sessionId?: string;
  readonly result?: Fields;
  readonly error?: { readonly message: string };
}

/** A page of a {@link Chromium}. Code for the page is text: the types of the DOM are not loaded here. */
export class Page {
  /** Errors of the page: exceptions, `console.error`, requests that failed. */
  readonly errors: string[] = [];
  readonly #call: (method: string, params?: Fields) => Promise<Fields>;

  constructor(call: (method: string, params?: Fields) => Promise<Fields>) {
    this.#call = call;
  }

  /** @internal Begins to record, and sets the screen. */
  async start({ width = 1280, height = 800, dark = false, mobile = false }: PageOptions): Promise<void> {
    await Promise.all(['Page', 'Runtime', 'Log', 'Network'].map((domain) => this.#call(`${domain}.enable`)));
    await this.#call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile });
    await this.#call('Emulation.setTouchEmulationEnabled', { enabled: mobile });
    await this.#call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
  }

  /** @internal Records the errors of the page. */
  onEvent(method: string, params: Fields): void {
    const text = errorOf(method, params);
    if (text !== undefined) this.errors.push(text);
  }

  /** Loads an address, and waits until all of it is loaded. */
  async goto(url: string): Promise<void> {
    const { errorText } = await this.#call('Page.navigate', { url });
    if (errorText !== undefined) throw new Error(`${url}: ${errorText as string}`);
    await this.waitFor(`location.href !== 'about:blank' && document.readyState === 'complete'`);
  }

  /** Runs an expression in the page; awaits it, and returns its value as JSON. */
  async evaluate<T = unknown>(expression: string): Promise<T> {
    const params = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result, exceptionDetails } = (await this.#call('Runtime.evaluate', params)) as unknown as Evaluated;
    if (exceptionDetails) throw new Error(`${exceptionText(exceptionDetails)}\nin ${expression}`);
    return result.value as T;
  }

  /** Waits until an expression is true in the page; throws after `timeout` milliseconds. */
  async waitFor(expression: string, timeout = 20_000): Promise<void> {
    const end = performance.now() + timeout;
    // A page that is being left has no context for a moment.
    while (!(await this.evaluate<boolean>(`!!(${expression})`).catch(() => false))) {
      if (performance.now() > end) throw new Error(`expected within ${timeout} ms: ${expression}`);
      await wait(20);
    }
  }

  /** Waits for the first visible element of a selector, scrolls it into view, and clicks its middle when it no longer moves. */
  async click(selector: string): Promise<void> {
    const element = `[...document.querySelectorAll(${JSON.stringify(selector)})].find((e) => e.checkVisibility())`;
    await this.waitFor(element);
    const middle = `(async () => { const e = ${element}; e.scrollIntoView({ block: 'center', behavior: 'instant' });
      for (let last = '', same = 0; same < 3; ) {
        await new Promise(requestAnimationFrame);
        var { x, y, width, height } = e.getBoundingClientRect();
        same = last === String([x, y]) ? same + 1 : 0; last = String([x, y]);
      }
      return { x: x + width / 2, y: y + height / 2 }; })()`;
    const at = await this.evaluate<{ x: number; y: number }>(middle);
    for (const type of ['mousePressed', 'mouseReleased'])
      await this.#call('Input.dispatchMouseEvent', { type, ...at, button: 'left', clickCount: 1 });
  }

  /** Types text into the focused element. */
  async type(text: string): Promise<void> {
    await this.#call('Input.insertText', { text });
  }

  /** Presses a key that types nothing, such as `Escape`, `Enter` or `ArrowDown`. */
  async press(key: string): Promise<void> {
    const windowsVirtualKeyCode = { Enter: 13, Escape: 27, Tab: 9, Backspace: 8, ArrowUp: 38, ArrowDown: 40 }[key] ?? 0;
    const text = key === 'Enter' ? { text: '\r' } : {};
    for (const type of ['keyDown', 'keyUp'])
      await this.#call('Input.dispatchKeyEvent', { type, key, code: key, windowsVirtualKeyCode, ...(type === 'keyDown' ? text : {}) });
  }

  /** Writes a PNG of what is seen, or with `fullPage` of all of the page. */
  async screenshot(file: string, { fullPage = false }: { readonly fullPage?: boolean } = {}): Promise<void> {
    const { data } = await this.#call('Page.captureScreenshot', { format: 'png', captureBeyondViewport: fullPage });
    await writeFile(file, Buffer.from(data as string, 'base64'));
  }
}

interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: ExceptionDetails;
}

interface ExceptionDetails {
  readonly text: string;
  readonly exception?: { readonly description?: string; readonly value?: unknown };
}

function exceptionText({ text, exception }: ExceptionDetails): string {
  return exception?.description ?? `${text} ${String(exception?.value)}`;
}

function errorOf(method: string, params: Fields): string | undefined {
  if (method === 'Runtime.exceptionThrown') return exceptionText(params.exceptionDetails as ExceptionDetails);
  if (method === 'Runtime.consoleAPICalled' && (params.type === 'error' || params.type === 'assert')) {
    const values = params.args as readonly { readonly description?: string; readonly value?: unknown }[];
    return `console.${params.type}: ${values.map(({ description, value }) => description ?? String(value)).join(' ')}`;
  }
  if (method === 'Log.entryAdded') {
    const { level, text, url } = params.entry as { readonly level: string; readonly text: string; readonly url?: string };
    if (level === 'error') return `${text} ${url ?? ''}`;
  }
  return undefined;
}
