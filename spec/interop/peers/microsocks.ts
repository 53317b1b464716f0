import { startPeer, type Peer } from '../peers.ts';

/** The only user that microsocks accepts. */
export const MICROSOCKS_USER = { user: 'user', pass: 'secret-pass' } as const;

/** Starts microsocks: SOCKS5 with user and password. */
export function startMicrosocks(): Promise<Peer<'socks'>> {
  const { user, pass } = MICROSOCKS_USER;
  return startPeer(['socks'], ({ socks }) => ['microsocks', '-i', '127.0.0.1', '-p', String(socks), '-u', user, '-P', pass]);
}
