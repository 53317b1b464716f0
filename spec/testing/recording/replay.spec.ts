import { Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { assert, describe, expect, it } from 'vitest';
import { IOStream } from '../../../src/stream/io-stream.ts';
import { marbles } from '../../../src/testing/marbles/marbles.ts';
import { memoryPair } from '../../../src/testing/memory/memory-pair.ts';
import { parseRecording } from '../../../src/testing/recording/parse-recording.ts';
import { record } from '../../../src/testing/recording/record.ts';
import type { Recording } from '../../../src/testing/recording/recording.ts';
import { replay, type ReplayOptions } from '../../../src/testing/recording/replay.ts';
import { Clock } from '../../../src/testing/rules/clock.ts';
import { Endpoint } from '../../../src/testing/rules/endpoint.ts';
import { turn } from '../../../src/testing/rules/event-loop.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import type { Flow, Wire } from '../../../src/wire/signal.ts';
import { data, inWords } from '../../support/signal-text.ts';
import { spec } from '../../support/spec.ts';

/** A recording, line by line; data as text. */
function recordingOf(...lines: readonly string[]): string {
  const rows = lines.map((line) => line.replace(/data (\w+)$/, (_, text: string) => `data ${Buffer.from(text).toString('hex')}`));
  return ['rxjs-io-stream recording 1', ...rows].join('\n');
}

/** Plays signals of an application at their times; returns the inbound signals with their times. */
function played(
  wire: Wire,
  actions: Readonly<Record<number, readonly (Flow | 'complete' | 'reset' | 'unsubscribe')[]>>,
  until = 5000,
): string[] {
  const scheduler = new TestScheduler(() => undefined);
  return scheduler.run(({ flush }) => {
    const seen: string[] = [];
    const flow = new Subject<Flow>();
    const note = (words: string): void => void seen.push(`${scheduler.frame} ${words}`);
    const subscription = flow.pipe(wire(testDial({ scheduler, layer: 'replayed' }))).subscribe({
      next: (signal) => note(inWords([signal]).join()),
      error: (error: unknown) => note(String(error)),
      complete: () => note('complete'),
    });
    for (const [at, signals] of Object.entries(actions)) {
      const run = (): void => {
        for (const signal of signals) {
          if (signal === 'complete') flow.complete();
          else if (signal === 'reset') flow.error(new Error('our reset'));
          else if (signal === 'unsubscribe') subscription.unsubscribe();
          else flow.next(signal);
        }
      };
      scheduler.schedule(run, Number(at));
    }
    scheduler.maxFrames = until;
    flush();
    subscription.unsubscribe();
    expect(
      scheduler.actions.filter((action) => !action.closed && (action as { delay?: number }).delay !== Infinity).length,
      'timers are left',
    ).toStrictEqual(0);
    return seen;
  });
}

const talk = recordingOf(
  '0 wire: resolved a.test 192.0.2.1 4',
  '10 wire: connected [{"wire":"tcp"}]',
  '10 to wire: data HELLO',
  '12 wire: sent 5',
  '40 wire: data hi',
  '45 to wire: end',
  '50 wire: data bye',
  '50 wire: end',
  '50 wire: complete',
);

describe('replay', () => {
  it('emits the recorded inbound signals at their times', () => {
    expect(played(replay(talk), { 10: [data('HELLO')], 45: [{ kind: 'end' }] })).toStrictEqual([
      '0 resolved',
      '10 connected',
      '12 sent 5',
      '40 data hi',
      '50 data bye',
      '50 end',
      '50 complete',
    ]);
  });

  it('waits for an application that writes later than recorded, and keeps the intervals', () => {
    const actions = { 100: [data('HE')], 200: [data('LLO')], 210: [{ kind: 'end' } as const] };
    const times = played(replay(talk), actions).map((each) => each.replace(/ .* /, ' '));
    expect(times).toStrictEqual(['0 resolved', '10 connected', '200 5', '228 hi', '238 bye', '238 end', '238 complete']);
  });

  it('plays each subscription from the start, from a recording or its text', () => {
    const wire = replay(parseRecording(talk));
    const actions = { 10: [data('HELLO')], 45: [{ kind: 'end' } as const] };
    const first = played(wire, actions);
    expect(first.length).toBe(7);
    expect(played(wire, actions)).toStrictEqual(first);
  });

  it('reports where the outbound bytes differ from the recording', () => {
    const other = played(replay(talk), { 11: [data('HEL'), data('PO')] });
    expect(other).toStrictEqual([
      '0 resolved',
      '10 connected',
      '11 IOStreamError: replayed: the connection differs from the recording: from byte 3 on, <4c 4f> were recorded, and <50 4f> were sent [EPROTOCOL]',
    ]);
    const last = (actions: Parameters<typeof played>[1]): string => played(replay(talk), actions).at(-1) ?? '';
    expect(last({ 11: [data('HELLO!')] })).toMatch(/5 bytes were recorded, and more were sent: <21> \[EPROTOCOL\]$/);
    expect(last({ 11: [data('HELL'), { kind: 'end' }] })).toMatch(/'end' was sent after 4 of 5 recorded bytes \[EPROTOCOL\]$/);
    expect(last({ 11: [data('HELL'), 'complete'] })).toMatch(/Flow completed after 4 of 5 recorded bytes \[EPROTOCOL\]$/);
    expect(played(replay(recordingOf('0 wire: connected []')), { 1: [{ kind: 'end' }] }).at(-1) ?? '').toMatch(
      /no 'end' was recorded, and one was sent/,
    );
  });

  it('errors with EPROTOCOL in phase write if the outbound bytes differ', () => {
    const app = new Endpoint().dial(replay(recordingOf('0 wire: connected []')), testDial({ scheduler: new Clock() }));
    app.write(Uint8Array.of(1));
    const { code, phase } = app.error as { code: string; phase: string };
    expect([code, phase]).toStrictEqual(['EPROTOCOL', 'write']);
  });

  it('accepts any bytes and reports them as sent with `check: false`', () => {
    const options: ReplayOptions = { check: false };
    expect(played(replay(talk, options), { 11: [data('other')], 20: [{ kind: 'end' }] })).toStrictEqual([
      '0 resolved',
      '10 connected',
      '11 sent 5',
      '40 data hi',
      '50 data bye',
      '50 end',
      '50 complete',
    ]);
  });

  it('delays data and end while the application pauses', () => {
    const actions = { 10: [data('HELLO'), { kind: 'pause' } as const], 60: [{ kind: 'end' } as const], 100: [{ kind: 'resume' } as const] };
    expect(played(replay(talk), actions).slice(2)).toStrictEqual(['12 sent 5', '100 data hi', '110 data bye', '110 end', '110 complete']);
  });

  it('errors as the recording does', () => {
    const wire = replay(recordingOf('0 wire: connected []', '7 wire: error ECONNRESET -104 read "read ECONNRESET"'));
    expect(played(wire, {})).toStrictEqual(['0 connected', '7 IOStreamError: read ECONNRESET [ECONNRESET]']);
    const app = new Endpoint();
    const clock = new Clock();
    app.dial(wire, testDial({ scheduler: clock }));
    clock.advance(10);
    const { code, errno, phase } = app.error as { code: string; errno: number; phase: string };
    expect([code, errno, phase]).toStrictEqual(['ECONNRESET', -104, 'read']);
  });

  it('discards the remaining data when Flow completes, and completes at the end of the recording or after timeouts.close', () => {
    const close = ['10 connected', '12 sent 5', '50 complete'];
    expect(played(replay(talk), { 10: [data('HELLO')], 15: ['complete'] }).slice(1)).toStrictEqual(close);
    const open = replay(recordingOf('0 wire: connected []', '9000 wire: data late'));
    expect(played(open, { 5: ['complete'] }, 10_000)).toStrictEqual(['0 connected', '3005 complete']);
    expect(played(replay(recordingOf('0 wire: connected []')), { 5: ['complete'] })).toStrictEqual(['0 connected', '5 complete']);
  });

  it('emits nothing after the point where the recording was cut or unsubscribed, and compares no further', () => {
    const cut = replay(recordingOf('0 wire: connected []', '1 to wire: data ab', 'cut'));
    expect(played(cut, { 2: [data('abc'), { kind: 'end' }] })).toStrictEqual(['0 connected']);
    const left = replay(recordingOf('0 wire: connected []', '1 to wire: unsubscribed'));
    expect(played(left, {})).toStrictEqual(['0 connected']);
  });

  it('errors with the error of Flow, and emits nothing when it is unsubscribed', () => {
    expect(played(replay(talk), { 11: ['reset'] }).at(-1)).toStrictEqual('11 Error: our reset');
    expect(played(replay(talk), { 11: ['unsubscribe'] })).toStrictEqual(['0 resolved', '10 connected']);
  });

  it('answers from inside next without recursion', () => {
    const many = 10_000;
    const lines = ['0 wire: connected []', ...Array.from({ length: many }, () => ['1 to wire: data q', '1 wire: data a']).flat()];
    const clock = new Clock();
    const app = new Endpoint();
    app.onSignal = ({ kind }) => {
      if (kind === 'connected' || (kind === 'data' && app.written < many)) app.write(Uint8Array.of(0x71));
    };
    app.dial(replay(recordingOf(...lines)), testDial({ scheduler: clock, deadline: 1e6 }));
    clock.advance(10);
    expect(app.received).toBe(many);
  });

  it('throws a TypeError if the text is not a recording', () => {
    expect(() => replay('what?')).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/expected line 1 of the recording/) }),
    );
  });

  it('is recorded as the original recording', async () => {
    const made: Recording[] = [];
    const clock = new Clock();
    const [a, b] = memoryPair({ latency: 7 });
    const [app, far] = [new Endpoint(), new Endpoint()];
    app.onSignal = ({ kind }) => kind === 'connected' && app.write(Buffer.from('ping'), Buffer.from('pong'));
    far.onSignal = (signal) => {
      if (signal.kind === 'data') far.write(signal.bytes);
      if (signal.kind === 'end') far.end();
      if (far.written === 8 && signal.kind === 'data') app.end();
    };
    const recorder = record({ sink: (recording) => made.push(recording) });
    far.dial(b, testDial({ scheduler: clock }));
    app.dial(recorder(a), testDial({ scheduler: clock }));
    for (let round = 0; round < 60 && !app.isClosed; round += 1) {
      await turn();
      clock.advance(1);
    }
    const [first] = made;
    assert(first && app.is('complete'));
    const actions: Record<number, Flow[]> = {};
    for (const { at, line, signal } of first.entries) {
      if (line !== 'to wire' || (signal.kind !== 'data' && signal.kind !== 'end')) continue;
      (actions[at] ??= []).push(signal);
    }
    played(recorder(replay(String(first))), actions);
    // Within one millisecond, the order of the two directions may differ.
    for (const wanted of ['wire', 'to wire']) {
      const [before, after] = made.map(({ entries }) => entries.filter(({ line }) => line === wanted));
      expect(after).toStrictEqual(before);
    }
    expect(first.entries.length > 8).toBe(true);
  });

  spec('serves an IOStream', async (h) => {
    const wire = replay(
      recordingOf('0 wire: connected []', '0 to wire: data ask', '1 wire: sent 3', '3 wire: data answer', '3 wire: end', '3 to wire: end'),
    );
    const io = new IOStream({ wire, outBuf: 'ask' });
    const seen = h.observed(io.data$);
    await h.until(() => seen.values.length > 0);
    h.sameBytes(seen.values, Buffer.from('answer'));
    io.close();
    await seen.ended;
  });

  it('runs inside marbles', () => {
    const plugin = () => replay(recordingOf('0 wire: connected []', '2 to wire: data a', '2 wire: data b'));
    marbles({ plugin, diagram: 'app: --a--\nto app: C-b--' });
  });
});
