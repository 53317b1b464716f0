import { firstValueFrom } from 'rxjs';
import { expect } from 'vitest';
import { CONNECTED, EOF, IN, IOStream, RESOLVED, SENT, type Plugin } from 'rxjs-io-stream';
import type { Harness } from '../../support/harness.ts';
import { socksPeer, type Exchange } from '../../support/socks-peer.ts';

/** What a user sees through a SOCKS proxy on loopback, whatever its version. */
export interface SocksCase {
  /** For a proxy at this port of 127.0.0.1. */
  readonly plugin: (port: number) => Plugin;
  readonly to: { readonly host: string; readonly port: number };
  readonly exchange: Exchange;
}

/** The proxy leaves after this exchange: one error, no CONNECTED, and nothing that was written has left. */
export async function errorsWhenLeft(h: Harness, { plugin, to, exchange }: SocksCase): Promise<void> {
  for (const [leave, code] of [
    ['EOF', 'EPROXY'],
    ['RST', 'ECONNRESET'],
    ['silence', 'ETOHANDSHAKE'],
  ] as const) {
    const peer = await socksPeer(h, exchange, leave);
    const cb = h.cb<IOStream>();
    const timeouts = leave === 'silence' ? { handshake: 100 } : {};
    const io: IOStream = new IOStream({ ...to, plugin: { proxy: plugin(peer.port) }, timeouts, cb });
    io.write('never to leave');
    const { error } = await firstValueFrom(io.closed$);
    // A reset before the first byte may come before the connection is made.
    const early = leave === 'RST' && exchange.length === 0 && (error as { phase?: unknown }).phase === 'connect';
    h.error(error, early ? { code } : { code, phase: 'handshake', layer: 'proxy' });
    expect(cb.calls.map(({ mask }) => mask & (CONNECTED | RESOLVED))).toStrictEqual([0]);
    expect(!Buffer.concat(peer.received).includes('never')).toBe(true);
  }
}

/** The proxy connects, and sends payload right behind its reply: CONNECTED, IN, EOF, and all of it. */
export async function passesPayload(h: Harness, { plugin, to, exchange }: SocksCase): Promise<void> {
  const peer = await socksPeer(h, exchange, 'payload');
  const cb = h.cb<IOStream>();
  const io: IOStream = new IOStream({ ...to, plugin: { proxy: plugin(peer.port) }, cb });
  await firstValueFrom(io.closed$);
  expect(io.inBuf.toString()).toBe('payload');
  expect(cb.calls.map(({ mask }) => mask & ~SENT).filter(Boolean)).toEqual([CONNECTED, IN, EOF]);
}
