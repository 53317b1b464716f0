import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { testDial } from '../../../src/testing/test-dial.ts';
import { localAddress, proxyTarget } from '../../../src/plugins/proxy/proxy-target.ts';
import { cpuTime } from '../../support/cpu-time.ts';

describe('proxyTarget', () => {
  it.each([
    ['example.com', 'example.com'],
    ['UPPER_case.test', 'UPPER_case.test'],
    ['bücher.test', 'xn--bcher-kva.test'],
    ['192.0.2.1', '192.0.2.1'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['[example.com]', '[example.com]'],
    ['[]', '[]'],
  ])('asks for %s as %s', (host, asked) => {
    expect(proxyTarget({ host, port: 7 }, 'x')).toEqual({ host: asked, port: 7 });
  });

  it('throws without a target, for a path and for what is no name', () => {
    for (const [to, message] of [
      [undefined, '{fh} already connected: x needs host and port'],
      [{ path: '/tmp/x' }, 'expected a target with host and port for x, got a path'],
      [{ host: '\u00ad', port: 7 }, 'expected `host` to be a name that can be written in ASCII for x'],
    ] as const) {
      const call = (): unknown => proxyTarget(to, 'x');
      expect(call).toThrow(TypeError);
      expect(call).toThrow(message);
    }
  });
});

it('proxyTarget refuses a name that is too long for IDNA, at once', () => {
  const host = Array.from({ length: 40_000 }, (_, at) => String.fromCodePoint(0x4e00 + (at % 20_000))).join('');
  const start = cpuTime();
  expect(() => proxyTarget({ host, port: 7 }, 'x')).toThrow('expected `host` to be a name that can be written in ASCII for x');
  expect(cpuTime() - start).toBeLessThan(500);
});

describe('localAddress', () => {
  it('gives the first address, or the address that it was given', () => {
    const seen: string[] = [];
    const lookup = (_host: string, _options: object, callback: (error: null, found: { address: string; family: number }[]) => void): void =>
      callback(
        null,
        ['192.0.2.2', '192.0.2.1'].map((address) => ({ address, family: 4 })),
      );
    localAddress({ host: 'name.test', port: 1 }, testDial(), { lookup }).subscribe((address) => seen.push(address));
    localAddress({ host: '192.0.2.3', port: 1 }, testDial(), { lookup }).subscribe((address) => seen.push(address));
    expect(seen).toEqual(['192.0.2.2', '192.0.2.3']);
  });

  it('errors with EDNS within the smaller of timeouts.resolve and what is left of the deadline', () => {
    for (const [resolve, deadline, ms] of [
      [100, 1000, 100],
      [1000, 100, 100],
    ] as const) {
      const scheduler = new TestScheduler(() => {});
      scheduler.maxFrames = Infinity;
      let error: unknown;
      const dial = testDial({ scheduler, deadline, timeouts: { resolve } });
      localAddress({ host: 'name.test', port: 1 }, dial, { lookup: () => {} }).subscribe({ error: (reason: unknown) => (error = reason) });
      scheduler.flush();
      expect(error).toMatchObject({ code: 'EDNS', phase: 'resolve' });
      expect((error as Error).message).toContain(`within ${ms} ms`);
    }
  });
});
