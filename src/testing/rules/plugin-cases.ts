import { asapScheduler } from 'rxjs';
import { concatBytes } from '../../util/concat-bytes.ts';
import type { Up } from '../../wire/signal.ts';
import { pattern, sameBytes, show } from '../bytes.ts';
import { watchTimers } from './clock.ts';
import type { Stop } from '../chaos/rechunker.ts';
import type { Direction, PluginRun, RunOptions } from './plugin-run.ts';
import { chunksOf, cutPlans, type CutPlan, type RechunkOptions } from '../rechunk.ts';
import { DepthWatch, isNamed } from './wire-cases.ts';

/** One case of the check. */
export interface PluginCase extends RunOptions {
  readonly rules: readonly number[];
  run(test: PluginRun): Promise<void>;
}

/** Counts of a plain connection through the plugin. */
export interface PluginFacts {
  /** Bytes of the peer before the plugin was connected (`talk`), and including the first 5 after it (`bytes`). */
  readonly talk: number;
  readonly bytes: number;
  /** Number of signals above and below the plugin. */
  readonly steps: number;
}

const DOWN = pattern(5, 65);
const UP = pattern(5, 97);
const MANY = 10_000;
const BLOCK = pattern(2 ** 14);
/** `VOLUME`: maximum bytes written to make a sender pause. `IN_FLIGHT`: maximum bytes that may arrive after the pause. */
const VOLUME = 2 ** 22;
const IN_FLIGHT = 2 ** 20;
const HANDSHAKE = 1000;

const [WHOLE] = [...cutPlans(0)] as [CutPlan];
const [, , BYTES] = [...cutPlans(2, { random: 0 })] as [CutPlan, CutPlan, CutPlan];

/** The case that needs no facts. */
export const COLD_CASE: PluginCase = { ...base('dialled and not subscribed'), rules: [1], run: notSubscribed };

/** Yields the cases for a plugin with these facts, the simplest first. */
export function* pluginCases(facts: PluginFacts, cuts: RechunkOptions): Generator<PluginCase> {
  for (const plan of plansOf(facts, cuts)) yield exchange(plan);
  yield { ...base('the peer ends first'), rules: [4], run: peerEndsFirst };
  yield { ...base('the peer ends first', BYTES), rules: [4], run: peerEndsFirst };
  yield { ...base('gives 5 bytes and closes'), rules: [5], run: close };
  yield { ...base('gives 5 bytes and closes', BYTES), rules: [5], run: close };
  yield { ...base('gives 5 bytes to a peer that takes nothing'), rules: [8], run: held };
  yield* atEveryStep(facts);
  yield* atEveryByte(facts);
  yield { ...base('one wire subscribed three times', BYTES), rules: [1], run: lanes };
  yield { ...base("'pause' before 'connected'"), rules: [3], run: (test) => pauseDown(test, 3, facts.talk) };
  yield { ...base("'pause' and 'resume' before 'connected'"), rules: [3], run: pauseResumeEarly };
  yield { ...base("'pause' after 'connected'"), rules: [7], run: (test) => pauseDown(test, 7, facts.talk) };
  yield { ...base('gives to a peer that takes nothing until it is paused'), rules: [7, 8], run: pauseUp };
}

/** Yields the cases that measure the stack or watch globals, and therefore run alone. */
export function* aloneCases(): Generator<PluginCase> {
  for (const plan of [WHOLE, BYTES]) {
    const { input } = base('on a wire that answers from inside next');
    yield { ...exchange(plan, 11), input, sync: true, rules: [11] };
  }
  for (const sync of [false, true]) {
    const input = `10,000 chunks in one tick, both ways${sync ? ', on a wire that answers from inside next' : ''}`;
    yield { ...base(input), sync, rules: [11], run: burst };
  }
}

/** Yields the cases about time; `talk` as in {@link PluginFacts}. */
export function* timeCases({ talk }: PluginFacts): Generator<PluginCase> {
  yield { ...base('gives 5 bytes, ends'), rules: [12], run: noTimers };
  const timeouts = { handshake: HANDSHAKE, close: 200 };
  const late = (input: string, more: Partial<PluginCase>, expected: number): PluginCase => ({
    ...base(`${input}, with timeouts.handshake ${HANDSHAKE}`),
    rules: [12],
    timeouts,
    run: (test) => timeout(test, expected),
    ...more,
  });
  for (const after of spread(talk - 1, 16)) yield late('waits for a silent peer', { stop: { after, how: 'silence' } }, HANDSHAKE);
  if (talk > 0) {
    yield late('waits for a silent peer until a deadline in 400', { stop: { after: 0, how: 'silence' }, deadline: 400 }, 400);
    if (talk > 3) yield late('waits for a peer that sends a byte each 300', { drip: 300 }, HANDSHAKE);
  }
}

function base(input: string, plan: CutPlan = WHOLE): RunOptions & { readonly plan: CutPlan } {
  return { input, plan };
}

/** Returns about `count` evenly spread integers from 0 to `last`. */
function spread(last: number, count: number): number[] {
  const step = Math.max(1, last / count);
  const numbers: number[] = [];
  for (let at = 0; at <= last; at += step) numbers.push(Math.floor(at));
  return numbers;
}

function* plansOf({ bytes }: PluginFacts, cuts: RechunkOptions): Generator<CutPlan> {
  yield* cutPlans(bytes, cuts);
  yield* cutPlans(bytes, { ...cuts, single: 1, pairs: 0, random: 1, empty: true });
}

/** Transfers in both directions at once; the peer's bytes follow its last reply directly. Then the application ends, then the peer. */
function exchange(plan: CutPlan, only?: number): PluginCase {
  const rule = (number: number): number => only ?? number;
  return {
    ...base('gives 5 bytes, ends', plan),
    rules: only === undefined ? [2, 3, 4, 5, 8, 9, 10] : [only],
    async run(test) {
      const { app, far, probe } = test;
      let talks = false as boolean;
      far.react = ({ kind }) => kind === 'connected' && far.give(UP);
      test.open(({ kind }) => {
        if (kind !== 'connected') return;
        talks = probe.given > 0 || test.cutter.passed > 0;
        test.give(...chunksOf(DOWN, plan));
      });
      await test.connected(rule(2));
      await test.appGets(rule(talks ? 9 : 2), UP);
      await test.farGets(rule(2), DOWN);
      const last = app.details.at(-1);
      test.check(rule(2), last?.wire === 'memory', "the last of the details of 'connected' is not that of the wire");
      await test.must(
        rule(8),
        () => app.sent >= app.written,
        () => `all ${app.written} bytes have left and the sum of 'sent' is ${app.sent}`,
      );
      app.end();
      await test.must(rule(4), () => far.ended, "'end' was given down, and no end reached the peer");
      await test.quiet();
      test.check(rule(4), app.is('open') && !app.ended, "'end' was given down, and the other direction ended too");
      far.give(UP);
      await test.appGets(rule(4), concatBytes([UP, UP]));
      far.end();
      await test.must(rule(4), () => app.ended || app.over, "the peer ended, and no 'end' came up");
      test.check(rule(4), app.ended, "the peer ended, and no 'end' came up");
      await test.must(rule(5), () => app.is('complete'), 'both directions have ended, and Up did not complete');
    },
  };
}

async function peerEndsFirst(test: PluginRun): Promise<void> {
  const { app, far } = test;
  far.react = ({ kind }) => {
    if (kind !== 'connected') return;
    far.give(UP);
    far.end();
  };
  test.open();
  await test.connected();
  await test.must(4, () => app.ended || app.over, "the peer ended, and no 'end' came up");
  await test.quiet();
  test.check(4, app.ended && app.is('open'), 'the peer ended, and the direction down was closed too');
  test.check(4, sameBytes(app.bytes, UP), `before its end the peer sent ${show(UP)}, ${show(app.bytes)} came up`);
  test.give(DOWN);
  await test.farGets(4, DOWN);
  app.end();
  await test.must(4, () => far.ended, "'end' was given down, and no end reached the peer");
  await test.must(5, () => app.is('complete'), 'both directions have ended, and Up did not complete');
}

async function close(test: PluginRun): Promise<void> {
  const { app, far, probe } = test;
  test.open(({ kind }) => {
    if (kind !== 'connected') return;
    test.give(...chunksOf(DOWN, BYTES));
    app.close();
  });
  await test.connected();
  await test.must(5, () => far.ended || far.over, 'the flow completed, and no end reached the peer');
  test.check(5, sameBytes(far.bytes, DOWN), `${show(DOWN)} were given before the close, ${show(far.bytes)} reached the peer`);
  test.check(5, probe.flow === 'complete', 'the flow completed, and the one below did not');
  far.end();
  await test.must(5, () => app.is('complete'), 'the flow completed and the peer ended, and Up did not complete');
}

/** Writes a few bytes that stay in the wire while the peer is paused: `sent` must not count them yet. */
async function held(test: PluginRun): Promise<void> {
  const { app, cutter } = test;
  test.open();
  await test.connected();
  await test.quiet();
  cutter.hold();
  test.give(DOWN);
  await test.quiet();
  test.check(8, app.sent < app.written, `none of ${app.written} bytes has left, and 'sent' told ${app.sent}`);
  cutter.release();
  await test.farGets(2, DOWN);
  await test.must(
    8,
    () => app.sent >= app.written,
    () => `all ${app.written} bytes have left and the sum of 'sent' is ${app.sent}`,
  );
}

function* atEveryStep({ steps }: PluginFacts): Generator<PluginCase> {
  const timeouts = { close: 200 };
  for (const plan of [WHOLE, BYTES]) {
    for (const at of spread(steps, 80)) {
      yield { ...base(`unsubscribes at signal ${at}`, plan), rules: [6], run: (test) => unsubscribeAt(test, at) };
      yield { ...base(`closes at signal ${at}`, plan), timeouts, rules: [5], run: (test) => closeAt(test, at) };
      yield { ...base(`errors at signal ${at}`, plan), timeouts, rules: [5], run: (test) => failAt(test, at) };
      yield { ...base(`ends at signal ${at}`, plan), timeouts, rules: [4], run: (test) => endAt(test, at) };
    }
  }
}

/** Transfers 5 bytes in both directions, and calls `act` at signal number `at`. Resolves to whether that signal was reached. */
async function runTo(test: PluginRun, at: number, act: () => void): Promise<boolean> {
  const { app, far } = test;
  let acted = false;
  test.at = at;
  test.act = () => {
    acted = true;
    act();
  };
  far.react = ({ kind }) => {
    if (kind === 'connected') far.give(UP);
    if (kind === 'end') far.end();
  };
  test.open(({ kind }) => kind === 'connected' && test.give(DOWN));
  await test.must(2, () => acted || app.over || (app.received >= UP.length && app.sent >= DOWN.length), "'connected' did not come");
  return acted;
}

async function unsubscribeAt(test: PluginRun, at: number): Promise<void> {
  const { app, far, probe, clock } = test;
  let downs = 0;
  const acted = await runTo(test, at, () => {
    app.unsubscribe();
    downs = probe.downs;
  });
  if (!acted) return;
  test.check(6, probe.up !== 'open', 'unsubscribed, and the wire below is still subscribed');
  test.check(6, clock.pending === 0, `unsubscribed, and ${clock.pending} timers are left on the scheduler`);
  await test.quiet();
  test.check(6, probe.downs === downs, `unsubscribed, and ${probe.downs - downs} signals went down afterwards`);
  test.check(6, probe.flow !== 'complete', 'unsubscribed, and the wire below was told a farewell');
  if (probe.subscriptions > 0) await test.must(6, () => far.over, 'unsubscribed, and the peer still has its connection');
}

async function closeAt(test: PluginRun, at: number): Promise<void> {
  const { app, probe } = test;
  if (!(await runTo(test, at, () => app.close()))) return;
  await test.must(5, () => app.over, 'the flow completed, and Up did not end');
  test.check(5, probe.up !== 'open', 'Up ended, and the wire below is still subscribed');
}

/** Checks that the bytes before the end reach the peer, then the end, and that the peer's bytes are still emitted. */
async function endAt(test: PluginRun, at: number): Promise<void> {
  const { app, far } = test;
  let [due, ends] = [false, false];
  // In a separate tick: from inside `next` it would overtake the current signal. Before 'connected', an end is not tested.
  const end = (): void => {
    due = true;
    ends = app.connected;
    if (ends) app.end();
  };
  if (!(await runTo(test, at, () => asapScheduler.schedule(end)))) return;
  await test.must(2, () => due, "'connected' did not come");
  if (!ends) return;
  await test.must(4, () => far.ended || far.over, "'end' was given down, and no end reached the peer");
  test.check(4, sameBytes(far.bytes, DOWN), `${show(DOWN)} were given before the end, ${show(far.bytes)} reached the peer`);
  await test.must(4, () => app.ended || app.over, "the peer ended, and no 'end' came up");
  test.check(4, sameBytes(app.bytes, UP), `'end' was given down; of ${show(UP)} that the peer sent, ${show(app.bytes)} came up`);
}

async function failAt(test: PluginRun, at: number): Promise<void> {
  const { app, far, probe } = test;
  const reason = new Error('our own reset');
  let downs = 0;
  const acted = await runTo(test, at, () => {
    // The signal at which we reset may itself be outbound: do not count it.
    ({ downs } = probe);
    app.fail(reason);
  });
  if (!acted) return;
  test.check(5, probe.downs === downs, `the flow errored, and ${probe.downs - downs} signals went down afterwards`);
  await test.must(5, () => app.over, 'the flow errored, and Up did not');
  test.check(5, app.is('error') && app.error === reason, 'the flow errored, and Up did not error with the same error');
  test.check(5, probe.up !== 'open', 'the flow errored, and the wire below is still subscribed');
  if (probe.subscriptions === 0) return;
  await test.must(5, () => far.over, 'the flow errored, and the peer was not reset');
  test.check(5, far.is('error'), 'the flow errored, and the peer was told an end instead of a reset');
}

function* atEveryByte({ bytes }: PluginFacts): Generator<PluginCase> {
  for (const after of spread(bytes, 64)) {
    yield { ...base('listens'), stop: { after, how: 'end' }, rules: [5], run: (test) => cutOff(test, 'end', after === bytes) };
    yield { ...base('listens'), stop: { after, how: 'reset' }, rules: [5], run: (test) => cutOff(test, 'reset', after === bytes) };
  }
}

async function cutOff(test: PluginRun, how: Stop['how'], whole: boolean): Promise<void> {
  const { app, far, probe, cutter } = test;
  far.react = ({ kind }) => kind === 'connected' && far.give(UP);
  test.open();
  // The number of the peer's bytes may vary between connections: it may never reach `after`.
  const unstopped = (): boolean => !cutter.stopped && app.received >= UP.length;
  const what = how === 'end' ? 'the peer ended' : 'the peer was reset';
  const told = (): boolean => app.over || (how === 'end' && app.connected && app.ended);
  await test.must(5, () => told() || unstopped(), `${what}, and nothing came up`);
  if (!told()) return;
  if (app.over) {
    const early = how === 'end' && !app.connected ? `${what} before the plugin was connected` : what;
    test.check(5, app.is('error') || (app.connected && how === 'end'), `${early}, and Up completed as if all were well`);
    test.check(5, how === 'end' || isNamed(app.error), `${early}, and Up errored with ${String(app.error)}, not with an IOStreamError`);
    test.check(5, probe.up !== 'open', 'Up ended, and the wire below is still subscribed');
  }
  await test.quiet();
  const { bytes } = app;
  test.check(2, sameBytes(bytes, UP.subarray(0, bytes.length)), `of ${show(UP)} that the peer sent, ${show(bytes)} came up`);
  // For the same reason, the peer may have written more bytes than were passed on.
  if (whole && cutter.passed === cutter.offered)
    test.check(5, bytes.length === UP.length, `before that it had sent ${show(UP)}, ${show(bytes)} came up`);
}

/** Writes blocks from one end until that end is paused, `VOLUME` bytes at most; returns all chunks written. */
async function fill(test: PluginRun, from: 'app' | 'far'): Promise<Uint8Array[]> {
  const end = test[from];
  const given: Uint8Array[] = [];
  for (let round = 0; !end.paused && end.written < VOLUME && !end.over; round += 1) {
    end.give(BLOCK);
    given.push(BLOCK);
    if (round % 4 === 3) await test.quiet();
  }
  // Bytes in flight must still be accepted after a pause.
  for (let more = 0; more < 3; more += 1) {
    end.give(DOWN);
    given.push(DOWN);
  }
  await test.quiet();
  return given;
}

/** @param talk number of bytes of the plugin's own conversation. */
async function pauseDown(test: PluginRun, rule: 3 | 7, talk: number): Promise<void> {
  const { app, far, probe } = test;
  const early = rule === 3;
  let left = 0;
  if (early) app.pause();
  far.react = ({ kind }) => kind === 'connected' && far.give(UP);
  test.open(({ kind }) => {
    if (kind !== 'connected') return;
    left = probe.received - talk;
    if (!early) app.pause();
  });
  await test.connected();
  await test.must(2, () => far.connected, 'the peer was not connected');
  // Bytes read together with the last reply count as in flight.
  if (early && test.scripted && left > 0)
    await test.must(
      3,
      () => app.received >= left,
      `'pause' came before 'connected', and ${left} bytes that came with the last reply did not come up`,
    );
  const given = await fill(test, 'far');
  test.check(rule, far.paused, `'pause' was given down, and the peer could go on to send ${far.written} bytes`);
  test.check(rule, app.received <= IN_FLIGHT, `'pause' was given down, and ${app.received} bytes still came up`);
  app.resume();
  await test.appGets(7, concatBytes([UP, ...given]));
  await test.must(7, () => !far.paused, "'resume' was given down, and the peer is still paused");
}

async function pauseResumeEarly(test: PluginRun): Promise<void> {
  const { app, far } = test;
  app.pause();
  app.resume();
  far.react = ({ kind }) => kind === 'connected' && far.give(UP);
  test.open();
  await test.connected();
  await test.appGets(3, UP);
  far.give(BLOCK);
  await test.appGets(3, concatBytes([UP, BLOCK]));
}

async function pauseUp(test: PluginRun): Promise<void> {
  const { app, cutter } = test;
  test.open();
  await test.connected();
  await test.quiet();
  cutter.hold();
  const given = await fill(test, 'app');
  test.check(7, app.paused, `the peer takes nothing, ${app.written} bytes were given, and no 'pause' came up`);
  test.check(8, app.sent < app.written, `the peer takes nothing, and all ${app.written} bytes were told to be sent`);
  cutter.release();
  await test.must(7, () => !app.paused, "the peer takes bytes again, and no 'resume' came up");
  await test.farGets(7, concatBytes(given));
  await test.must(
    8,
    () => app.sent >= app.written,
    () => `all ${app.written} bytes have left and the sum of 'sent' is ${app.sent}`,
  );
}

async function burst(test: PluginRun): Promise<void> {
  const { app, far } = test;
  const bytes = pattern(MANY);
  const depths = new DepthWatch();
  const all = (give: (chunk: Uint8Array) => void): void => {
    for (let at = 0; at < bytes.length; at += 1) give(bytes.subarray(at, at + 1));
  };
  far.react = ({ kind }) => {
    depths.look(`far ${kind}`);
    if (kind === 'connected') all((chunk) => far.give(chunk));
  };
  test.open(({ kind }: Up) => {
    depths.look(kind);
    if (kind === 'connected') all((chunk) => app.give(chunk));
  });
  await test.connected(11);
  await test.appGets(11, bytes);
  await test.farGets(11, bytes);
  test.check(11, !depths.tooDeep, `the stack became ${depths.deepest} frames deeper during 10,000 chunks`);
}

async function notSubscribed(test: PluginRun): Promise<void> {
  test.build();
  await test.quiet();
  test.check(1, test.probe.subscriptions === 0, 'the plugin was not subscribed, and it subscribed the wire below');
  test.check(1, test.clock.scheduled === 0, 'the plugin was not subscribed, and it scheduled something');
}

async function noTimers(test: PluginRun): Promise<void> {
  const names = new Set<string>();
  const stop = watchTimers((name) => names.add(name));
  try {
    await exchange(WHOLE, 12).run(test);
    test.check(12, names.size === 0, `time passed the scheduler of the dial by: ${[...names].join(', ')} was called`);
  } finally {
    stop();
  }
}

/** Interleaves two connections byte by byte, then makes a third one. */
async function lanes(test: PluginRun): Promise<void> {
  const [first, second, third] = test.lanes(3) as [Direction, Direction, Direction];
  const got = async ({ app, far }: Direction, down: Uint8Array, up: Uint8Array, which: string): Promise<void> => {
    await test.must(1, () => (app.received >= up.length && far.received >= down.length) || app.over, `the ${which} connection stood still`);
    test.check(1, sameBytes(app.bytes, up), `of ${show(up)} sent by the peer of the ${which} connection, ${show(app.bytes)} came up`);
    test.check(1, sameBytes(far.bytes, down), `of ${show(down)} given to the ${which} connection, ${show(far.bytes)} reached its peer`);
  };
  for (const lane of [first, second]) lane.join();
  for (const { app, far } of [first, second])
    await test.must(1, () => (app.connected && far.connected) || app.over, "'connected' did not come");
  for (let at = 0; at < DOWN.length; at += 1) {
    first.app.give(DOWN.subarray(at, at + 1));
    second.app.give(UP.subarray(at, at + 1));
    first.far.give(UP.subarray(at, at + 1));
    second.far.give(DOWN.subarray(at, at + 1));
    await test.settle();
  }
  await got(first, DOWN, UP, 'first');
  await got(second, UP, DOWN, 'second');
  for (const { app } of [first, second]) app.unsubscribe();
  third.join();
  third.app.react = ({ kind }) => kind === 'connected' && third.app.give(DOWN);
  third.far.react = ({ kind }) => kind === 'connected' && third.far.give(UP);
  await got(third, DOWN, UP, 'third');
}

/** Checks that the wait for the peer times out on the scheduler of the dial, not earlier and not later. */
async function timeout(test: PluginRun, expected: number): Promise<void> {
  const { app, clock } = test;
  const through = (): boolean => app.connected;
  test.passing = false;
  test.open();
  await test.quiet();
  if (through()) return;
  test.check(12, app.is('open'), `waiting for the peer ended before its time of ${expected} ms`);
  while (clock.frame < expected - 1) {
    test.advance(Math.min(50, expected - 1 - clock.frame));
    await test.settle();
  }
  if (through()) return;
  test.check(12, app.is('open'), `waiting for the peer ended before its time of ${expected} ms`);
  test.advance(2);
  await test.settle();
  test.check(12, app.is('error'), `waiting for the peer did not end at its time of ${expected} ms on the scheduler of the dial`);
  const { code } = app.error as { code?: unknown };
  test.check(12, code === 'ETOHANDSHAKE', `waiting for the peer ended with ${String(app.error)}, not with ETOHANDSHAKE`);
}
