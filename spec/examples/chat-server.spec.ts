import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { chatServer, type ChatServerOptions } from '../../examples/chat-server.ts';
import type { Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { runProgram } from '../support/run-program.ts';

const host = '127.0.0.1';

/** A client with a plain socket. */
class Client {
  readonly socket: Socket;
  text = '';

  constructor(h: Harness, port: number) {
    this.socket = connect({ host, port, noDelay: true }).setEncoding('utf8');
    this.socket
      .on('error', () => {})
      .on('data', (text: string) => {
        this.text += text;
      });
    h.defer(() => this.socket.destroy());
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  send(line: string): this {
    this.socket.write(`${line}\n`);
    return this;
  }
}

/** Starts the server in this process. `enter` resolves when the name was accepted. */
async function chat(h: Harness, options: ChatServerOptions = {}) {
  const log: string[] = [];
  const server = await h.observed(chatServer({ rate: Infinity, ...options, log: (line) => log.push(line) })).value();
  const errors = h.observed(server.errors$);
  const { port } = server.address as { port: number };
  const enter = async (name: string): Promise<Client> => {
    const client = new Client(h, port).send(name);
    await h.until(() => client.lines.includes(`* ${name} joins`));
    return client;
  };
  return { port, log, errors, enter };
}

const received = (h: Harness, line: string, ...clients: readonly Client[]): Promise<void> =>
  h.until(() => clients.every(({ lines }) => lines.includes(line)), line);

describe('chat-server', () => {
  spec('sends every message to all members, and reports who joins and leaves', async (h) => {
    const { log, enter, errors } = await chat(h);
    const ann = await enter('ann');
    const bob = await enter('bob');
    ann.send('hello').send('').send('/who').send('/dance');
    await received(h, '<ann> hello', ann, bob);
    await received(h, '* here are ann, bob', ann);
    await received(h, '* there is /who and /quit', ann);
    bob.send('zażółć \u001b[31mgęślą\u0007').send('/quit').send('too late');
    await received(h, '<bob> zażółć [31mgęślą', ann);
    await received(h, '* bob leaves', ann);
    await h.until(() => bob.socket.closed, 'bob is closed');
    expect(ann.lines).toEqual([
      '* Welcome. What is your name?',
      '* ann joins',
      '* bob joins',
      '<ann> hello',
      '* here are ann, bob',
      '* there is /who and /quit',
      '<bob> zażółć [31mgęślą',
      '* bob leaves',
    ]);
    expect(bob.lines.at(-1)).toBe('<bob> zażółć [31mgęślą');
    expect(log).toEqual(['* ann joins', '* bob joins', '<ann> hello', '<bob> zażółć [31mgęślą', '* bob leaves']);
    expect(errors.values).toEqual([]);
  });

  spec('asks again for a name that is taken or not valid', async (h) => {
    const { port, enter } = await chat(h);
    await enter('ann');
    const other = new Client(h, port).send('ann').send('an n').send('').send('x'.repeat(21)).send('Ann\r');
    await received(h, '* Ann joins', other);
    expect(other.lines.slice(1, 5)).toEqual([
      '* That name is taken. What is your name?',
      ...Array.from({ length: 3 }, () => '* A name has 1 to 20 letters or digits. What is your name?'),
    ]);
  });

  spec('continues when a client resets, ends inside a line, or sends a line over the limit', async (h) => {
    const { enter, errors } = await chat(h);
    const ann = await enter('ann');
    (await enter('cut')).socket.resetAndDestroy();
    await received(h, '* cut leaves', ann);
    (await enter('half')).socket.end('last words');
    await received(h, '<half> last words', ann);
    await received(h, '* half leaves', ann);
    (await enter('long')).send('x'.repeat(1025));
    await received(h, '* long leaves', ann);
    expect(errors.values.map((error) => (error as { code?: string }).code)).toEqual(['ECONNRESET', 'EFRAMELIMIT']);
    ann.send('still here');
    await received(h, '<ann> still here', ann);
  });

  spec('drops a client that does not read, and does not delay the others', async (h) => {
    const { enter, log } = await chat(h, { limit: 100_000 });
    const [ann, bob, slow] = [await enter('ann'), await enter('bob'), await enter('slow')];
    slow.socket.pause();
    let count = 0;
    const dropped = '* slow is too slow, and dropped';
    while (!log.includes(dropped)) {
      // Two kernels buffer some MiB for a socket. The spec fails after 100 MiB.
      count += 100;
      expect(count).toBeLessThan(100_000);
      for (let each = count - 99; each <= count; each += 1) ann.send(`${each} ${'x'.repeat(1000)}`);
      await h.until(() => bob.text.includes(`<ann> ${count} x`), `line ${count}`);
      // Not after the drop: the notice may be followed by more than this.
      if (!log.includes(dropped)) bob.text = bob.text.slice(-2000);
    }
    await received(h, dropped, ann, bob);
    slow.socket.resume();
    await new Promise((resolve) => slow.socket.once('close', resolve)); // by a reset, which may be an error of the socket
    ann.send('/who');
    await received(h, '* here are ann, bob', ann);
    console.log(`chat-server: the slow client was dropped after ${count} lines of 1 KiB`);
  });

  spec('slows down only the client that floods', async (h) => {
    const { enter, log } = await chat(h, { rate: 20_000, limit: 10_000 });
    const [ann, bob] = [await enter('ann'), await enter('bob')];
    const start = performance.now();
    for (let each = 0; each < 20; each += 1) ann.send(`${each} ${'x'.repeat(1000)}`);
    bob.send('in between');
    await h.until(() => log.some((line) => line.startsWith('<ann> 19')));
    expect(performance.now() - start).toBeGreaterThan(800);
    expect(log.slice(0, 10)).toContain('<bob> in between');
    expect(log.filter((line) => line.includes('too slow'))).toEqual([]);
  });

  it('runs as a program that logs the messages, and stops at Ctrl-C', async () => {
    const { prints, interrupt } = runProgram('examples/chat-server.ts', '--port', '0');
    const port = Number((await prints(/port: (\d+)/))[1]);
    const socket = connect({ host, port });
    socket.write('ann\nhello\n');
    await prints(/\* ann joins\n<ann> hello\n/);
    const closed = once(socket.resume(), 'close');
    expect(await interrupt()).toMatchObject({ code: 0, stderr: '' });
    await closed;
  });
});
