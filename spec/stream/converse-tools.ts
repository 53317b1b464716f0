import { type converse, IOStream } from 'rxjs-io-stream';
import type { Harness } from '../support/harness.ts';
import { ScriptedWire } from '../support/scripted-wire.ts';
import { resetAtEnd, ticks } from './tools.ts';

/** A conversation, as `converse` runs it. */
export type Talk<T> = Parameters<typeof converse<T>>[1];

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
export const END = { kind: 'end' } as const;

/** Reads a version of three bytes, a line and two bytes; answers in between. */
export const greeting: Talk<string[]> = function* (link) {
  link.send('hello ');
  link.send('there\n');
  const version = yield* link.read(3);
  const line = yield* link.readUntil('\r\n', 64);
  link.send('thanks\n');
  const last = yield* link.read(2);
  return [version, line, last].map(text);
};
/** The bytes of a peer that {@link greeting} reads. */
export const PEER_GREETING = '2.0some words\r\nok';

/** Opens a stream over a wire that the spec controls, and that answers each write with `sent` at once. */
export async function scriptedStream(h: Harness): Promise<{ io: IOStream; wire: ScriptedWire }> {
  const wire = new ScriptedWire();
  wire.answer = (signal) => {
    if (signal.kind === 'data') wire.emit({ kind: 'sent', bytes: signal.bytes.length });
  };
  const [io] = resetAtEnd(h, new IOStream({ wire: wire.wire, allowHalfOpen: true }));
  await ticks(1);
  wire.connect();
  return { io, wire };
}
