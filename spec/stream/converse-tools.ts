import { type converse, IOStream } from 'rxjs-io-stream';
import type { Harness } from '../support/harness.ts';
import { ScriptedWire } from '../support/scripted-wire.ts';
import { owned, ticks } from './tools.ts';

export type Talk<T> = Parameters<typeof converse<T>>[1];

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
export const END = { kind: 'end' } as const;

/** A greeting: a version of 3 bytes, a line, two bytes; answers in between. */
export const greeting: Talk<string[]> = function* (link) {
  link.send('hello ');
  link.send('there\n');
  const version = yield* link.read(3);
  const line = yield* link.readUntil('\r\n', 64);
  link.send('thanks\n');
  const last = yield* link.read(2);
  return [version, line, last].map(text);
};
export const SAID = '2.0some words\r\nok';

/** An open stream over a wire that the spec plays by hand; what is written is sent at once. */
export async function scripted(h: Harness): Promise<{ io: IOStream; wire: ScriptedWire }> {
  const wire = new ScriptedWire();
  wire.answer = (signal) => {
    if (signal.kind === 'data') wire.emit({ kind: 'sent', bytes: signal.bytes.length });
  };
  const [io] = owned(h, new IOStream({ wire: wire.wire, allowHalfOpen: true }));
  await ticks(1);
  wire.connect();
  return { io, wire };
}
