import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { NEVER } from 'rxjs';
import { describe, expect } from 'vitest';
import { ECLOSED, EOF, IN, IOStream, OUT, SENT } from 'rxjs-io-stream';
import { serving } from '../support/clients.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { closing, dialled, joined, owned, pattern, serve, ticks, turns, type Options } from './tools.ts';

/** Both ends with their data and reports recorded. */
function ends(h: Harness, a: Options = {}, b: Options = {}) {
  const [left, right] = joined(h, a, b);
  return {
    a: left,
    b: right,
    fromA: h.observed(right.data$),
    fromB: h.observed(left.data$),
    reports: Promise.all([closing(left), closing(right)]),
  };
}

const HALF = { allowHalfOpen: true };

describe('end', () => {
  spec('client ends, then peer ends: both get all, and close', async (h) => {
    const { a, b, fromA, fromB, reports } = ends(h, HALF, HALF);
    a.end('request');
    await fromA.ended;
    expect([a.state, b.state, b.isEof, a.isEof]).toStrictEqual(['open', 'open', true, false]);
    b.write('late ');
    await ticks();
    b.end('answer');
    await fromB.ended;
    h.sameBytes(fromA.values, 'request');
    h.sameBytes(fromB.values, 'late answer');
    expect((await reports).map(({ by }) => by)).toStrictEqual(['us', 'peer']);
  });

  spec('peer ends, then client ends', async (h) => {
    const { a, b, fromA, fromB, reports } = ends(h, HALF, HALF);
    b.end('greeting');
    await fromB.ended;
    a.write('still ');
    await ticks();
    a.end('writing');
    await fromA.ended;
    h.sameBytes(fromA.values, 'still writing');
    expect((await reports).map(({ by }) => by)).toStrictEqual(['peer', 'us']);
  });

  spec('both end in the same tick', async (h) => {
    const { a, b, fromA, fromB, reports } = ends(h, HALF, HALF);
    a.end('x');
    b.end('y');
    h.sameBytes((await fromA.ended).values, 'x');
    h.sameBytes((await fromB.ended).values, 'y');
    expect((await reports).map(({ error }) => error)).toStrictEqual([undefined, undefined]);
  });

  spec('client ends, then peer closes', async (h) => {
    const { a, b, fromA, fromB, reports } = ends(h, HALF, HALF);
    a.end('x');
    await fromA.ended;
    b.write('bye');
    b.close();
    h.sameBytes((await fromB.ended).values, 'bye');
    expect((await reports).map(({ by }) => by)).toStrictEqual(['us', 'us']);
  });

  spec('client ends, then peer resets: what had come is whole, then the error', async (h) => {
    const { a, b, fromA, fromB } = ends(h, HALF, HALF);
    h.watch(a);
    a.end('x');
    await fromA.ended;
    b.write('cut');
    await ticks();
    b.reset();
    h.error((await fromB.ended).error, { code: 'ECONNRESET' });
    h.sameBytes(fromB.values, 'cut');
    expect((await closing(a)).by).toBe('error');
  });

  spec('client ends, then closes', async (h) => {
    const { a, fromA, fromB, reports } = ends(h);
    a.end('x');
    await fromA.ended;
    a.close();
    expect((await fromB.ended).state).toBe('complete');
    expect((await reports).map(({ by, error }) => [by, error])).toStrictEqual([
      ['us', undefined],
      ['peer', undefined],
    ]);
  });

  spec('over TCP: reading goes on after it, 257 lines and a late answer (F6)', async (h) => {
    const { io, socket } = await dialled(h, HALF, (socket) => socket.resume());
    const lines = Array.from({ length: 257 }, (_, each) => `line ${each}\n`);
    const seen = h.observed(io.data$);
    const { events } = h.watch(io);
    io.end('request');
    await once(socket, 'end');
    for (const line of lines) {
      socket.write(line);
      await turns(1);
    }
    socket.end('late answer');
    h.sameBytes((await seen.ended).values, [...lines, 'late answer']);
    expect((await closing(io)).by).toBe('us');
    const masks = events.values.map(({ mask }) => mask);
    expect(masks.indexOf(IN)).toBeGreaterThan(masks.findIndex((mask) => (mask & SENT) !== 0));
    expect(masks.filter((mask) => mask & EOF).length).toBe(1);
  });

  spec('over TCP: writing goes on after the EOF of the peer (F6)', async (h) => {
    const got: Buffer[] = [];
    const { io, socket } = await dialled(h, HALF, (socket) => socket.on('data', (chunk) => got.push(chunk)));
    socket.end();
    await h.until(() => io.isEof);
    io.write(pattern(300_000));
    io.end('end');
    await once(socket, 'end');
    h.sameBytes(got, [pattern(300_000), 'end']);
    await closing(io);
  });

  spec('is followed by ECLOSED for a second end and a write, neither of which closes anything (I5)', async (h) => {
    const { a, b, fromA } = ends(h, HALF, HALF);
    const { errors } = h.watch(a);
    a.end('x');
    expect(a.write('lost')).toBe(false);
    await ticks();
    h.error(errors.values[0], { code: ECLOSED, phase: 'write', fatal: false });
    a.end();
    await ticks();
    a.end('lost too');
    await ticks();
    expect(errors.values.length).toBe(3);
    expect(a.state).toBe('open');
    h.sameBytes((await fromA.ended).values, 'x');
    b.end();
    await closing(a);
  });

  spec('tells one ECLOSED for all refused writes of a tick, after the call returned', async (h) => {
    const { a } = ends(h, HALF, HALF);
    const { errors } = h.watch(a);
    a.end();
    for (let each = 0; each < 100; each += 1) a.write('x');
    expect(errors.values.length).toBe(0);
    await ticks();
    expect(errors.values.length).toBe(1);
  });

  spec('before the connection is there waits for it', async (h) => {
    const { a, fromA, reports } = ends(h);
    a.write('1');
    a.end('2');
    expect(a.state).toBe('opening');
    h.sameBytes((await fromA.ended).values, '12');
    await reports;
  });

  spec('waits for all that was written', async (h) => {
    const { a, b, fromA, reports } = ends(h);
    b.pause();
    for (let each = 0; each < 100; each += 1) a.write(pattern(10_000, each + 1));
    a.end();
    await turns();
    expect(fromA.state).toBe('open');
    b.resume();
    expect(Buffer.concat((await fromA.ended).values).length).toBe(1_000_000);
    await reports;
  });
});

describe('allowHalfOpen', () => {
  spec('is false in reactive mode: we end too when what was written has left', async (h) => {
    const { a, b, fromA, fromB, reports } = ends(h);
    b.pause();
    a.write(pattern(300_000));
    b.end('bye');
    await fromB.ended;
    await turns();
    expect(a.state).toBe('open');
    b.resume();
    h.sameBytes((await fromA.ended).values, pattern(300_000));
    expect((await reports).map(({ by, unsent }) => [by, unsent])).toStrictEqual([
      ['peer', 0],
      ['us', 0],
    ]);
  });

  spec('is true with waitFor: the stream stays open until its user ends it', async (h) => {
    const { a, b, reports } = ends(h, { waitFor: IN | EOF });
    b.end('bye');
    await h.until(() => a.isEof);
    await turns();
    expect(a.state).toBe('open');
    expect(a.write('still')).toBe(true);
    a.end();
    await reports;
  });

  spec('can be given for either mode', async (h) => {
    const { a, b } = ends(h, HALF, { waitFor: 0, inBufLimit: 0, allowHalfOpen: false });
    a.end();
    expect((await closing(b)).by).toBe('peer');
    await closing(a);
  });

  spec('lets who pulls answer all he has taken before the end is written', async (h) => {
    const { a, b } = ends(h);
    const [c, d] = joined(h);
    const answers = h.observed(c.data$);
    d.consume(async (chunk) => {
      await turns(3);
      d.write(`re: ${String(chunk)}`);
    }).subscribe();
    c.end('question');
    h.sameBytes((await answers.ended).values, 're: question');
    a.close();
    b.close();
    await Promise.all([closing(a), closing(b), closing(c), closing(d)]);
  });
});

describe('close', () => {
  spec('sends what was queued, then FIN; a write after it is false and nothing else (I5)', async (h) => {
    const { a, fromA, reports } = ends(h);
    const { errors, events } = h.watch(a);
    await ticks();
    a.write(pattern(500_000));
    a.close();
    expect(a.state).toBe('closing');
    expect(a.write('lost')).toBe(false);
    a.end('lost');
    a.end();
    h.sameBytes((await fromA.ended).values, pattern(500_000));
    const [report] = await reports;
    expect([report.by, report.unsent, report.bytesOut, report.error]).toStrictEqual(['us', 0, 500_000, undefined]);
    expect(a.write('lost')).toBe(false);
    await ticks();
    expect([errors.values, events.state]).toStrictEqual([[], 'complete']);
  });

  spec('delivers nothing more to the user', async (h) => {
    const [a, b] = joined(h);
    const cb = h.cb();
    b.cb = cb;
    const { events, errors } = h.watch(b);
    const seen = h.observed(b.data$);
    await ticks();
    for (let each = 0; each < 50; each += 1) a.write('more');
    b.write('x');
    b.close();
    const before = [cb.calls.length, events.values.length, seen.values.length];
    expect([events.state, errors.state, seen.state]).toStrictEqual(['complete', 'complete', 'complete']);
    await closing(b);
    await turns();
    expect([cb.calls.length, events.values.length, seen.values.length]).toStrictEqual(before);
  });

  spec('is silent from inside any callback on, whatever else was due', async (h) => {
    for (const when of [OUT, SENT, IN, EOF]) {
      const [a, b] = joined(h, {}, { waitFor: IN | OUT | SENT | EOF });
      let closed = false;
      const cb = h.cb((io: IOStream, mask) => {
        expect(closed, 'nothing is told after the close').toBe(false);
        if (mask & when) {
          closed = true;
          io.close();
        }
      });
      b.cb = cb;
      b.write('hello');
      a.end('hello');
      await closing(b);
      await ticks();
      expect(closed).toBe(true);
      a.close();
      await closing(a);
    }
  });

  spec('frees the connection at once while it is opening, and counts what is unsent', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
    const { events } = h.watch(io);
    io.write('never sent');
    io.close();
    const report = await closing(io);
    expect([report.by, report.unsent, report.bytesOut, report.connectedAt]).toStrictEqual(['us', 10, 0, undefined]);
    expect([events.values, io.state]).toStrictEqual([[], 'closed']);
  });

  spec('twice, after an error and inside the report is nothing (I4)', async (h) => {
    const [a, b] = joined(h);
    const { closed } = h.watch(a);
    const other = h.watch(b);
    await ticks();
    a.close();
    a.close();
    a.closed$.subscribe(() => a.close());
    await closing(a);
    a.close();
    b.reset();
    b.close();
    a.reset();
    await ticks();
    expect([closed.values.length, other.closed.values.length]).toStrictEqual([1, 1]);
  });

  spec('over TCP with unread input: the peer gets all that was sent, a FIN and no RST', async (h) => {
    const got: Buffer[] = [];
    const errors: Error[] = [];
    const { io, socket } = await dialled(h, {}, (socket) =>
      socket.on('data', (chunk) => got.push(chunk)).on('error', (error) => errors.push(error)),
    );
    for (let each = 0; each < 20; each += 1) socket.write(pattern(65_536));
    await h.until(() => io.inBuf.length >= 65_536);
    const sent = pattern(1_000_000);
    io.write(sent);
    io.close();
    await once(socket, 'end');
    socket.end();
    const report = await closing(io);
    h.sameBytes(got, sent);
    expect([errors, report.by, report.unsent, report.error]).toStrictEqual([[], 'us', 0, undefined]);
  });

  spec('over TCP does not wait longer than timeouts.close for a peer that never ends', async (h) => {
    const { io, socket } = await dialled(h, { timeouts: { close: 30 } }, (socket) => socket.resume());
    io.write('x');
    io.close();
    await once(socket, 'end');
    const report = await closing(io);
    expect([report.by, report.unsent]).toStrictEqual(['us', 0]);
  });

  spec('over TCP is through as soon as the peer ends', async (h) => {
    const { io, socket } = await dialled(h, { timeouts: { close: 60_000 } }, (socket) => socket.resume());
    io.close();
    await once(socket, 'end');
    socket.write(pattern(500_000));
    socket.end();
    expect((await closing(io)).by).toBe('us');
  });

  spec('counts in unsent what a peer never took', async (h) => {
    const { io } = await dialled(h, { timeouts: { close: 30 } }, (socket) => socket.pause());
    const all = 32 * 2 ** 20;
    io.write(Buffer.alloc(all));
    await h.until(() => io.output.pending < all);
    io.close();
    const report = await closing(io);
    expect(report.unsent > 0 && report.unsent < all, `${report.unsent} unsent`).toBe(true);
    expect(report.unsent + report.bytesOut).toBe(all);
  });

  spec('sends what was written to an fh in the same tick', async (h) => {
    const got: Buffer[] = [];
    const fh = new Writable({
      write(chunk: Buffer, _encoding, done) {
        got.push(chunk);
        done();
      },
    });
    const [io] = owned(h, new IOStream({ fh }));
    io.write('all of ');
    io.write('it');
    io.close();
    await closing(io);
    h.sameBytes(got, 'all of it');
  });

  spec('when the peer fails meanwhile is still by us, with the error in the report', async (h) => {
    const [a, b] = joined(h, {}, { allowHalfOpen: true });
    const { errors } = h.watch(a);
    h.watch(b);
    await ticks();
    a.write('x');
    a.close();
    b.reset();
    const report = await closing(a);
    expect(report.by).toBe('us');
    h.error(report.error, { code: 'ECONNRESET' });
    expect(errors.values).toStrictEqual([]);
  });

  spec('does not keep the process alive, nor does one whose peer never ends, nor an unref’d one that has just written', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    const scripts = ['io.close();', "io.unref(); io.write('x');", 'io.end(); io.closed$.subscribe(); io.reset();'];
    for (const took of await Promise.all(scripts.map((script) => child(h, port, script)))) {
      expect(took < 1000, `the process lived for ${took} ms after it`).toBe(true);
    }
  });

  spec('keeps the process alive while the stream is open', async (h) => {
    let ended!: () => void;
    const over = new Promise<void>((resolve) => (ended = resolve));
    const port = await serve(h, (socket) => {
      socket.resume().on('end', ended);
      setTimeout(() => socket.end(), 300);
    });
    const took = await child(h, port, 'io.data$.subscribe();');
    await over;
    expect(took >= 250, `${took} ms`).toBe(true);
  });
});

describe('reset', () => {
  spec('loses what has not left, tells how much, and the peer sees ECONNRESET', async (h) => {
    const [a, b] = joined(h);
    const { errors, events } = h.watch(a);
    const other = h.watch(b);
    await ticks();
    b.pause();
    a.write(pattern(300_000));
    await ticks();
    a.reset();
    expect(a.state).toBe('closed');
    const report = await closing(a);
    expect([report.by, report.error, report.unsent + report.bytesOut]).toStrictEqual(['us', undefined, 300_000]);
    expect([errors.values, events.state]).toStrictEqual([[], 'complete']);
    expect(a.write('x')).toBe(false);
    b.resume();
    h.observed(b.data$);
    expect((await closing(b)).by).toBe('error');
    h.error(other.errors.values[0], { code: 'ECONNRESET' });
  });

  spec('over TCP sends RST at once', async (h) => {
    const { io, socket } = await dialled(h, {}, (socket) => socket.resume());
    const failed = once(socket, 'error');
    io.reset();
    const [error] = (await failed) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    expect((await closing(io)).by).toBe('us');
  });

  spec('frees a connection that is opening or closing', async (h) => {
    const port = await serve(h, (socket) => socket.resume());
    const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
    io.reset();
    expect((await closing(io)).by).toBe('us');
    const { io: other } = await dialled(h, { timeouts: { close: 60_000 } }, (socket) => socket.resume());
    other.close();
    await ticks();
    expect(other.state).toBe('closing');
    other.reset();
    expect(other.state).toBe('closed');
    await closing(other);
  });

  spec.each(['reset()', 'timeouts.close'])('after close() over TCP, by %s, does not let the peer think that it has all', async (h, by) => {
    let peer: IOStream | undefined;
    const { at } = await serving(h, (accepted: IOStream) => {
      (peer = accepted).pause();
      return NEVER;
    });
    const [io] = owned(h, new IOStream({ ...at, timeouts: { close: by === 'reset()' ? 60_000 : 50 } }));
    await h.until(() => peer !== undefined);
    const data = h.observed(peer!.data$);
    io.write(pattern(32 * 2 ** 20));
    io.close();
    await ticks();
    if (by === 'reset()') io.reset();
    expect((await closing(io)).unsent).toBeGreaterThan(0);
    peer!.resume();
    await data.ended;
    h.error(data.error, { code: 'ECONNRESET' });
  });

  spec('completes data$ as our own close does', async (h) => {
    const { a, fromB } = ends(h);
    await ticks();
    a.reset();
    expect((await fromB.ended).state).toBe('complete');
  });
});

/** How long a process with one stream lives after the script ran on it, in milliseconds. */
async function child(h: Harness, port: number, script: string): Promise<number> {
  const source = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
  expect(existsSync(source)).toBe(true);
  const program = `
    const { IOStream, CONNECTED } = await import(${JSON.stringify(source)});
    const io = new IOStream({ host: '127.0.0.1', port: ${port}, onEvent: ({ mask }) => {
      if (!(mask & CONNECTED)) return;
      const start = performance.now();
      process.on('exit', () => console.log(performance.now() - start));
      setImmediate(() => { ${script} });
    } });`;
  const process_ = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  h.defer(() => process_.kill('SIGKILL'));
  let out = '';
  process_.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const [code] = (await once(process_, 'close')) as [number | null];
  expect(code).toBe(0);
  return Number(out);
}
