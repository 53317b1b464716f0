import { describe, expect, it } from 'vitest';
import { CiphertextQueue } from '../../../src/plugins/tls/ciphertext-queue.ts';
import type { DataSignal, EndSignal, Flow } from '../../../src/wire/signal.ts';

const LIMIT = 64 * 1024;
const data = (length: number): DataSignal => ({ kind: 'data', bytes: new Uint8Array(length) });

/** Creates a queue that records what it processes and what it sends to the wire below. */
function recorded(
  onFlow: (signal: Flow, queue: CiphertextQueue) => void = () => {},
  onSignal: (signal: DataSignal | EndSignal, queue: CiphertextQueue) => void = () => {},
): {
  readonly queue: CiphertextQueue;
  readonly processed: (DataSignal | EndSignal)[];
  readonly flow: string[];
} {
  const processed: (DataSignal | EndSignal)[] = [];
  const flow: string[] = [];
  const down = {
    next: (signal: Flow): void => {
      flow.push(signal.kind);
      onFlow(signal, queue);
    },
    error: () => {},
    complete: () => {},
  };
  const queue = new CiphertextQueue({ down }, (signal) => {
    processed.push(signal);
    onSignal(signal, queue);
  });
  return { queue, processed, flow };
}

describe('CiphertextQueue', () => {
  it('processes signals in order after it is unblocked', () => {
    const { queue, processed } = recorded();
    const signals = [data(1), data(2), { kind: 'end' } as const];
    queue.push(signals[0]!);
    queue.push(signals[1]!);
    expect(processed).toStrictEqual([]);
    queue.unblock();
    queue.push(signals[2]!);
    expect(processed).toStrictEqual(signals);
  });

  it('stops at a signal that blocks it again, and continues there', () => {
    const { queue, processed } = recorded(undefined, (_, self) => self.block());
    for (const length of [1, 2, 3]) queue.push(data(length));
    queue.unblock();
    expect(processed).toStrictEqual([data(1)]);
    queue.unblock();
    expect(processed).toStrictEqual([data(1), data(2)]);
  });

  it('pauses the wire below at 64 KiB while it is blocked, and resumes it after that', () => {
    const { queue, flow } = recorded();
    queue.push(data(LIMIT - 1));
    expect(flow).toStrictEqual([]);
    queue.push(data(1));
    expect(flow).toStrictEqual(['pause']);
    queue.unblock();
    queue.push(data(LIMIT));
    expect(flow).toStrictEqual(['pause', 'resume']);
  });

  it('keeps the wire below resumed and the order, if the wire emits from inside resume', () => {
    const { queue, processed, flow } = recorded(({ kind }, self) => {
      if (kind === 'resume') self.push(data(2 * LIMIT));
    });
    queue.push(data(LIMIT));
    queue.unblock();
    expect(flow).toStrictEqual(['pause', 'resume']);
    expect(processed).toStrictEqual([data(LIMIT), data(2 * LIMIT)]);
  });

  it('passes the pause of the application on after open, also if it came before', () => {
    const { queue, flow } = recorded();
    queue.setPaused(true);
    expect(flow).toStrictEqual([]);
    queue.open();
    queue.setPaused(false);
    expect(flow).toStrictEqual(['pause', 'resume']);
  });

  it('stays paused until the application resumes and the queue is unblocked', () => {
    const { queue, flow } = recorded();
    queue.push(data(LIMIT));
    queue.setPaused(true);
    queue.open();
    queue.unblock();
    expect(flow).toStrictEqual(['pause']);
    queue.setPaused(false);
    expect(flow).toStrictEqual(['pause', 'resume']);
  });
});
