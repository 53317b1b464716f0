import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { passthrough } from '../../src/plugins/passthrough.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { fromFh } from '../../src/wire/fh/fh.ts';
import { isNodeStream } from '../../src/wire/node-stream-wires.ts';
import type { Plugin, Wire } from '../../src/wire/signal.ts';
import { stack } from '../../src/wire/stack.ts';
import { tcp } from '../../src/wire/tcp.ts';
import { unix } from '../../src/wire/unix.ts';

/** Returns whether a plugin at this place is directly on a Node stream. */
function isDirect(wire: Wire, ...above: readonly Plugin[]): boolean | undefined {
  let result: boolean | undefined;
  const probe: Plugin = (below) => {
    result = isNodeStream(below);
    return below;
  };
  stack([['probe', probe], ...above.map((plugin, at) => [`below${at}`, plugin] as const)], wire);
  return result;
}

describe('isNodeStream', () => {
  it('is true for the wire of a Node stream, also at the bottom of a stack', () => {
    for (const wire of [tcp(), unix(), fromFh(new PassThrough())]) expect([isNodeStream(wire), isDirect(wire)]).toStrictEqual([true, true]);
  });

  it('is false for a layer on it, and for other wires', () => {
    expect(isDirect(tcp(), passthrough())).toBe(false);
    expect(isDirect(tcp(), (wire) => (dial) => wire(dial))).toBe(false);
    expect(isDirect(memoryPair()[0])).toBe(false);
    expect(isNodeStream(stack({ noop: passthrough() }, tcp()))).toBe(false);
  });
});
