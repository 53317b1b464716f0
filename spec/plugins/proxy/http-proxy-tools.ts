import type { HttpProxyOptions } from '../../../src/plugins/proxy/http-proxy-options.ts';
import { httpProxy } from '../../../src/plugins/proxy/http-proxy.ts';
import { testDial, type TestDialOptions } from '../../../src/testing/test-dial.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { textOf } from '../../support/signal-text.ts';

export const PROXY = { host: 'proxy.test', port: 3128 };
export const ASKED = 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n\r\n';
export const OPENED = 'HTTP/1.1 200 OK\r\nVia: 1.1 p\r\n\r\n';
export const DENIED = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nwhy';
export const WHO = 'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n\r\n';
export const WHO_CLOSES = WHO.replace('HTTP/1.1', 'HTTP/1.0');

export const drive = (options: Partial<HttpProxyOptions> = {}, dial: TestDialOptions = {}): PluginDriver =>
  new PluginDriver(httpProxy({ ...PROXY, ...options }), {
    dial: testDial({ to: { host: 'target.test', port: 443 }, layer: 'proxy', ...dial }),
  });
export const talking = (options: Partial<HttpProxyOptions> = {}, dial: TestDialOptions = {}): PluginDriver => {
  const made = drive(options, dial);
  made.wire.connect();
  return made;
};
export const asked = (host: string, port = 443): string => {
  const made = drive({}, { to: { host, port } });
  made.wire.connect();
  return textOf(made.wire.down);
};
