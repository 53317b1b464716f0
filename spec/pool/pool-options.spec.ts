import { EMPTY } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { pool } from '../../src/pool/pool.ts';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';

const call = pool as unknown as (options: unknown) => { use(handler: unknown): unknown };
const connect = { host: '127.0.0.1', port: 9 };

describe('the options of a pool', () => {
  it.each<[Record<string, unknown>, string]>([
    [{ max: 0 }, 'expected `max` of pool to be a number of connections, 1 or more, got 0 (number)'],
    [{ max: '4' }, 'expected `max` of pool to be a number of connections, 1 or more, got "4" (string)'],
    [{ maxWaiting: -1 }, 'expected `maxWaiting` of pool to be a number of uses, 0 or more; Infinity for no limit, got -1 (number)'],
    [{ maxUses: 0 }, 'expected `maxUses` of pool to be a number of uses, 1 or more; Infinity for no limit, got 0 (number)'],
    [{ waitTimeout: NaN }, 'expected `waitTimeout` of pool to be milliseconds, 0 or more; 0 or Infinity for no limit, got NaN (number)'],
    [{ idleTimeout: -1 }, 'expected `idleTimeout` of pool to be milliseconds, 0 or more; 0 or Infinity for no limit, got -1 (number)'],
    [{ maxAge: '1h' }, 'expected `maxAge` of pool to be milliseconds, 0 or more; 0 or Infinity for no limit, got "1h" (string)'],
    [{ open: true }, 'expected `open` of pool to be a function, got true (boolean)'],
    [{ validate: 'SELECT 1' }, 'expected `validate` of pool to be a function, got "SELECT 1" (string)'],
    [{ scheduler: {} }, 'expected `scheduler` of pool to be an RxJS scheduler, got an object (Object)'],
    [{ maxSize: 4 }, 'unknown option `maxSize`; did you mean `max`?'],
    [
      { connect: undefined },
      'expected `connect` of pool to be the options of a connection, or a function that returns them, got undefined; write pool({ connect: { host, port } })',
    ],
    [{ connect: EMPTY }, 'got an Observable; write `connect: { host, port }`, the pool connects by itself'],
    [{ connect: { host: 'x' } }, '`host` without `port`'],
    [{ connect: { fh: 0 } }, 'expected `connect` of pool to be a function with `fh`'],
  ])('are rejected with a TypeError at the call: %j', (options, message) => {
    const error = thrownBy(() => call({ connect, ...options }));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain(message);
  });

  it('are rejected if they are a stream, or no options at all', () => {
    const io = new IOStream({ wire: memoryPair()[0] });
    expect(() => call({ connect: io })).toThrow('got a stream; write `connect: { host, port }`');
    expect(() => call(undefined)).toThrow('expected an object of options for pool, got undefined');
    io.reset();
  });

  it('are copied', () => {
    const options = { connect: { ...connect }, max: 1 };
    const db = pool(options);
    options.max = 0;
    options.connect.port = -1;
    expect(() => db.use(() => [])).not.toThrow();
  });

  it('include no handler: it must be a function', () => {
    expect(() => call({ connect }).use('x')).toThrow('expected the handler of use() to be a function, got "x" (string)');
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
