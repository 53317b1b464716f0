import { afterEach, describe, expect, it } from 'vitest';
import { definedOptions, ownOptions } from '../../src/util/own-options.ts';

describe('ownOptions', () => {
  const prototype = Object.prototype as unknown as Record<string, unknown>;
  afterEach(() => {
    delete prototype.port;
  });

  it('copies the options, so that later changes have no effect', () => {
    const given = { host: 'a', port: 1 };
    const copy = ownOptions(given, 'tool');
    given.host = 'b';
    expect({ ...copy }).toEqual({ host: 'a', port: 1 });
  });

  it('inherits nothing, neither from Object.prototype nor from the prototype of the options', () => {
    prototype.port = 9;
    const copy = ownOptions<{ host?: string; port?: number }>(Object.create({ host: 'inherited' }) as object, 'tool');
    expect([copy.host, copy.port, 'toString' in copy]).toEqual([undefined, undefined, false]);
  });

  it('reads a getter once', () => {
    let reads = 0;
    const copy = ownOptions(
      {
        get port() {
          return (reads += 1);
        },
      },
      'tool',
    );
    expect([copy.port, copy.port, reads]).toEqual([1, 1, 1]);
  });

  it('keeps a property of the name __proto__ as a property', () => {
    const copy = ownOptions(JSON.parse('{ "__proto__": { "port": 9 } }') as { port?: number }, 'tool');
    expect([copy.port, Object.keys(copy)]).toEqual([undefined, ['__proto__']]);
  });

  it('shares nothing between two copies', () => {
    const [a, b] = [ownOptions<{ port?: number }>({}, 'tool'), ownOptions<{ port?: number }>({}, 'tool')];
    Object.assign(a, { port: 1 });
    expect(b.port).toBeUndefined();
    expect(() => Object.assign(Object.getPrototypeOf(a) as object, { port: 1 })).toThrow(TypeError);
  });

  it.each([[undefined], [null], ['host'], [5], [[]], [() => {}]])('rejects %j, and names the caller', (wrong) => {
    expect(() => ownOptions(wrong as object, 'tool')).toThrow(/^expected an object of options for tool, got /);
  });
});

describe('definedOptions', () => {
  it('copies the options that are not undefined, and keeps null and false', () => {
    const copy = definedOptions({ host: undefined, port: 0, path: null, noDelay: false }, 'tool');
    expect(Object.entries(copy)).toEqual([
      ['port', 0],
      ['path', null],
      ['noDelay', false],
    ]);
    expect('toString' in copy).toBe(false);
  });
});
