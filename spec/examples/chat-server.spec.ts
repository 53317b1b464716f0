import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { chatServer, type ChatServerOptions } from '../../examples/chat-server.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { runProgram } from '../support/run-program.ts';

const host = '127.0.0.1';

/** Somebody who talks, by a plain socket. */
class Client {
  readonly socket: Socket;
  text = '';

  constructor(h: Harness, port: number) {
    this.socket = connect({ host, port, noDelay: true }).setEncoding('utf8');
    this.socket.on('data', (text: string) => (this.text += text)).on('error', () => {});
    h.defer(() => this.socket.destroy());
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  says(line: string): this {
    this.socket.write(`${line}\n`);
    return this;
  }
}

/** The server in this process, and a way in: whoever enters has been told so. */
async function chat(h: Harness, options: ChatServerOptions = {}) {
  const log: string[] = [];
  const server = await h.observed(chatServer({ rate: Infinity, ...options, log: (line) => log.push(line) })).value();
  const errors = h.observed(server.errors$);
  const { port } = server.address as { port: number };
  const enter = async (name: string): Promise<Client> => {
    const client = new Client(h, port).says(name);
    await h.until(() => client.lines.includes(`* ${name} joins`));
    return client;
  };
  return { port, log, errors, enter };
}

const heard = (h: Harness, line: string, ...clients: readonly Client[]): Promise<void> =>
  h.until(() => clients.every(({ lines }) => lines.includes(line)), line);

describe('chat-server', () => {
  spec('tells all what one says, and who comes and goes', async (h) => {
    const { log, enter, errors } = await chat(h);
    const ann = await enter('ann');
    const bob = await enter('bob');
    ann.says('hello').says('').says('/who').says('/dance');
    await heard(h, '<ann> hello', ann, bob);
    await heard(h, '* here are ann, bob', ann);
    await heard(h, '* there is /who and /quit', ann);
    bob.says('zażółć \u001b[31mgęślą\u0007').says('/quit').says('too late');
    await heard(h, '<bob> zażółć [31mgęślą', ann);
    await heard(h, '* bob leaves', ann);
    await once(bob.socket, 'close');
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

  spec('asks again for a name that is taken, or none', async (h) => {
    const { port, enter } = await chat(h);
    await enter('ann');
    const other = new Client(h, port).says('ann').says('an n').says('').says('x'.repeat(21)).says('Ann\r');
    await heard(h, '* Ann joins', other);
    expect(other.lines.slice(1, 5)).toEqual([
      '* That name is taken. What is your name?',
      ...Array.from({ length: 3 }, () => '* A name has 1 to 20 letters or digits. What is your name?'),
    ]);
  });

  spec('goes on when a client is cut off, ends in the midst of a line, or sends one that is too long', async (h) => {
    const { enter, errors } = await chat(h);
    const ann = await enter('ann');
    (await enter('cut')).socket.resetAndDestroy();
    await heard(h, '* cut leaves', ann);
    (await enter('half')).socket.end('last words');
    await heard(h, '<half> last words', ann);
    await heard(h, '* half leaves', ann);
    (await enter('long')).says('x'.repeat(1025));
    await heard(h, '* long leaves', ann);
    expect(errors.values.map((error) => (error as { code?: string }).code)).toEqual(['ECONNRESET', 'EFRAMELIMIT']);
    ann.says('still here');
    await heard(h, '<ann> still here', ann);
  });

  spec(
    'drops a client that does not read, by its name; the others are not held up',
    async (h) => {
      const { enter, log } = await chat(h, { limit: 100_000 });
      const [ann, bob, slow] = [await enter('ann'), await enter('bob'), await enter('slow')];
      slow.socket.pause();
      let count = 0;
      const gone = '* slow is too slow, and dropped';
      while (!log.includes(gone)) {
        // What two kernels hold for a socket is some MiB; more than 100 of them are not tried.
        expect((count += 100)).toBeLessThan(100_000);
        for (let each = count - 99; each <= count; each += 1) ann.says(`${each} ${'x'.repeat(1000)}`);
        await h.until(() => bob.text.includes(`<ann> ${count} x`), `line ${count}`);
        bob.text = bob.text.slice(-2000);
      }
      await heard(h, gone, ann, bob);
      slow.socket.resume();
      await new Promise((resolve) => slow.socket.once('close', resolve)); // by a reset, which it may hear of
      ann.says('/who');
      await heard(h, '* here are ann, bob', ann);
      console.log(`chat-server: the slow one was dropped after ${count} lines of 1 KiB`);
    },
    { timeout: 20_000 },
  );

  spec('lets who floods wait for himself', async (h) => {
    const { enter, log } = await chat(h, { rate: 20_000, limit: 10_000 });
    const [ann, bob] = [await enter('ann'), await enter('bob')];
    const start = performance.now();
    for (let each = 0; each < 20; each += 1) ann.says(`${each} ${'x'.repeat(1000)}`);
    bob.says('in between');
    await h.until(() => log.some((line) => line.startsWith('<ann> 19')));
    expect(performance.now() - start).toBeGreaterThan(800);
    expect(log.slice(0, 10)).toContain('<bob> in between');
    expect(log.filter((line) => line.includes('too slow'))).toEqual([]);
  });

  it('runs as a program, says what is said, and ends by Ctrl-C', { timeout: 20_000 }, async () => {
    const { says, interrupt } = runProgram('examples/chat-server.ts', '--port', '0');
    const port = Number((await says(/port: (\d+)/))[1]);
    const socket = connect({ host, port });
    socket.write('ann\nhello\n');
    await says(/\* ann joins\n<ann> hello\n/);
    const closed = once(socket.resume(), 'close');
    expect(await interrupt()).toMatchObject({ code: 0, stderr: '' });
    await closed;
  });
});
