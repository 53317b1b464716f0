import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { parseOptions } from '../../examples/transfer/options.ts';
import { ownFile } from '../../examples/transfer/source-file.ts';
import { deadPort, pattern, served, unwatched } from '../support/loopback.ts';
import { runOnTerminal, runProgram, type Ended } from '../support/run-program.ts';

const PROGRAM = 'examples/transfer/main.ts';
const SIZE = 300_001;
const ESCAPE = '\u001b';
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const directory = mkdtempSync(join(tmpdir(), 'transfer-spec-'));
const PICTURE = join(directory, 'transfer.svg');

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

/** Runs the program to its end. */
const runTransfer = (...args: readonly string[]): Promise<Ended> => runProgram(PROGRAM, ...args, '--picture', PICTURE).ended;
/** Returns the path of the file that the program sends. */
const fileIn = (stdout: string): string => /^file {4}(\S+)/m.exec(stdout)?.[1] ?? '';
/** Returns the names of the events in the timeline. */
const eventsIn = (stdout: string): string[] => [...stdout.matchAll(/^ *\d+\.\d ms {2}(\S.*?) {2,}/gm)].map(([, event = '']) => event);

/** Starts a server of plain `net`. Resolves to HOST:PORT. */
async function server({ onTestFinished }: TestContext, each: (socket: Socket) => unknown): Promise<string> {
  const { port } = (await served(unwatched(onTestFinished), each)) as { port: number };
  return `127.0.0.1:${port}`;
}

/** Expects the events in the order of time, and repeated ones in one line. */
function expectTimeline(stdout: string): void {
  const events = eventsIn(stdout);
  const at = (event: RegExp): number => events.findIndex((each) => event.test(each));
  const order = [/^start$/, /^TCP$/, /^SOCKS5$/, /^CONNECT$/, /^TLS$/, /^CONNECTED$/, /^first OUT$/, /^first IN$/, /^EOF$/, /^closed$/].map(
    at,
  );
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(order).not.toContain(-1);
  expect(at(/^SENT/)).toBeGreaterThan(at(/^first OUT$/));
  expect(at(/^SENT/)).toBeLessThan(at(/^EOF$/));
  expect(events.length).toBeLessThanOrEqual(13);
  expect(stdout).toMatch(/ OUT ×\d+ +in total 300,001 bytes /);
  expect(stdout).toMatch(/ closed +by us: 300,001 out, 300,001 in, 0 unsent/);
}

/** Expects the phases, the layers and the bytes in the picture. */
function expectPicture(path: string): void {
  const picture = readFileSync(path, 'utf8');
  for (const phase of ['TCP', 'SOCKS5', 'CONNECT', 'TLS', 'transfer', 'close']) expect(picture).toContain(`<title>${phase}: `);
  expect(picture).toContain('· 293 KiB out, 293 KiB in');
  expect(picture).toContain('>tls ⇄ connect ⇄ socks<');
}

/** Expects no escape codes and no progress bar in the output to a pipe. */
function expectPlainText(text: string): void {
  expect(text).not.toContain(ESCAPE);
  expect(text).not.toContain('%');
}

beforeAll(() => {
  const built = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
  if (!existsSync(built)) throw new Error('expected the package to be built, found no dist/index.js: run `npm run build`, or `npm test`');
});
afterAll(() => rmSync(directory, { recursive: true }));

describe.concurrent('examples/transfer', () => {
  // One run, several assertions: starting the program takes longer than sending the file.
  it('sends a generated file through the embedded server, compares it, and removes it', async () => {
    const path = join(directory, 'generated.svg');
    const { code, stdout, stderr } = await runProgram(PROGRAM, '--size', String(SIZE), '--picture', path).ended;
    expect(stderr).toBe('');
    expect(stdout).toContain(`picture ${path} (open it in a browser)\n`);
    expectPicture(path);
    expect(stdout).toContain('OK: the hashes agree.');
    expect(code).toBe(0);
    expect(stdout.match(/300,001 bytes, SHA-256 [\da-f]{64}/g)).toHaveLength(2);
    expect(fileIn(stdout)).toContain(tmpdir());
    expect(existsSync(fileIn(stdout))).toBe(false);
    expectTimeline(stdout);
    expectPlainText(stdout);
  });

  it('draws the stack on a terminal, then where the time went, and restores the cursor', async ({ skip }) => {
    if (spawnSync('script', ['--version']).error) skip('needs `script` to make a terminal');
    const path = join(directory, 'on-terminal.svg');
    const { code, stdout } = await runOnTerminal(PROGRAM, '--size', SIZE, '--picture', path).ended;
    expect(code).toBe(0);
    expect(stdout.lastIndexOf(`${ESCAPE}[?25h`)).toBeGreaterThan(stdout.lastIndexOf(`${ESCAPE}[?25l`));
    const text = stripVTControlCharacters(stdout).replaceAll('\r', '');
    // The frame before the connection, and the last one.
    expect(text).toMatch(/○ file +\n○ TLS +\n○ CONNECT\n○ SOCKS5 +\n◐ TCP/);
    for (const [label, out] of [
      ['file', '300,001'],
      ['TLS', '300,001'],
      // With the headers and tags of TLS, and with the requests to the proxies.
      ['CONNECT', '30\\d,\\d{3}'],
      ['SOCKS5', '30\\d,\\d{3}'],
      ['TCP', '30\\d,\\d{3}'],
    ] as const)
      expect(text).toMatch(new RegExp(`● ${label} +${out} +${out} +\\S+ (bytes|KiB)  \\S`));
    expect(text).toMatch(/^handshakes \d+\.\d ms\nTCP .* ms\nSOCKS5 .* ms\nCONNECT .* ms\nTLS .* ms\nin all \d/m);
    expect(text).toContain('OK: the hashes agree.');
    expect(text).toContain(`picture ${path} (open it in a browser)`);
    expectPicture(path);
  });

  it("sends the user's own file and leaves it unchanged", async () => {
    const bytes = pattern(1_000_003);
    const path = fileOf('own file.bin', bytes);
    const { code, stdout } = await runTransfer(path);
    expect(stdout).toContain(`sent    1,000,003 bytes, SHA-256 ${sha(bytes)}\nback    1,000,003 bytes, SHA-256 ${sha(bytes)}\n`);
    expect(code).toBe(0);
    expect(existsSync(path)).toBe(true);
  });

  it('sends an empty file', async () => {
    const { code, stdout } = await runTransfer(fileOf('empty', new Uint8Array()));
    expect(stdout).toContain(`back    0 bytes, SHA-256 ${sha(new Uint8Array())}\n`);
    expect(code).toBe(0);
  });

  it('sends only encrypted bytes to an echo server of plain `net`', async (context) => {
    const seen: Buffer[] = [];
    const to = await server(context, (socket) => socket.on('data', (chunk: Buffer) => seen.push(chunk)).pipe(socket));
    const bytes = pattern(SIZE);
    const { code, stdout } = await runTransfer(fileOf('to-raw', bytes), '--to', to);
    expect(stdout).toContain(`server  ${to}\n`);
    expect(stdout).toContain(`back    300,001 bytes, SHA-256 ${sha(bytes)}\n`);
    expect(code).toBe(0);
    const wire = Buffer.concat(seen);
    expect(wire.length).toBe(SIZE);
    // Encrypted bytes have all 256 values; `pattern` has 251.
    expect(new Set(wire).size).toBe(256);
    expect(new Set(bytes).size).toBe(251);
  });

  it('prints the options with --help', async () => {
    const { code, stdout, stderr } = await runTransfer('--help');
    expect([code, stderr]).toEqual([0, '']);
    for (const word of ['FILE', '--to HOST:PORT', '--size', 'Exit code']) expect(stdout).toContain(word);
  });
});

/** Faulty servers: a name, the fault, and the report of the program. */
const SERVERS: readonly (readonly [name: string, serve: (socket: Socket) => void, report: RegExp])[] = [
  [
    'ends before we do',
    // Stops reading, so that the kernel's buffers fill up before the program has sent everything.
    (socket) => socket.once('data', (chunk: Buffer) => socket.end(chunk.subarray(0, 1000)).pause()),
    /expected {2}the server to read and send back until we end\n +got +its end after 1,000 bytes, while we were still sending\n/,
  ],
  [
    'keeps the last byte',
    (socket) => {
      let got = 0;
      socket.on('data', (chunk: Buffer) => {
        got += chunk.length;
        socket.write(got === 16_000_000 ? chunk.subarray(0, -1) : chunk);
      });
      socket.on('end', () => socket.end());
    },
    /expected {2}16,000,000 bytes with SHA-256 (\w+)\n +got +15,999,999 bytes with SHA-256 (?!\1)\w+\n +hint +.*half-close/,
  ],
  [
    'changes a byte',
    (socket) => {
      socket.once('data', (chunk: Buffer) => chunk.writeUInt8(chunk.readUInt8(7) ^ 1, 7));
      socket.pipe(socket);
    },
    /expected {2}16,000,000 bytes with SHA-256 (\w+)\n +got +16,000,000 bytes with SHA-256 (?!\1)\w+\n +hint +check what changes bytes/,
  ],
  [
    'adds bytes',
    (socket) => socket.on('end', () => socket.end('!')).pipe(socket, { end: false }),
    /got +16,000,001 bytes with SHA-256 \w+\n +hint +.*adds bytes/,
  ],
  [
    'resets the connection',
    (socket) => socket.once('data', () => socket.resetAndDestroy()),
    /expected {2}all 16,000,000 bytes back from 127\.0\.0\.1:\d+\n +got +0 bytes, then (ECONNRESET|EPIPE): /,
  ],
];

describe.concurrent('examples/transfer, after a fault', () => {
  it.for(SERVERS)('exits with 1 and explains the failure when the server %s', async ([_name, serve, report], context) => {
    const { code, stdout, stderr } = await runTransfer('--size', '16000000', '--to', await server(context, serve));
    expect(stderr).toMatch(report);
    expect(stdout).not.toContain('OK');
    expect(code).toBe(1);
    expect(eventsIn(stdout)).toContain('CONNECTED');
    expect(eventsIn(stdout).at(-1)).toBe('closed');
    expect(existsSync(fileIn(stdout))).toBe(false);
  });

  it('exits with 1 when the server refuses the connection', async () => {
    const to = `127.0.0.1:${await deadPort()}`;
    const { code, stdout, stderr } = await runTransfer('--size', '1000', '--to', to);
    expect(stderr).toMatch(`FAILED  expected  a connection to ${to}\n        got       ECONNREFUSED: `);
    expect(stderr).toContain('leave out --to');
    expect(code).toBe(1);
    expect(existsSync(fileIn(stdout))).toBe(false);
  });

  it('exits with 1 when the file does not exist', async () => {
    const path = join(directory, 'no-such-file');
    const { code, stdout, stderr } = await runTransfer(path);
    expect(stderr).toMatch(`expected  a file that can be read at ${path}\n        got       ENOENT`);
    expect([code, stdout]).toEqual([1, '']);
  });

  it('exits with 1 and names an unknown option', async () => {
    const { code, stdout, stderr } = await runTransfer('--frob');
    expect(stderr).toMatch(/got +Unknown option '--frob'\n +hint +see npm start -- --help/);
    expect([code, stdout]).toEqual([1, '']);
  });

  it.skipIf(process.platform === 'win32')('stops at Ctrl-C, prints the timeline so far, and removes its file', async (context) => {
    let connected = (): void => {};
    const connecting = new Promise<void>((resolve) => {
      connected = resolve;
    });
    // Never reads, so that the transfer cannot complete.
    const to = await server(context, (socket) => {
      socket.pause();
      connected();
    });
    const running = runProgram(PROGRAM, '--size', '8MiB', '--to', to);
    await connecting;
    const { code, stdout, stderr } = await running.interrupt();
    expect(stderr).toMatch(/got +SIGINT\n/);
    expect(code).toBe(1);
    expect(eventsIn(stdout).at(-1)).toBe('closed');
    expect(existsSync(fileIn(stdout))).toBe(false);
  });
});

describe('ownFile', () => {
  it('rejects a directory and a device', async () => {
    await expect(ownFile(directory)).rejects.toThrow(`expected  a file that can be read at ${directory}\n        got       a directory\n`);
    if (existsSync('/dev/null')) await expect(ownFile('/dev/null')).rejects.toThrow('got       a pipe, socket or device\n');
  });

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'rejects a file that may not be read (root may read all)',
    async () => {
      const path = fileOf('locked', new Uint8Array(1));
      chmodSync(path, 0);
      await expect(ownFile(path)).rejects.toThrow('got       EACCES');
    },
  );
});

describe('parseOptions', () => {
  it('defaults to 64 MiB and the embedded server', () => {
    expect(parseOptions([])).toEqual({ help: false, size: 64 * 1024 * 1024, picture: 'transfer.svg' });
  });

  it.each([
    ['0', 0],
    ['1000', 1000],
    ['3KiB', 3072],
    ['2gib', 2 ** 31],
  ])('parses --size %s', (text, size) => {
    expect(parseOptions(['--size', text]).size).toBe(size);
  });

  it.each([
    ['localhost:7', { host: 'localhost', port: 7 }],
    ['127.0.0.1:65535', { host: '127.0.0.1', port: 65535 }],
    ['[::1]:7', { host: '::1', port: 7 }],
  ])('parses --to %s', (text, to) => {
    expect(parseOptions(['--to', text]).to).toEqual(to);
  });

  it.each(['', 'host', 'host:', ':7', 'host:0', 'host:65536', 'host:7x', '::1:7', '[::1]', '[::1:7', 'a b:7', 'http://host:7'])(
    'refuses --to "%s"',
    (text) => {
      expect(() => parseOptions(['--to', text])).toThrow(
        `expected  --to HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:7 or [::1]:7\n        got       "${text}"`,
      );
    },
  );

  it.each(['', '1.5MiB', '-1', '1MB', '99999999GiB'])('refuses --size "%s"', (text) => {
    expect(() => parseOptions([`--size=${text}`])).toThrow(`got       "${text}"`);
  });

  it('refuses two files, and a file with a size', () => {
    expect(() => parseOptions(['a', 'b'])).toThrow('expected  one FILE at most\n        got       "a" "b"');
    expect(() => parseOptions(['a', '--size', '1'])).toThrow('expected  FILE or --size\n        got       both');
  });
});
