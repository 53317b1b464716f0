import { describe, expect, it } from 'vitest';
import {
  connect,
  httpProxy,
  IOStream,
  listen,
  passthrough,
  persistent,
  rc4,
  socks5,
  throttleBytes,
  tlsClient,
  tlsServer,
  trace,
  type Plugin,
} from 'rxjs-io-stream';
import { chaos, memoryPair } from 'rxjs-io-stream/testing';

const place = { host: '127.0.0.1', port: 7 };
/** As in JavaScript, where no compiler sees it. */
const plugins = (plugin: unknown): { plugin: Record<string, Plugin> } => ({ plugin: { layer: plugin as Plugin } });

describe('a function that makes a plugin and was not called', () => {
  it.each([passthrough, tlsClient, tlsServer, socks5, httpProxy, rc4, throttleBytes, trace, chaos])(
    'is rejected at the call: %o',
    (factory) => {
      const message = new RegExp(
        `^expected plugin \`layer\` to be a function of a wire .*; if it makes a plugin, call it: { layer: ${factory.name}\\(…\\) }$`,
      );
      for (const call of [
        () => new IOStream({ wire: memoryPair()[0], ...plugins(factory) }),
        () => connect({ ...place, ...plugins(factory) }),
        () => persistent({ ...place, ...plugins(factory) }),
        () => listen({ port: 0, ...plugins(factory) }),
      ]) {
        expect(call).toThrow(TypeError);
        expect(call).toThrow(message);
      }
    },
  );

  it.each([
    ['a plugin', () => (wire: unknown) => wire],
    ['a plugin that dials', () => (wire: (dial: unknown) => unknown) => (dial: unknown) => wire(dial)],
    ['nothing', () => undefined],
    ['an object', () => ({})],
  ])('is refused at the dial at the latest: one of the user that returns %s', (_what, make) => {
    const call = (): unknown => new IOStream({ wire: memoryPair()[0], ...plugins(make) });
    expect(call).toThrow(TypeError);
    expect(call).toThrow(
      /^expected plugin `layer` to be a function of a wire that returns a wire: .*; if it makes a plugin, call it(: { layer: \w+\(…\) })?$/,
    );
  });
});
