import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { NEVER } from 'rxjs';
import { describe, it } from 'vitest';
import { ECLOSED, EOF, IN, IOStream, OUT, SENT } from 'rxjs-io-stream';
import { serving } from '../support/clients.ts';
import { invariants, type Harness } from '../support/harness.ts';
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
  it(
    'client ends, then peer ends: both get all, and close',
    invariants(async (h) => {
      const { a, b, fromA, fromB, reports } = ends(h, HALF, HALF);
      a.end('request');
      await fromA.ended;
      assert.deepEqual([a.state, b.state, b.isEof, a.isEof], ['open', 'open', true, false]);
      b.write('late ');
      await ticks();
      b.end('answer');
      await fromB.ended;
      h.sameBytes(fromA.values, 'request');
      h.sameBytes(fromB.values, 'late answer');
      assert.deepEqual(
        (await reports).map(({ by }) => by),
        ['us', 'peer'],
      );
    }),
  );

  it(
    'peer ends, then client ends',
    invariants(async (h) => {
      const { a, b, fromA, fromB, reports } = ends(h, HALF, HALF);
      b.end('greeting');
      await fromB.ended;
      a.write('still ');
      await ticks();
      a.end('writing');
      await fromA.ended;
      h.sameBytes(fromA.values, 'still writing');
      assert.deepEqual(
        (await reports).map(({ by }) => by),
        ['peer', 'us'],
      );
    }),
  );

  it(
    'both end in the same tick',
    invariants(async (h) => {
      const { a, b, fromA, fromB, reports } = ends(h, HALF, HALF);
      a.end('x');
      b.end('y');
      h.sameBytes((await fromA.ended).values, 'x');
      h.sameBytes((await fromB.ended).values, 'y');
      assert.deepEqual(
        (await reports).map(({ error }) => error),
        [undefined, undefined],
      );
    }),
  );

  it(
    'client ends, then peer closes',
    invariants(async (h) => {
      const { a, b, fromA, fromB, reports } = ends(h, HALF, HALF);
      a.end('x');
      await fromA.ended;
      b.write('bye');
      b.close();
      h.sameBytes((await fromB.ended).values, 'bye');
      assert.deepEqual(
        (await reports).map(({ by }) => by),
        ['us', 'us'],
      );
    }),
  );

  it(
    'client ends, then peer resets: what had come is whole, then the error',
    invariants(async (h) => {
      const { a, b, fromA, fromB } = ends(h, HALF, HALF);
      h.watch(a);
      a.end('x');
      await fromA.ended;
      b.write('cut');
      await ticks();
      b.reset();
      h.error((await fromB.ended).error, { code: 'ECONNRESET' });
      h.sameBytes(fromB.values, 'cut');
      assert.equal((await closing(a)).by, 'error');
    }),
  );

  it(
    'client ends, then closes',
    invariants(async (h) => {
      const { a, fromA, fromB, reports } = ends(h);
      a.end('x');
      await fromA.ended;
      a.close();
      assert.equal((await fromB.ended).state, 'complete');
      assert.deepEqual(
        (await reports).map(({ by, error }) => [by, error]),
        [
          ['us', undefined],
          ['peer', undefined],
        ],
      );
    }),
  );

  it(
    'over TCP: reading goes on after it, 257 lines and a late answer (F6)',
    invariants(async (h) => {
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
      assert.equal((await closing(io)).by, 'us');
      const masks = events.values.map(({ mask }) => mask);
      assert.ok(masks.indexOf(IN) > masks.findIndex((mask) => (mask & SENT) !== 0));
      assert.equal(masks.filter((mask) => mask & EOF).length, 1);
    }),
  );

  it(
    'over TCP: writing goes on after the EOF of the peer (F6)',
    invariants(async (h) => {
      const got: Buffer[] = [];
      const { io, socket } = await dialled(h, HALF, (socket) => socket.on('data', (chunk) => got.push(chunk)));
      socket.end();
      await h.until(() => io.isEof);
      io.write(pattern(300_000));
      io.end('end');
      await once(socket, 'end');
      h.sameBytes(got, [pattern(300_000), 'end']);
      await closing(io);
    }),
  );

  it(
    'is followed by ECLOSED for a second end and a write, neither of which closes anything (I5)',
    invariants(async (h) => {
      const { a, b, fromA } = ends(h, HALF, HALF);
      const { errors } = h.watch(a);
      a.end('x');
      assert.equal(a.write('lost'), false);
      await ticks();
      h.error(errors.values[0], { code: ECLOSED, phase: 'write', fatal: false });
      a.end();
      await ticks();
      a.end('lost too');
      await ticks();
      assert.equal(errors.values.length, 3);
      assert.equal(a.state, 'open');
      h.sameBytes((await fromA.ended).values, 'x');
      b.end();
      await closing(a);
    }),
  );

  it(
    'tells one ECLOSED for all refused writes of a tick, after the call returned',
    invariants(async (h) => {
      const { a } = ends(h, HALF, HALF);
      const { errors } = h.watch(a);
      a.end();
      for (let each = 0; each < 100; each += 1) a.write('x');
      assert.equal(errors.values.length, 0);
      await ticks();
      assert.equal(errors.values.length, 1);
    }),
  );

  it(
    'before the connection is there waits for it',
    invariants(async (h) => {
      const { a, fromA, reports } = ends(h);
      a.write('1');
      a.end('2');
      assert.equal(a.state, 'opening');
      h.sameBytes((await fromA.ended).values, '12');
      await reports;
    }),
  );

  it(
    'waits for all that was written',
    invariants(async (h) => {
      const { a, b, fromA, reports } = ends(h);
      b.pause();
      for (let each = 0; each < 100; each += 1) a.write(pattern(10_000, each + 1));
      a.end();
      await turns();
      assert.equal(fromA.state, 'open');
      b.resume();
      assert.equal(Buffer.concat((await fromA.ended).values).length, 1_000_000);
      await reports;
    }),
  );
});

describe('allowHalfOpen', () => {
  it(
    'is false in reactive mode: we end too when what was written has left',
    invariants(async (h) => {
      const { a, b, fromA, fromB, reports } = ends(h);
      b.pause();
      a.write(pattern(300_000));
      b.end('bye');
      await fromB.ended;
      await turns();
      assert.equal(a.state, 'open');
      b.resume();
      h.sameBytes((await fromA.ended).values, pattern(300_000));
      assert.deepEqual(
        (await reports).map(({ by, unsent }) => [by, unsent]),
        [
          ['peer', 0],
          ['us', 0],
        ],
      );
    }),
  );

  it(
    'is true with waitFor: the stream stays open until its user ends it',
    invariants(async (h) => {
      const { a, b, reports } = ends(h, { waitFor: IN | EOF });
      b.end('bye');
      await h.until(() => a.isEof);
      await turns();
      assert.equal(a.state, 'open');
      assert.equal(a.write('still'), true);
      a.end();
      await reports;
    }),
  );

  it(
    'can be given for either mode',
    invariants(async (h) => {
      const { a, b } = ends(h, HALF, { waitFor: 0, inBufLimit: 0, allowHalfOpen: false });
      a.end();
      assert.equal((await closing(b)).by, 'peer');
      await closing(a);
    }),
  );

  it(
    'lets who pulls answer all he has taken before the end is written',
    invariants(async (h) => {
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
    }),
  );
});

describe('close', () => {
  it(
    'sends what was queued, then FIN; a write after it is false and nothing else (I5)',
    invariants(async (h) => {
      const { a, fromA, reports } = ends(h);
      const { errors, events } = h.watch(a);
      await ticks();
      a.write(pattern(500_000));
      a.close();
      assert.equal(a.state, 'closing');
      assert.equal(a.write('lost'), false);
      a.end('lost');
      a.end();
      h.sameBytes((await fromA.ended).values, pattern(500_000));
      const [report] = await reports;
      assert.deepEqual([report.by, report.unsent, report.bytesOut, report.error], ['us', 0, 500_000, undefined]);
      assert.equal(a.write('lost'), false);
      await ticks();
      assert.deepEqual([errors.values, events.state], [[], 'complete']);
    }),
  );

  it(
    'delivers nothing more to the user',
    invariants(async (h) => {
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
      assert.deepEqual([events.state, errors.state, seen.state], ['complete', 'complete', 'complete']);
      await closing(b);
      await turns();
      assert.deepEqual([cb.calls.length, events.values.length, seen.values.length], before);
    }),
  );

  it(
    'is silent from inside any callback on, whatever else was due',
    invariants(async (h) => {
      for (const when of [OUT, SENT, IN, EOF]) {
        const [a, b] = joined(h, {}, { waitFor: IN | OUT | SENT | EOF });
        let closed = false;
        const cb = h.cb((io: IOStream, mask) => {
          assert.equal(closed, false, 'nothing is told after the close');
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
        assert.ok(closed);
        a.close();
        await closing(a);
      }
    }),
  );

  it(
    'frees the connection at once while it is opening, and counts what is unsent',
    invariants(async (h) => {
      const port = await serve(h, (socket) => socket.resume());
      const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
      const { events } = h.watch(io);
      io.write('never sent');
      io.close();
      const report = await closing(io);
      assert.deepEqual([report.by, report.unsent, report.bytesOut, report.connectedAt], ['us', 10, 0, undefined]);
      assert.deepEqual([events.values, io.state], [[], 'closed']);
    }),
  );

  it(
    'twice, after an error and inside the report is nothing (I4)',
    invariants(async (h) => {
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
      assert.deepEqual([closed.values.length, other.closed.values.length], [1, 1]);
    }),
  );

  it(
    'over TCP with unread input: the peer gets all that was sent, a FIN and no RST',
    invariants(async (h) => {
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
      assert.deepEqual([errors, report.by, report.unsent, report.error], [[], 'us', 0, undefined]);
    }),
  );

  it(
    'over TCP does not wait longer than timeouts.close for a peer that never ends',
    invariants(async (h) => {
      const { io, socket } = await dialled(h, { timeouts: { close: 30 } }, (socket) => socket.resume());
      io.write('x');
      io.close();
      await once(socket, 'end');
      const report = await closing(io);
      assert.deepEqual([report.by, report.unsent], ['us', 0]);
    }),
  );

  it(
    'over TCP is through as soon as the peer ends',
    invariants(async (h) => {
      const { io, socket } = await dialled(h, { timeouts: { close: 60_000 } }, (socket) => socket.resume());
      io.close();
      await once(socket, 'end');
      socket.write(pattern(500_000));
      socket.end();
      assert.equal((await closing(io)).by, 'us');
    }),
  );

  it(
    'counts in unsent what a peer never took',
    invariants(async (h) => {
      const { io } = await dialled(h, { timeouts: { close: 30 } }, (socket) => socket.pause());
      const all = 32 * 2 ** 20;
      io.write(Buffer.alloc(all));
      await h.until(() => io.output.pending < all);
      io.close();
      const report = await closing(io);
      assert.ok(report.unsent > 0 && report.unsent < all, `${report.unsent} unsent`);
      assert.equal(report.unsent + report.bytesOut, all);
    }),
  );

  it(
    'sends what was written to an fh in the same tick',
    invariants(async (h) => {
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
    }),
  );

  it(
    'when the peer fails meanwhile is still by us, with the error in the report',
    invariants(async (h) => {
      const [a, b] = joined(h, {}, { allowHalfOpen: true });
      const { errors } = h.watch(a);
      h.watch(b);
      await ticks();
      a.write('x');
      a.close();
      b.reset();
      const report = await closing(a);
      assert.equal(report.by, 'us');
      h.error(report.error, { code: 'ECONNRESET' });
      assert.deepEqual(errors.values, []);
    }),
  );

  it(
    'does not keep the process alive, nor does one whose peer never ends, nor an unref’d one that has just written',
    invariants(async (h) => {
      const port = await serve(h, (socket) => socket.resume());
      const scripts = ['io.close();', "io.unref(); io.write('x');", 'io.end(); io.closed$.subscribe(); io.reset();'];
      for (const took of await Promise.all(scripts.map((script) => child(h, port, script)))) {
        assert.ok(took < 1000, `the process lived for ${took} ms after it`);
      }
    }),
  );

  it(
    'keeps the process alive while the stream is open',
    invariants(async (h) => {
      let ended!: () => void;
      const over = new Promise<void>((resolve) => (ended = resolve));
      const port = await serve(h, (socket) => {
        socket.resume().on('end', ended);
        setTimeout(() => socket.end(), 300);
      });
      const took = await child(h, port, 'io.data$.subscribe();');
      await over;
      assert.ok(took >= 250, `${took} ms`);
    }),
  );
});

describe('reset', () => {
  it(
    'loses what has not left, tells how much, and the peer sees ECONNRESET',
    invariants(async (h) => {
      const [a, b] = joined(h);
      const { errors, events } = h.watch(a);
      const other = h.watch(b);
      await ticks();
      b.pause();
      a.write(pattern(300_000));
      await ticks();
      a.reset();
      assert.equal(a.state, 'closed');
      const report = await closing(a);
      assert.deepEqual([report.by, report.error, report.unsent + report.bytesOut], ['us', undefined, 300_000]);
      assert.deepEqual([errors.values, events.state], [[], 'complete']);
      assert.equal(a.write('x'), false);
      b.resume();
      h.observed(b.data$);
      assert.equal((await closing(b)).by, 'error');
      h.error(other.errors.values[0], { code: 'ECONNRESET' });
    }),
  );

  it(
    'over TCP sends RST at once',
    invariants(async (h) => {
      const { io, socket } = await dialled(h, {}, (socket) => socket.resume());
      const failed = once(socket, 'error');
      io.reset();
      const [error] = (await failed) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
      assert.equal((await closing(io)).by, 'us');
    }),
  );

  it(
    'frees a connection that is opening or closing',
    invariants(async (h) => {
      const port = await serve(h, (socket) => socket.resume());
      const [io] = owned(h, new IOStream({ host: '127.0.0.1', port }));
      io.reset();
      assert.equal((await closing(io)).by, 'us');
      const { io: other } = await dialled(h, { timeouts: { close: 60_000 } }, (socket) => socket.resume());
      other.close();
      await ticks();
      assert.equal(other.state, 'closing');
      other.reset();
      assert.equal(other.state, 'closed');
      await closing(other);
    }),
  );

  it.each(['reset()', 'timeouts.close'])('after close() over TCP, by %s, does not let the peer think that it has all', (by) =>
    invariants(async (h) => {
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
      assert.ok((await closing(io)).unsent > 0);
      peer!.resume();
      await data.ended;
      h.error(data.error, { code: 'ECONNRESET' });
    })(),
  );

  it(
    'completes data$ as our own close does',
    invariants(async (h) => {
      const { a, fromB } = ends(h);
      await ticks();
      a.reset();
      assert.equal((await fromB.ended).state, 'complete');
    }),
  );
});

/** How long a process with one stream lives after the script ran on it, in milliseconds. */
async function child(h: Harness, port: number, script: string): Promise<number> {
  const source = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
  assert.ok(existsSync(source));
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
  assert.equal(code, 0);
  return Number(out);
}
