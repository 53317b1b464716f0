import { EMPTY, NEVER, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { IOStreamError } from '../../src/errors.ts';
import { overMessages } from '../../src/messages/over-messages.ts';
import { decodeFrame } from '../../src/protocol/message-frame.ts';
import { Clock } from '../../src/testing/rules/clock.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { spec } from '../support/spec.ts';
import { App, changed, connectedApps, testChannel, typesOf } from './message-tools.ts';

const messageOf = (error: unknown): string => (error as Error).message;

describe('overMessages: connecting', () => {
  it('connects both ends at once if both are there', () => {
    const { a, b } = connectedApps();
    expect([a, b].map((app) => app.signals[0])).toEqual(Array(2).fill({ kind: 'connected', details: [{ wire: 'messages' }] }));
  });

  it('connects to an end that is created later, although all messages before were lost', () => {
    const clock = new Clock();
    const { ends } = testChannel({ scheduler: clock });
    const a = new App(ends[0], clock);
    a.write('early');
    clock.advance(10_000);
    expect(a.signals).toEqual([]);
    const b = new App(ends[1], clock);
    clock.advance(1);
    expect([a.has('connected'), b.has('connected'), b.text]).toEqual([true, true, 'early']);
  });

  it.each([1, 2, 3, 4])('connects although the first %i messages of an end are lost', (lost) => {
    const { clock, a, b } = connectedApps({ deliver: (message, index) => (index < lost ? [] : [message]) });
    a.write('to b');
    b.write('to a');
    clock.advance(5_000);
    expect([a.text, b.text]).toEqual(['to a', 'to b']);
  });

  it('repeats its first message after 50 ms, then less and less often, up to once a second', () => {
    const clock = new Clock();
    const channel = testChannel({ scheduler: clock });
    new App(channel.ends[0], clock);
    const counts = [49, 2, 100, 200, 10_000].map((ms) => (clock.advance(ms), channel.sent[0].length));
    expect(counts.slice(0, 4)).toEqual([1, 2, 3, 4]);
    expect(counts[4]).toBeLessThan(16);
  });

  it('reports ETOCONNECT if there is no other end within timeouts.connect', () => {
    const clock = new Clock();
    const channel = testChannel({ scheduler: clock });
    const a = new App(channel.ends[0], clock, {}, { timeouts: { connect: 500 } });
    clock.advance(499);
    expect(a.outcome).toBe('open');
    clock.advance(2);
    expect([a.outcome, (a.error as IOStreamError).phase]).toEqual(['ETOCONNECT', 'connect']);
    expect(messageOf(a.error)).toContain('has not answered within 500 ms');
    expect([channel.closed[0], clock.pending]).toEqual([1, 0]);
  });

  it('connects to the next peer if the first one gives up before it is connected', () => {
    const clock = new Clock();
    const { ends } = testChannel({ scheduler: clock });
    const lost = new App(ends[0], clock);
    const b = new App(ends[1], clock);
    lost.unsubscribe();
    clock.advance(1);
    const a = new App(ends[0], clock);
    clock.advance(1000);
    a.write('second');
    clock.advance(1);
    expect([b.outcome, b.text]).toEqual(['open', 'second']);
  });

  it('reports ECONNRESET when another peer takes the place of its own', () => {
    const { clock, channel, b } = connectedApps({ deliver: (message) => (message[1] === 4 ? [] : [message]) });
    new App(channel.ends[0], clock);
    clock.advance(1);
    expect(b.outcome).toBe('ECONNRESET');
    expect(messageOf(b.error)).toContain('another peer has connected on the channel');
  });

  it('ignores its own messages, and those for an end that was there before', () => {
    const { clock, channel, a, b } = connectedApps();
    const [first = new Uint8Array()] = channel.sent[0];
    channel.inboxes[0].next(first);
    channel.inboxes[1].next(changed(first, { from: 777, to: 12345 }));
    a.write('goes on');
    clock.advance(1);
    expect([a.outcome, b.text]).toEqual(['open', 'goes on']);
  });
});

describe('overMessages: the channel', () => {
  it('makes a new channel for each connection', () => {
    const clock = new Clock();
    const channels = [testChannel({ scheduler: clock }), testChannel({ scheduler: clock })];
    const waiting = [...channels];
    const wire = overMessages(() => waiting.shift()!.ends[0])(testDial({ scheduler: clock }));
    const subscriptions = channels.map(() => NEVER.pipe(wire).subscribe());
    expect(channels.map(({ sent }) => typesOf(sent[0]))).toEqual([['PING'], ['PING']]);
    for (const each of subscriptions) each.unsubscribe();
    expect(channels.map(({ closed }) => closed[0])).toEqual([1, 1]);
  });

  spec('waits for the channel of a Promise, and writes what was written before', async (h) => {
    const { ends } = testChannel({ scheduler: testDial().scheduler });
    const flow$ = new Subject<{ kind: 'data'; bytes: Uint8Array }>();
    const a = h.observed(flow$.pipe(overMessages(() => Promise.resolve(ends[0]))(testDial())));
    flow$.next({ kind: 'data', bytes: Uint8Array.of(7) });
    const b = h.observed(NEVER.pipe(overMessages(ends[1])(testDial())));
    expect(await b.value(({ kind }) => kind === 'data')).toMatchObject({ bytes: Uint8Array.of(7) });
    a.unsubscribe();
    b.unsubscribe();
  });

  spec('closes a channel that is there only after it was unsubscribed', async () => {
    const channel = testChannel({ scheduler: testDial().scheduler });
    NEVER.pipe(overMessages(() => Promise.resolve(channel.ends[0]))(testDial()))
      .subscribe()
      .unsubscribe();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect([channel.closed[0], channel.inboxes[0].observed, channel.sent[0]]).toEqual([1, false, []]);
  });

  spec.each([
    [
      'a function that throws',
      () => {
        throw new Error('no channel');
      },
      'connect',
      'no channel',
    ],
    ['a Promise that rejects', () => Promise.reject(new Error('no channel')), 'connect', 'no channel'],
    [
      'a send that throws',
      () => ({
        messages$: NEVER,
        send: () => {
          throw new Error('not open');
        },
      }),
      'write',
      'not open',
    ],
    ['a send that rejects', () => ({ messages$: NEVER, send: () => Promise.reject(new Error('not open')) }), 'write', 'not open'],
    ['messages that fail', () => ({ messages$: throwError(() => new Error('lost')), send: () => {} }), 'read', 'lost'],
    ['messages that complete', () => ({ messages$: EMPTY, send: () => {} }), 'connect', 'was closed before the other end has answered'],
  ] as const)('reports ECONNRESET for %s', async (h, _name, open, phase, message) => {
    const { error } = await h.observed(NEVER.pipe(overMessages(open as never)(testDial()))).ended;
    h.error(error, { code: 'ECONNRESET', phase });
    expect(messageOf(error)).toContain(message);
  });

  it.each([['text'], [{ 0: 1 }], [null], [5]])('reports EPROTOCOL for the message %j, which is not of bytes', (message) => {
    const { channel, a } = connectedApps();
    channel.inboxes[0].next(message as never);
    expect(a.outcome).toBe('EPROTOCOL');
    expect(messageOf(a.error)).toContain('expected each message to be an ArrayBuffer or a view of one, got ');
  });

  it('takes messages of an ArrayBuffer and of a DataView', () => {
    const { clock, channel, a, b } = connectedApps();
    b.send('pause');
    a.write('bytes');
    const data = channel.sent[0].at(-1)!;
    const copy = data.slice().buffer;
    for (const message of [copy, new DataView(copy)]) channel.inboxes[1].next(message as never);
    b.send('resume');
    clock.advance(1);
    expect([b.text, b.outcome]).toEqual(['bytes', 'open']);
  });

  it('errors with EALREADY at a second connection on a channel', () => {
    const clock = new Clock();
    const { ends } = testChannel({ scheduler: clock });
    const wire = overMessages(ends[0])(testDial({ scheduler: clock }));
    const first = NEVER.pipe(wire).subscribe();
    let error: unknown;
    NEVER.pipe(wire).subscribe({ error: (reason: unknown) => (error = reason) });
    expect((error as IOStreamError).code).toBe('EALREADY');
    first.unsubscribe();
  });

  it.each([
    [undefined, {}, 'expected overMessages to get { send, messages$, close? } or a function that returns it, got undefined'],
    [{ send: () => {} }, {}, 'expected overMessages to get { send, messages$, close? }'],
    [
      { send: () => {}, messages$: NEVER },
      { window: 0 },
      'expected `window` of overMessages to be a number of bytes from 1 to 4294967295, got 0 (number)',
    ],
    [
      { send: () => {}, messages$: NEVER },
      { maxMessage: 32 },
      'expected `maxMessage` of overMessages to be a number of bytes, more than the 32',
    ],
    [
      { send: () => {}, messages$: NEVER },
      { keepAlive: true },
      'expected `keepAlive` of overMessages to be false or { interval, timeout }',
    ],
    [
      { send: () => {}, messages$: NEVER },
      { keepAlive: { interval: 0 } },
      'expected `keepAlive.interval` of overMessages to be milliseconds',
    ],
    [{ send: () => {}, messages$: NEVER }, { windw: 1 }, 'windw'],
  ] as const)('throws a TypeError for %j with %j', (channel, options, message) => {
    expect(() => overMessages(channel as never, options as never)).toThrow(TypeError);
    expect(() => overMessages(channel as never, options as never)).toThrow(message);
  });
});

describe('overMessages: flow', () => {
  it('sends no more than the window to a reader that stops, and pauses the writer', () => {
    const { clock, channel, a, b } = connectedApps({}, { window: 1000, maxMessage: 132 });
    b.send('pause');
    for (let n = 0; n < 50; n += 1) a.write(new Uint8Array(100));
    clock.advance(20_000);
    const payload = channel.sent[0].reduce((sum, { length }) => sum + length - 32, 0);
    expect([payload, a.sent, a.has('pause'), a.has('resume')]).toEqual([1000, 1000, true, false]);
    b.send('resume');
    clock.advance(1);
    expect([a.sent, a.has('resume'), b.text.length, a.outcome]).toEqual([5000, true, 5000, 'open']);
  });

  it('uses the smaller window of both ends', () => {
    const clock = new Clock();
    const { ends, sent } = testChannel({ scheduler: clock });
    const [a, b] = [new App(ends[0], clock, { window: 500 }), new App(ends[1], clock, { window: 2000 })];
    clock.advance(1);
    for (const app of [a, b]) app.send('pause');
    for (const app of [a, b]) app.write(new Uint8Array(5000));
    clock.advance(1);
    expect(sent.map((messages) => messages.reduce((sum, { length }) => sum + length - 32, 0))).toEqual([500, 500]);
  });

  it('cuts bytes to messages of maxMessage, and does not cut them smaller when the window opens slowly', () => {
    const { clock, channel, a, b } = connectedApps({}, { window: 400, maxMessage: 232 });
    a.write(new Uint8Array(10_000));
    clock.advance(1);
    const lengths = channel.sent[0].filter((message) => message[1] === 2).map(({ length }) => length - 32);
    expect([b.text.length, Math.max(...lengths), Math.min(...lengths)]).toEqual([10_000, 200, 200]);
  });

  it('waits until the window has opened by half, or by a whole message', () => {
    const { clock, channel, a, b } = connectedApps({}, { window: 400, maxMessage: 232 });
    b.send('pause');
    a.write(new Uint8Array(1000));
    clock.advance(1);
    const read = (positions: number): number => {
      channel.inboxes[0].next(changed(channel.sent[1].at(-1)!, { type: 'ACK', read: positions }));
      return channel.sent[0].filter((message) => message[1] === 2).length;
    };
    expect([10, 199, 200, 150].map((positions) => read(positions))).toEqual([2, 2, 3, 3]);
    expect(a.sent).toBe(600);
  });

  it('acknowledges with an answer of the same tick, and then with no other message', () => {
    const { clock, channel, a, b } = connectedApps();
    b.onSignal = ({ kind }) => kind === 'data' && b.write('answer');
    const { length } = channel.sent[1];
    a.write('question');
    clock.advance(1);
    const answers = channel.sent[1].slice(length).map((message) => decodeFrame(message));
    expect(answers.map(({ type, read }) => [type, read])).toEqual([['DATA', 8]]);
  });

  it('reports bytes as sent when it has sent them, and pauses the writer while others wait for credit', () => {
    const { a, b } = connectedApps({}, { window: 1000 });
    b.send('pause');
    a.write(new Uint8Array(1000));
    expect([a.sent, a.has('pause')]).toEqual([1000, false]);
    a.write('more');
    expect([a.sent, a.has('pause')]).toEqual([1000, true]);
  });

  it('acknowledges all messages of a tick with one', () => {
    const { clock, channel, a, b } = connectedApps({ when: 'inside' });
    const before = channel.sent[1].length;
    for (let n = 0; n < 100; n += 1) a.write('x');
    clock.advance(1);
    expect([b.text.length, channel.sent[1].length - before, a.sent]).toEqual([100, 1, 100]);
  });

  it('does not recurse when both ends answer from inside of `send`', () => {
    const { clock, a, b } = connectedApps({ when: 'inside' });
    let left = 20_000;
    for (const app of [a, b])
      app.onSignal = ({ kind }) => {
        if (kind === 'data' && (left -= 1) > 0) app.write('x');
      };
    a.write('x');
    clock.advance(1000);
    expect([left, a.outcome, b.outcome]).toEqual([0, 'open', 'open']);
  });

  it('ends each direction by itself', () => {
    const { clock, channel, a, b } = connectedApps();
    a.write('question');
    a.send('end');
    clock.advance(1);
    expect([b.has('end'), a.outcome, b.outcome]).toEqual([true, 'open', 'open']);
    b.write('answer');
    b.send('end');
    clock.advance(1);
    expect([a.text, a.outcome, b.outcome, a.sent, b.sent]).toEqual(['answer', 'complete', 'complete', 8, 6]);
    expect([channel.closed, clock.pending]).toEqual([[1, 1], 0]);
  });
});

describe('overMessages: ends', () => {
  it('frees the channel and all timers when it is unsubscribed, in each phase', () => {
    for (const phase of ['before', 'connected', 'closing'] as const) {
      const clock = new Clock();
      const channel = testChannel({ scheduler: clock });
      const a = new App(channel.ends[0], clock);
      if (phase !== 'before') {
        new App(channel.ends[1], clock).send('pause');
        clock.advance(1);
        a.write('x');
      }
      if (phase === 'closing') a.flow$.complete();
      clock.advance(1);
      a.unsubscribe();
      expect([phase, channel.closed[0], channel.inboxes[0].observed]).toEqual([phase, 1, false]);
      const { length } = channel.sent[0];
      clock.advance(1); // The other end, which is on the same clock, gets the reset.
      expect([phase, channel.sent[0].length, clock.pending]).toEqual([phase, length, 0]);
    }
  });

  it('passes the code of an error to the peer', () => {
    const { clock, a, b } = connectedApps();
    a.flow$.error(Object.assign(new Error('secret'), { code: 'EPIPE' }));
    clock.advance(1);
    expect([a.outcome, b.outcome]).toEqual(['EPIPE', 'ECONNRESET']);
    expect(messageOf(b.error)).toBe('the peer reset the connection [ECONNRESET]');
  });

  it('reports a channel that closes, after the bytes before', () => {
    const { clock, channel, a, b } = connectedApps();
    b.send('pause');
    a.write('before');
    clock.advance(1);
    channel.inboxes[1].complete();
    expect([b.text, b.outcome]).toEqual(['before', 'ECONNRESET']);
    expect(messageOf(b.error)).toContain('the channel was closed before both directions had ended');
  });

  it('completes when it has closed, the peer has read all, and the channel closes', () => {
    const { clock, channel, a } = connectedApps();
    a.flow$.complete();
    clock.advance(1);
    expect(a.outcome).toBe('open');
    channel.inboxes[0].complete();
    expect(a.outcome).toBe('complete');
  });

  it('waits for the end of the peer for timeouts.close after the last progress', () => {
    const clock = new Clock();
    const { ends, inboxes, sent } = testChannel({ scheduler: clock });
    const a = new App(ends[0], clock, {}, { timeouts: { close: 100 } });
    new App(ends[1], clock).send('pause');
    clock.advance(1);
    a.write('abc');
    a.flow$.complete();
    for (const read of [1, 2, 3]) {
      clock.advance(80);
      inboxes[0].next(changed(sent[1].at(-1)!, { type: 'ACK', read }));
    }
    clock.advance(99);
    expect(a.outcome).toBe('open');
    clock.advance(2);
    expect(a.outcome).toBe('complete');
  });

  it('pings a silent peer, and reports ETIMEDOUT after two pings without an answer', () => {
    let isSilent = false;
    const keepAlive = { interval: 1000, timeout: 200 };
    const { clock, channel, a, b } = connectedApps({ deliver: (message) => (isSilent ? [] : [message]) }, { keepAlive });
    clock.advance(10_500);
    a.write('last');
    clock.advance(1);
    isSilent = true;
    const count = channel.sent[1].length;
    clock.advance(1398);
    expect([a.outcome, b.outcome, typesOf(channel.sent[1].slice(count))]).toEqual(['open', 'open', ['PING', 'PING']]);
    clock.advance(3);
    expect(b.outcome).toBe('ETIMEDOUT');
    expect(messageOf(b.error)).toBe('the peer answered none of 2 pings within 200 ms each (keepAlive) [ETIMEDOUT]');
  });

  it('sends no pings with keepAlive: false', () => {
    const { clock, channel } = connectedApps({}, { keepAlive: false });
    const { length } = channel.sent[0];
    clock.advance(1_000_000);
    expect([channel.sent[0].length, clock.pending]).toEqual([length, 0]);
  });

  it.each([
    [
      'is shorter than the header',
      (sent: Uint8Array) => sent.subarray(0, 31),
      'a message of 31 bytes, fewer than the 32 bytes of the header',
    ],
    ['has another version', (sent: Uint8Array) => sent.map((byte, at) => (at === 0 ? 2 : byte)), 'a message with version 2, expected 1'],
    [
      'overlaps the frame before',
      (sent: Uint8Array) => changed(sent, { position: 1 }, new Uint8Array(4)),
      'DATA at position 1 with 4 bytes, which overlaps the frame before: expected position 4',
    ],
    [
      'exceeds the window',
      (sent: Uint8Array) => changed(sent, { position: 4 }, new Uint8Array(97)),
      'DATA at position 4 with 97 bytes, over the window of 100 bytes after 0',
    ],
    [
      'acknowledges what was not sent',
      (sent: Uint8Array) => changed(sent, { type: 'ACK', position: 4, read: 9 }, new Uint8Array()),
      'ACK at position 4, which acknowledges 9 positions: 0 were sent',
    ],
  ] as const)('reports EPROTOCOL and names the frame if one %s', (_name, fault, problem) => {
    const { clock, channel, a, b } = connectedApps({}, { window: 100 });
    b.send('pause');
    a.write('data');
    clock.advance(1);
    channel.inboxes[1].next(fault(channel.sent[0].at(-1)!));
    expect([b.outcome, b.text]).toEqual(['EPROTOCOL', 'data']);
    expect(messageOf(b.error)).toBe(`the peer sent ${problem} [EPROTOCOL]`);
    clock.advance(1);
    expect(messageOf(a.error)).toBe('the peer reset the connection: it reports EPROTOCOL [ECONNRESET]');
  });

  it('reports EPROTOCOL for bytes after the end', () => {
    const { clock, channel, a, b } = connectedApps();
    a.send('end');
    clock.advance(1);
    const end = channel.sent[0].find((message) => message[1] === 3)!;
    channel.inboxes[1].next(changed(end, { type: 'DATA', position: 1 }, Uint8Array.of(1)));
    expect(b.outcome).toBe('EPROTOCOL');
  });
});
