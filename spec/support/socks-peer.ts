import type { Socket } from 'node:net';
import type { PeerStep } from '../../src/testing/rules/scripted-peer.ts';
import type { Harness } from './harness.ts';
import { served } from './loopback.ts';
import { bytesOfHex } from './bytes-of-hex.ts';

/** A conversation from the proxy's side: hex words that it receives, then hex words that it sends. */
export type Exchange = readonly (readonly [receives: string, sends: string])[];

/** The steps of a conversation as `checkPlugin` takes them. */
export function stepsOf(exchange: Exchange): PeerStep[] {
  return exchange.flatMap(([receives, sends]) => [{ expect: bytesOfHex(receives) }, { send: bytesOfHex(sends) }]);
}

/** How a scripted proxy ends the connection after its last bytes. */
export type Ending = 'EOF' | 'RST' | 'silence' | 'payload';

/** A proxy on loopback that follows a conversation. Collects all that it receives in `received`. */
export async function socksPeer(
  h: Harness,
  exchange: Exchange,
  ending: Ending,
): Promise<{ host: string; port: number; received: Buffer[] }> {
  const received: Buffer[] = [];
  const serve = (socket: Socket): void => {
    let at = 0;
    const step = (): void => {
      const length = Buffer.concat(received).length;
      const until = exchange.slice(0, at + 1).reduce((sum, [words]) => sum + bytesOfHex(words).length, 0);
      if (at === exchange.length || length < until) return;
      socket.write(bytesOfHex(exchange[at]![1]));
      at += 1;
      if (at === exchange.length) end(socket, ending);
    };
    if (exchange.length === 0) end(socket, ending);
    socket.on('data', (bytes) => {
      received.push(bytes);
      step();
    });
  };
  const place = (await served(h, serve)) as { host: string; port: number };
  return { ...place, received };
}

function end(socket: Socket, ending: Ending): void {
  if (ending === 'EOF') socket.end();
  else if (ending === 'RST') socket.resetAndDestroy();
  else if (ending === 'payload') socket.end('payload');
}
