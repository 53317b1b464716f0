import type { Socket } from 'node:net';
import type { PeerStep } from '../../src/testing/rules/scripted-peer.ts';
import type { Harness } from './harness.ts';
import { served } from './loopback.ts';
import { bytesOf } from './socks-talk.ts';

/** The script of a proxy: alternately the bytes that it expects and the bytes that it sends, in hex. */
export type Exchange = readonly (readonly [told: string, says: string])[];

/** Returns the script as steps for `checkPlugin`. */
export function stepsOf(exchange: Exchange): PeerStep[] {
  return exchange.flatMap(([told, says]) => [{ expect: bytesOf(told) }, { send: bytesOf(says) }]);
}

/** What a scripted proxy does after its last bytes. */
export type Leave = 'EOF' | 'RST' | 'silence' | 'payload';

/** A proxy on loopback that plays a script. `told` has all bytes that it received. */
export async function socksPeer(h: Harness, exchange: Exchange, leave: Leave): Promise<{ host: string; port: number; told: Buffer[] }> {
  const told: Buffer[] = [];
  const serve = (socket: Socket): void => {
    let at = 0;
    const step = (): void => {
      const heard = Buffer.concat(told).length;
      const until = exchange.slice(0, at + 1).reduce((sum, [words]) => sum + bytesOf(words).length, 0);
      if (at === exchange.length || heard < until) return;
      socket.write(bytesOf(exchange[at]![1]));
      at += 1;
      if (at === exchange.length) end(socket, leave);
    };
    if (exchange.length === 0) end(socket, leave);
    socket.on('data', (bytes) => {
      told.push(bytes);
      step();
    });
  };
  const place = (await served(h, serve)) as { host: string; port: number };
  return { ...place, told };
}

function end(socket: Socket, leave: Leave): void {
  if (leave === 'EOF') socket.end();
  else if (leave === 'RST') socket.resetAndDestroy();
  else if (leave === 'payload') socket.end('payload');
}
