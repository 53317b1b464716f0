import { asyncScheduler, NEVER } from 'rxjs';
import { assert, describe, expect, it } from 'vitest';
import { passthrough, type Wire } from 'rxjs-io-stream';
import { checkStreamOptions } from '../../src/stream/check-stream-options.ts';
import { mergeTimeouts } from '../../src/stream/merge-timeouts.ts';
import { isOwnField } from '../../src/stream/own-fields.ts';
import { TIMEOUTS } from '../../src/wire/timeouts.ts';

const wire: Wire = () => () => NEVER;

function messageOf(options: unknown): string {
  try {
    checkStreamOptions(options as object);
  } catch (error) {
    assert(error instanceof TypeError);
    return error.message;
  }
  return 'accepted';
}

describe('checkStreamOptions', () => {
  it('requires exactly one of fh, host with port, path and wire', () => {
    for (const good of [{ wire }, { path: '/x' }, { host: 'x', port: 1 }, { fh: 3 }, { wire, host: 'x', port: 1 }])
      expect(messageOf(good)).toBe('accepted');
    for (const wrong of [{}, { wire, path: '/x' }, { fh: 3, host: 'x', port: 1 }, { path: '/x', fh: 1 }, { port: 1 }]) {
      expect(messageOf(wrong)).toMatch(/^usage: .*expected exactly one of `fh`, `host` with `port`, `path` and `wire`, got /);
    }
    expect(messageOf({ host: 'x' })).toMatch(/`host` without `port`/);
    expect(messageOf({ wire, port: 5 })).toMatch(/`port` without `host`/);
  });

  it('requires an object of options', () => {
    for (const wrong of [undefined, null, 5, 'x', () => {}]) expect(messageOf(wrong)).toMatch(/expected an object of options, got /);
  });

  const wrong: Record<string, unknown[]> = {
    fh: ['x', -1, 1.5, null, true],
    host: ['', 5, null, 'a b', 'a\0', 'a\n', 'http://a', 'a@b'],
    port: [0, -1, 65_536, 1.5, '80', NaN, null],
    path: ['', 5, null, 'a\0b', '/a\0', '\0', '\0a\0b', '\0\0a'],
    wire: [{}, 'x', null],
    cb: ['x', 5, null],
    method: ['', 5, null],
    onEvent: ['x', {}, null],
    waitFor: [-1, 64, 1.5, '4', null, NaN],
    inBufLimit: [-1, 1.5, '5', Infinity, null],
    outBuf: [5, {}, null, new ArrayBuffer(1)],
    outPos: [-1, 1.5, '5', null],
    outBufLimit: [-1, 1.5, '5', Infinity, null],
    highWaterMark: [0, -1, 1.5, '5', null],
    allowHalfOpen: [0, 'yes', null],
    isFatal: [true, {}, null],
    plugin: [5, 'x', null, () => {}],
    timeouts: [5, 'x', null],
    lookup: [{}, 'x', null],
    family: [5, '4', null],
    localAddress: [5, '', null],
    localPort: [-1, 65536, 1.5, '80', null],
    noDelay: [1, null],
    keepAlive: [1, 'x', null],
    signal: [{}, 5, null],
    scheduler: [{}, 5, null],
  };
  for (const [name, values] of Object.entries(wrong)) {
    it(`refuses a wrong \`${name}\`, naming it and what came`, () => {
      for (const value of values)
        expect(messageOf({ wire, [name]: value })).toMatch(new RegExp(`^usage: .*expected \`${name}\` to be .*, got `, 's'));
      expect(messageOf({ path: '/x', ...(name === 'path' ? {} : { [name]: undefined }) }), 'undefined is the default').toBe('accepted');
    });
  }

  it.runIf(process.platform === 'linux')('accepts a path that begins with NUL, the name of an abstract socket', () => {
    expect(messageOf({ path: '\0name' })).toBe('accepted');
  });

  it('does not show a URL that was passed as host: it may contain a password', () => {
    expect(messageOf({ host: 'http://me:hunter2@proxy', port: 1 })).toMatch(/got a string of 23 characters with an @$/);
  });

  it('rejects an unknown name, and accepts one with a capital as a field of the user', () => {
    expect(messageOf({ wire, hots: 'x' })).toMatch(/^unknown option `hots`; did you mean `host`\? \(IOStream takes fh, host, /);
    for (const name of ['toString', 'hasOwnProperty', '__proto__'])
      expect(
        messageOf(
          Object.fromEntries([
            ['wire', wire],
            [name, 1],
          ]),
        ),
      ).toMatch(/^unknown option `\w+` \(IOStream takes fh, host, /);
    expect(messageOf({ wire, Count: 0, Ünicode: null, AnyThing: undefined })).toBe('accepted');
    expect(['Count', 'count', '_Count', 'Ä', '1', ''].map(isOwnField)).toStrictEqual([true, false, false, true, false, false]);
  });

  it('accepts plugins as a record or pairs, and rejects names that look like integers, duplicates and non-plugins', () => {
    const noop = passthrough();
    for (const good of [
      {},
      { a: noop },
      [],
      [
        ['a', noop],
        ['b', noop],
      ],
      { '01': noop, '1a': noop },
    ])
      expect(messageOf({ wire, plugin: good })).toBe('accepted');
    expect(messageOf({ wire, plugin: { 1: noop } })).toMatch(/do not look like integers.*`1`/);
    expect(messageOf({ wire, plugin: [['0', noop]] })).toMatch(/do not look like integers/);
    expect(
      messageOf({
        wire,
        plugin: [
          ['a', noop],
          ['a', noop],
        ],
      }),
    ).toMatch(/`a` twice/);
    for (const bad of [{ a: 5 }, { a: null }, [noop], [['a']], [[5, noop]], [5], [null]]) {
      expect(messageOf({ wire, plugin: bad })).toMatch(/expected `plugin` to hold plugins by name/);
    }
  });

  it('accepts all options at once', () => {
    expect(
      messageOf({
        host: 'x',
        port: 65_535,
        cb: () => {},
        method: 'on',
        onEvent: () => {},
        waitFor: 63,
        inBufLimit: 0,
        outBuf: 'x',
        outPos: 0,
        outBufLimit: 0,
        highWaterMark: 1,
        allowHalfOpen: true,
        isFatal: () => true,
        plugin: {},
        timeouts: {},
        lookup: () => {},
        family: 6,
        localAddress: '::1',
        localPort: 0,
        noDelay: false,
        keepAlive: true,
        signal: new AbortController().signal,
        scheduler: asyncScheduler,
      }),
    ).toBe('accepted');
  });
});

describe('mergeTimeouts', () => {
  it('merges timeouts: 0 is off, undefined changes nothing, and no argument is mutated', () => {
    const merged = mergeTimeouts(TIMEOUTS, { write: 0, idle: 5, connect: undefined } as object);
    expect([merged.write, merged.idle, merged.connect, TIMEOUTS.write]).toStrictEqual([Infinity, 5, 30_000, 30_000]);
  });

  it('rejects unknown names and wrong values', () => {
    for (const wrong of [{ wirte: 5 }, { write: -1 }, { write: NaN }, { write: '5' }, { toString: 5 }, [5]]) {
      expect(() => mergeTimeouts(TIMEOUTS, wrong as never)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/timeouts/) }),
      );
    }
  });
});
