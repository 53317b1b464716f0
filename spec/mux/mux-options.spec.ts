import { describe, expect, it } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { mux } from '../../src/mux/mux.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';

describe('the options of mux', () => {
  spec.each<readonly [options: unknown, message: string]>([
    [undefined, "usage: mux(io, { role: 'client' | 'server', … }, handler?): expected an object of options, got undefined"],
    [{}, "expected `role` to be 'client' or 'server', got undefined"],
    [{ role: 'both' }, "expected `role` to be 'client' or 'server', got \"both\" (string)"],
    [{ role: 'client', window: 262_143 }, 'expected `window` to be a number of bytes from 262144 to 4294967295, got 262143 (number)'],
    [{ role: 'client', window: 2 ** 32 }, 'got 4294967296 (number)'],
    [{ role: 'client', maxStreams: 0 }, 'expected `maxStreams` to be a number of streams, 1 or more, got 0 (number)'],
    [{ role: 'client', budget: 1 }, 'expected `budget` to be a number of bytes, 262144 or more, got 1 (number)'],
    [{ role: 'client', keepAlive: true }, 'expected `keepAlive` to be false or { interval, timeout }, got true (boolean)'],
    [
      { role: 'client', keepAlive: { interval: 0 } },
      'expected `keepAlive.interval` of mux to be milliseconds, more than 0, got 0 (number)',
    ],
    [{ role: 'client', keepAlive: { intervall: 1 } }, 'intervall'],
    [{ role: 'client', maxStream: 5 }, 'maxStream'],
    [{ role: 'client', streams: { host: 'a', port: 1 } }, 'expected `streams` of mux to have no endpoint, got `host`'],
    [{ role: 'client', streams: { highWaterMark: 0 } }, 'highWaterMark'],
  ])('are checked at the call: %j', (_h, options, message) => {
    const [wire] = memoryPair();
    const io = new IOStream({ wire });
    const call = (): unknown => mux(io, options as never);
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
    io.reset();
  });

  it('come after a stream, and before a handler', () => {
    expect(() => mux({} as never, { role: 'client' })).toThrow('expected `io` of mux to be an IOStream, got an object (Object)');
    const io = new IOStream({ wire: memoryPair()[0] });
    expect(() => mux(io, { role: 'client' }, 5 as never)).toThrow('expected the handler of mux to be a function, got 5 (number)');
    io.reset();
  });
});
