import { Endpoint, stackDepth } from './endpoint.ts';
import { concatBytes } from '../../util/concat-bytes.ts';
import { pattern } from '../bytes.ts';
import { Clock } from './clock.ts';
import { chunksOf, cutPlans } from '../rechunk.ts';
import type { WireRun } from './wire-run.ts';

/** One case of the check. */
export interface WireCase {
  readonly rules: readonly number[];
  /** Describes the input. */
  readonly input: string;
  run(test: WireRun): Promise<void>;
}

const FEW = pattern(5, 65);
const MANY = 10_000;
/** Growth of the call stack, in frames, that shows that each chunk of a burst deepens it. */
const DEEPER = 200;

/** All cases, the simplest first: of two cases that break a rule, the first is reported. */
export const WIRE_CASES: readonly WireCase[] = [
  { rules: [1], input: 'the wire is dialled and not subscribed', run: notSubscribed },
  ...transfers(),
  { rules: [4], input: 'the peer ends first, then the application gives 5 bytes and ends', run: peerEndsFirst },
  { rules: [5], input: 'the application gives 5 bytes and closes, then the peer ends', run: close },
  { rules: [5], input: 'the peer writes 100 kB that nobody reads, the application gives 5 bytes and closes', run: closeUnread },
  { rules: [5], input: 'the application closes before it is connected', run: closeEarly },
  { rules: [5], input: 'the flow down errors', run: fail },
  { rules: [5], input: 'the peer writes 5 bytes, then resets', run: peerResets },
  { rules: [6], input: 'unsubscribed before it is connected', run: unsubscribeEarly },
  { rules: [6], input: "unsubscribed from inside 'connected'", run: (test) => unsubscribeOn(test, 'connected') },
  { rules: [6], input: "unsubscribed from inside 'data'", run: (test) => unsubscribeOn(test, 'data') },
  { rules: [6], input: "unsubscribed from inside 'end'", run: (test) => unsubscribeOn(test, 'end') },
  { rules: [6], input: 'unsubscribed after the close', run: unsubscribeClosing },
  { rules: [3], input: "'pause' before 'connected', while the peer writes", run: (test) => pauseDown(test, 3) },
  { rules: [7], input: "'pause' after 'connected', while the peer writes", run: (test) => pauseDown(test, 7) },
  { rules: [7, 8], input: 'the peer stops reading, the application gives until it is paused', run: pauseUp },
  ...bigTransfers(),
  { rules: [11], input: 'the application answers each of 1,000 bytes from inside next', run: answers },
  { rules: [11], input: '10,000 chunks in one tick, both ways', run: burst },
  { rules: [1], input: 'the same wire is subscribed twice', run: twice },
  { rules: [12], input: 'a close while the peer stays silent, on a virtual clock', run: closeTimeout },
];

function* transfers(): Generator<WireCase> {
  for (const length of [1, 3]) {
    for (const plan of cutPlans(length, { random: 0 })) {
      yield transfer(`${length} bytes each way, ${plan.name}`, chunksOf(pattern(length, 65), plan));
    }
  }
  const [withEmpty] = cutPlans(3, { empty: true });
  if (withEmpty) yield transfer('3 bytes each way, an empty chunk before and after', chunksOf(pattern(3, 65), withEmpty));
}

function* bigTransfers(): Generator<WireCase> {
  const rules = [2, 8, 10];
  yield transfer('1 MiB each way in one chunk', [pattern(2 ** 20)], rules);
  for (const plan of cutPlans(2 ** 16, { single: 0, random: 2 })) {
    if (plan.seed !== undefined) yield transfer(`64 KiB each way, ${plan.name}`, chunksOf(pattern(2 ** 16), plan), rules);
  }
}

/** Transfers in both directions at once; then the application ends, then the peer. */
function transfer(input: string, chunks: readonly Uint8Array[], rules: readonly number[] = [2, 4, 5, 8, 10]): WireCase {
  return {
    rules,
    input,
    async run(test) {
      const { app } = test;
      const bytes = concatBytes(chunks);
      app.react = ({ kind }) => kind === 'connected' && app.give(...chunks);
      const peer = await test.connect();
      for (const chunk of chunks) peer.write(chunk);
      await test.appGets(2, bytes);
      await test.peerGets(2, bytes, peer);
      await test.must(
        8,
        () => app.sent >= app.written,
        () => `all ${app.written} bytes have left and the sum of 'sent' is ${app.sent}`,
      );
      app.end();
      await test.must(4, () => peer.ended(), "'end' was given down, and no end reached the peer");
      await test.quiet(5);
      test.check(4, app.is('open') && !app.ended, "'end' was given down, and the other direction ended too");
      peer.write(FEW);
      await test.appGets(4, concatBytes([bytes, FEW]));
      peer.end();
      await test.must(4, () => app.ended, "the peer ended, and no 'end' came up");
      await test.must(5, () => app.is('complete'), 'both directions have ended, and Up did not complete');
    },
  };
}

async function peerEndsFirst(test: WireRun): Promise<void> {
  const { app } = test;
  const peer = await test.connect();
  peer.end();
  await test.must(4, () => app.ended, "the peer ended, and no 'end' came up");
  await test.quiet(5);
  test.check(4, app.is('open'), 'the peer ended, and the direction down was closed too');
  app.give(FEW);
  await test.peerGets(4, FEW, peer);
  app.end();
  await test.must(4, () => peer.ended(), "'end' was given down, and no end reached the peer");
  await test.must(5, () => app.is('complete'), 'both directions have ended, and Up did not complete');
}

async function close(test: WireRun): Promise<void> {
  const { app } = test;
  app.react = ({ kind }) => {
    if (kind !== 'connected') return;
    app.give(FEW);
    app.close();
  };
  const peer = await test.connect();
  await test.peerGets(5, FEW, peer);
  await test.must(5, () => peer.ended(), 'the flow completed, and no end reached the peer');
  test.check(5, !peer.failed(), 'the flow completed, and the peer was reset');
  peer.end();
  await test.must(5, () => app.is('complete'), 'the flow completed and the peer ended, and Up did not complete');
}

async function closeUnread(test: WireRun): Promise<void> {
  const { app } = test;
  app.pause();
  const peer = await test.connect();
  peer.write(pattern(100_000));
  await test.quiet();
  const before = app.received;
  app.give(FEW);
  app.close();
  await test.peerGets(5, FEW, peer);
  await test.must(5, () => peer.ended() || peer.failed(), 'the flow completed, and no end reached the peer');
  await test.quiet();
  test.check(5, !peer.failed(), 'the flow completed with unread input, and the peer was reset');
  test.check(5, app.received === before, 'the flow completed, and bytes still came up');
  peer.end();
  await test.must(5, () => app.is('complete'), 'the flow completed and the peer ended, and Up did not complete');
}

async function closeEarly(test: WireRun): Promise<void> {
  const { app, made } = test;
  const clock = new Clock();
  test.tick = () => clock.advance(10);
  app.close();
  app.dial(made.wire, { ...made.dial, scheduler: clock, deadline: 1e6, timeouts: { ...made.dial.timeouts, close: 500 } });
  await test.must(5, () => app.over, 'the flow completed before the wire was connected, and Up did not end');
}

async function fail(test: WireRun): Promise<void> {
  const { app } = test;
  const peer = await test.connect();
  const reason = new Error('our own reset');
  app.fail(reason);
  test.check(5, app.is('error') && app.error === reason, 'the flow errored, and Up did not error at once with the same error');
  await test.must(5, () => peer.failed() || (!test.options.resets && peer.ended()), 'the flow errored, and the peer was not reset');
}

async function peerResets(test: WireRun): Promise<void> {
  const { app, options } = test;
  const peer = await test.connect();
  peer.write(FEW);
  await test.appGets(5, FEW);
  peer.reset();
  if (!options.resets) {
    await test.must(5, () => app.ended || app.over, 'the peer was cut off, and nothing came up');
    return;
  }
  await test.must(5, () => app.over, 'the peer reset the connection, and Up did not end');
  test.check(5, app.is('error'), 'the peer reset the connection, and Up completed as if all were well');
  test.check(5, isNamed(app.error), `the connection failed with ${String(app.error)}, not with an IOStreamError`);
}

/** Whether an error is an IOStreamError, by its fields: the library may be loaded twice. */
export function isNamed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'phase' in error;
}

async function unsubscribeEarly(test: WireRun): Promise<void> {
  const { app, made } = test;
  const clock = new Clock();
  app.dial(made.wire, { ...made.dial, scheduler: clock, deadline: 1e6 });
  app.unsubscribe();
  test.check(6, clock.pending === 0, `unsubscribed, and ${clock.pending} timers are left on the scheduler`);
  await test.quiet();
  clock.advance(1e6);
  test.check(6, clock.pending === 0, 'unsubscribed, and timers were started afterwards');
}

async function unsubscribeOn(test: WireRun, kind: 'connected' | 'data' | 'end'): Promise<void> {
  const { app, made } = test;
  const clock = new Clock();
  test.tick = () => clock.advance(0);
  let done = false;
  app.react = (signal) => {
    if (signal.kind !== kind) return;
    done = true;
    app.give(FEW);
    app.unsubscribe();
  };
  app.dial(made.wire, { ...made.dial, scheduler: clock, deadline: 1e6 });
  const peer = await test.joined();
  if (kind !== 'connected') peer.write(FEW);
  if (kind === 'end') peer.end();
  await test.must(2, () => done, `'${kind}' did not come up`);
  test.check(6, clock.pending === 0, `unsubscribed, and ${clock.pending} timers are left on the scheduler`);
  await test.must(6, () => peer.failed() || peer.ended(), 'unsubscribed, and the peer still has its connection');
}

async function unsubscribeClosing(test: WireRun): Promise<void> {
  const { app, made } = test;
  const clock = new Clock();
  test.tick = () => clock.advance(0);
  app.dial(made.wire, { ...made.dial, scheduler: clock, deadline: 1e6 });
  const peer = await test.joined();
  app.close();
  await test.must(5, () => peer.ended(), 'the flow completed, and no end reached the peer');
  app.unsubscribe();
  test.check(6, clock.pending === 0, `unsubscribed, and ${clock.pending} timers are left on the scheduler`);
}

async function pauseDown(test: WireRun, rule: 3 | 7): Promise<void> {
  const { app, options } = test;
  const chunk = pattern(2 ** 16);
  const chunks = Array.from({ length: Math.ceil(options.volume / 4 / chunk.length) }, () => chunk);
  if (rule === 3) app.pause();
  const peer = await test.connect();
  if (rule === 7) app.pause();
  for (const each of chunks) peer.write(each);
  await test.quiet();
  const { received } = app;
  // Bytes in flight at the pause may still be emitted.
  test.check(rule, received <= options.volume / 16, `'pause' was given down, and ${received} bytes still came up`);
  app.resume();
  await test.appGets(7, concatBytes(chunks));
}

async function pauseUp(test: WireRun): Promise<void> {
  const { app, options } = test;
  const peer = await test.connect();
  peer.pause();
  const chunk = pattern(2 ** 16);
  const given: Uint8Array[] = [];
  const give = (bytes: Uint8Array): void => {
    given.push(bytes);
    app.give(bytes);
  };
  let largest = 0;
  app.react = (signal) => {
    if (signal.kind === 'sent') largest = Math.max(largest, signal.bytes);
  };
  while (!app.paused && app.written < options.volume) {
    give(chunk);
    if (given.length % 16 === 0) await test.quiet(0);
  }
  test.check(7, app.paused, `the peer reads nothing, ${app.written} bytes were given, and no 'pause' came up`);
  give(new Uint8Array(2 ** 20));
  for (let more = 0; more < 10; more += 1) give(FEW);
  await test.quiet();
  const early = `${peer.count()} of ${app.written} bytes have reached a peer that does not read, and all were told to be 'sent'`;
  test.check(8, app.sent < app.written, early);
  peer.resume();
  await test.must(7, () => !app.paused, "the peer reads again, and no 'resume' came up");
  await test.peerGets(7, concatBytes(given), peer);
  await test.must(
    8,
    () => app.sent >= app.written,
    () => `all ${app.written} bytes have left and the sum of 'sent' is ${app.sent}`,
  );
  test.check(8, largest <= options.sentEvery, `${largest} bytes were told to be 'sent' in one go`);
}

async function answers(test: WireRun): Promise<void> {
  const { app } = test;
  const bytes = pattern(1000);
  app.react = (signal) => signal.kind === 'data' && app.give(signal.bytes);
  const peer = await test.connect();
  for (let at = 0; at < bytes.length; at += 1) peer.write(bytes.subarray(at, at + 1));
  await test.peerGets(11, bytes, peer);
}

async function burst(test: WireRun): Promise<void> {
  const { app } = test;
  const bytes = pattern(MANY);
  const depths = new DepthWatch();
  app.react = (signal) => {
    depths.look(signal.kind);
    if (signal.kind !== 'connected') return;
    for (let at = 0; at < bytes.length; at += 1) app.give(bytes.subarray(at, at + 1));
  };
  const peer = await test.connect();
  for (let at = 0; at < bytes.length; at += 1) peer.write(bytes.subarray(at, at + 1));
  await test.appGets(11, bytes);
  await test.peerGets(11, bytes, peer);
  test.check(11, depths.deepest <= DEEPER, `the stack became ${depths.deepest} frames deeper during 10,000 chunks`);
}

/** Samples the depth of the call stack for each kind of signal. */
export class DepthWatch {
  deepest = 0;
  readonly #first = new Map<string, { depth: number; count: number }>();

  look(kind: string): void {
    const known = this.#first.get(kind);
    if (!known) {
      this.#first.set(kind, { depth: stackDepth(), count: 1 });
      return;
    }
    known.count += 1;
    if (known.count % 997 === 0) this.deepest = Math.max(this.deepest, stackDepth() - known.depth);
  }

  get tooDeep(): boolean {
    return this.deepest > DEEPER;
  }
}

async function notSubscribed(test: WireRun): Promise<void> {
  const { made } = test;
  const clock = new Clock();
  made.wire({ ...made.dial, scheduler: clock, deadline: 1e6 });
  await test.quiet();
  test.check(1, clock.scheduled === 0, 'the wire was not subscribed, and it scheduled something');
  test.check(1, (made.dialled?.() ?? 0) === 0, 'the wire was not subscribed, and it dialled');
}

async function twice(test: WireRun): Promise<void> {
  const { app, made, options } = test;
  const operator = made.wire(made.dial);
  const second = new Endpoint();
  const peer = await test.joined(app.join(operator));
  second.join(operator);
  try {
    if (options.singleUse) {
      await test.must(1, () => second.is('error'), 'the wire is single-use, and a second subscription did not error');
      return;
    }
    const other = await test.joined(second);
    app.give(FEW.subarray(0, 2));
    second.give(FEW.subarray(2));
    await test.peerGets(1, FEW.subarray(0, 2), peer);
    await test.peerGets(1, FEW.subarray(2), other);
    app.unsubscribe();
    other.write(FEW);
    await test.appGets(1, FEW, second);
  } finally {
    second.unsubscribe();
  }
}

/** Checks that `timeouts.close` runs on virtual time only: nothing may happen in real time. */
async function closeTimeout(test: WireRun): Promise<void> {
  const { app, made } = test;
  const clock = new Clock();
  test.tick = () => clock.advance(0);
  const close = 50;
  app.dial(made.wire, { ...made.dial, scheduler: clock, deadline: 1e6, timeouts: { ...made.dial.timeouts, close } });
  const peer = await test.joined();
  app.close();
  await test.must(5, () => peer.ended(), 'the flow completed, and no end reached the peer');
  // A wire that does not wait for the peer has already closed.
  for (let turns = 0; turns < 5; turns += 1) await test.quiet(0);
  if (app.over) return;
  await test.quiet(close * 2);
  test.check(12, app.is('open'), `timeouts.close of ${close} ms ended by itself, without the scheduler of the dial`);
  clock.advance(close - 1);
  test.check(12, app.is('open'), `timeouts.close of ${close} ms ended a millisecond early`);
  clock.advance(2);
  test.check(12, app.over, `timeouts.close of ${close} ms passed on the scheduler of the dial, and Up did not end`);
}
