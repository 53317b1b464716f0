import { NEVER, Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { testDial } from '../../src/testing/test-dial.ts';
import type { Dial, Plugin, Up, Wire } from '../../src/wire/signal.ts';
import { pluginEntries, stack } from '../../src/wire/stack.ts';
import { data, inWords } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';

/** Marks what passes, both ways. */
const mark =
  (name: string): Plugin =>
  (wire) =>
  (dial) =>
  (flow$) =>
    new Observable<Up>((up) => {
      const marked$ = new Observable<never>((down) =>
        flow$.subscribe((signal) =>
          down.next((signal.kind === 'data' ? data(`${name}(${Buffer.from(signal.bytes).toString()})`) : signal) as never),
        ),
      );
      return marked$
        .pipe(wire(dial))
        .subscribe((signal) => up.next(signal.kind === 'data' ? data(`${name}(${Buffer.from(signal.bytes).toString()})`) : signal));
    });

const dialled = (seen: [string, string | undefined][], name: string): Plugin => {
  return (wire) => (dial) => {
    seen.push([name, dial.layer]);
    return wire(dial);
  };
};

describe('stack', () => {
  it('is the wire itself without plugins', () => {
    const driver = new PluginDriver((wire) => stack({}, wire));
    driver.app.next(data('x'));
    driver.wire.emit(data('y'));
    expect([inWords(driver.wire.down), inWords(driver.up)]).toEqual([['data x'], ['data y']]);
  });

  it.each<[string, (wire: Wire) => Wire]>([
    ['a record', (wire) => stack({ near: mark('near'), far: mark('far') }, wire)],
    [
      'pairs',
      (wire) =>
        stack(
          [
            ['near', mark('near')],
            ['far', mark('far')],
          ],
          wire,
        ),
    ],
  ])('puts the first of %s nearest the application', (_, make) => {
    const driver = new PluginDriver(make);
    driver.app.next(data('x'));
    driver.wire.emit(data('y'));
    expect(inWords(driver.wire.down)).toEqual(['data far(near(x))']);
    expect(inWords(driver.up)).toEqual(['data near(far(y))']);
  });

  it('dials each layer under its own name, and the wire under none', () => {
    const seen: [string, string | undefined][] = [];
    let atWire: Dial | undefined;
    const wire: Wire = (dial) => {
      atWire = dial;
      return () => NEVER;
    };
    stack({ a: dialled(seen, 'a'), b: dialled(seen, 'b') }, wire)(testDial({ layer: 'outer' }));
    expect(seen).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ]);
    expect(atWire && 'layer' in atWire && atWire.layer).toBeFalsy();
  });

  it('dials an IPv6 address without its brackets, that of a layer too', () => {
    const seen: Dial['to'][] = [];
    const sees: Plugin = (wire) => (dial) => {
      seen.push(dial.to);
      return wire(dial);
    };
    const proxy: Plugin = (wire) => (dial) => wire({ ...dial, to: { host: '[::2]', port: 2 } });
    const to = Object.freeze({ host: '[::1]', port: 1 });
    const driver = new PluginDriver((wire) => stack({ above: sees, proxy, below: sees }, wire), { dial: testDial({ to }) });
    expect([...seen, driver.wire.dials[0]?.to]).toEqual([
      { host: '::1', port: 1 },
      { host: '::2', port: 2 },
      { host: '::2', port: 2 },
    ]);
    for (const other of [undefined, { path: '[::1]' }, { host: 'name', port: 1 }])
      expect(new PluginDriver((wire) => stack({ sees }, wire), { dial: testDial({ to: other }) }).wire.dials[0]?.to).toBe(other);
  });

  it('does not change its dial', () => {
    const dial = Object.freeze(testDial({ to: { host: 'h', port: 1 } }));
    const driver = new PluginDriver((wire) => stack({ a: dialled([], 'a') }, wire), { dial });
    expect(driver.wire.dials[0]).toMatchObject({ to: dial.to, deadline: dial.deadline });
    expect(driver.wire.dials[0]?.scheduler).toBe(dial.scheduler);
  });

  it('makes one wire for many connections', () => {
    const wire: Wire = stack({ a: mark('a') }, (_dial) => (flow$) => flow$);
    const texts = ['x', 'y'].map((text) => {
      const got: Up[] = [];
      new Observable<ReturnType<typeof data>>((out) => out.next(data(text))).pipe(wire(testDial())).subscribe((signal) => got.push(signal));
      return inWords(got);
    });
    expect(texts).toEqual([['data a(a(x))'], ['data a(a(y))']]);
  });

  it('throws an error that a layer throws when it is dialled', () => {
    const picky: Plugin = () => () => {
      throw new TypeError('{fh} already connected');
    };
    expect(() => stack({ picky }, () => () => NEVER)(testDial())).toThrow('{fh} already connected');
  });
});

describe('pluginEntries', () => {
  it('lists pairs in order, for a record and for pairs', () => {
    const [a, b] = [mark('a'), mark('b')];
    expect(pluginEntries({ b, a })).toEqual([
      ['b', b],
      ['a', a],
    ]);
    expect(
      pluginEntries([
        ['b', b],
        ['a', a],
      ]),
    ).toEqual([
      ['b', b],
      ['a', a],
    ]);
    expect(pluginEntries({})).toEqual([]);
  });
});
