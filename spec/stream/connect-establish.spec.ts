import { switchMap, tap, timer } from 'rxjs';
import { describe, expect } from 'vitest';
import { connect, type IOStreamOptions } from 'rxjs-io-stream';
import { blackHole } from '../support/black-hole.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { echo, host, knock, peer, text } from './connect-tools.ts';

describe('timeouts.establish, which spans all phases', () => {
  /** Far more than connecting to loopback takes on a busy machine. */
  const LIMIT = 600;
  const establish = { establish: LIMIT };
  const errorAfterLimit = async (h: Harness, options: IOStreamOptions): Promise<unknown> => {
    const started = performance.now();
    const seen = await h.observed(connect(options)).ended;
    expect(performance.now() - started).toBeGreaterThan(LIMIT - 2);
    expect(seen.values).toEqual([]);
    return seen.error;
  };

  spec('errors with EDNS while it resolves', async (h) => {
    const error = await errorAfterLimit(h, { host: 'some.name', port: 1, lookup: () => {}, timeouts: establish });
    h.error(error, { code: 'EDNS', phase: 'resolve' });
  });

  spec('errors with ETOCONNECT while it connects, after the remaining time', async (h) => {
    const { port } = await blackHole(h);
    const lookup: IOStreamOptions['lookup'] = (_host, _options, callback) =>
      void setTimeout(() => callback(null, [{ address: host, family: 4 }]), 30);
    const error = await errorAfterLimit(h, { host: 'some.name', port, lookup, timeouts: establish });
    h.error(error, { code: 'ETOCONNECT', phase: 'connect' });
  });

  spec('errors with ETOHANDSHAKE and the name of the layer in the second handshake', async (h) => {
    const { to } = await peer(h, (socket) => void socket.once('data', () => setTimeout(() => socket.write('ok'), 30)));
    const error = await errorAfterLimit(h, { ...to, plugin: { second: knock('b'), first: knock('a') }, timeouts: establish });
    h.error(error, { code: 'ETOHANDSHAKE', phase: 'handshake', layer: 'second' });
  });

  spec('does nothing once the stream is connected', async (h) => {
    const { to } = await peer(h, echo);
    const seen = h.observed(
      connect({ ...to, timeouts: establish }).pipe(
        switchMap((io) =>
          timer(LIMIT + 40).pipe(
            tap(() => io.end('late')),
            switchMap(() => io.data$),
          ),
        ),
      ),
    );
    expect(text(await seen.value())).toBe('late');
  });
});
