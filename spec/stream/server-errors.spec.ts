import { config, NEVER, type Observable, throwError } from 'rxjs';
import { describe, expect } from 'vitest';
import { type IOStream } from 'rxjs-io-stream';
import { client, serving } from '../support/clients.ts';
import { spec } from '../support/spec.ts';
import { unhandled } from './tools.ts';
import { echo, password } from './server-tools.ts';

describe('errors$ of a server', () => {
  spec('emits a reset by the peer once, whether the handler reads or not', async (h) => {
    const handlers = [(): Observable<never> => NEVER, (io: IOStream): Observable<unknown> => io.data$, echo];
    const { at, errors, server } = await serving(h, (io) => (handlers.shift() ?? echo)(io));
    for (let each = 1; each <= 3; each += 1) {
      const peer = await client(h, at);
      await h.until(() => server.size === 1, 'served');
      peer.socket.resetAndDestroy();
      await h.until(() => server.size === 0, 'the stream has closed');
      expect(errors.values).toHaveLength(each);
      h.error(errors.values.at(-1), { code: 'ECONNRESET', phase: 'read' });
    }
  });

  spec('emits the error of a failed handshake, and the listener goes on', async (h) => {
    const { at, errors } = await serving(h, echo, { plugin: { password } });
    const stranger = await client(h, at);
    stranger.socket.write('abracadabra\n');
    await h.until(() => stranger.closed, 'rejected');
    const silent = await client(h, at);
    silent.socket.end();
    await h.until(() => silent.closed || silent.ended, 'rejected, too');
    expect(errors.values).toHaveLength(2);
    for (const error of errors.values) h.error(error, { code: 'EPROTOCOL', phase: 'handshake', layer: 'password' });
    const friend = await client(h, at);
    friend.socket.end('sesame\nhello');
    await h.until(() => friend.ended, 'the echo');
    expect(friend.text).toBe('come in\nhello');
  });

  spec('emits no error that a subscriber of the stream has handled', async (h) => {
    const handled: unknown[] = [];
    const { at, errors, server } = await serving(h, (io) => {
      io.errors$.subscribe((error) => handled.push(error));
      return NEVER;
    });
    (await client(h, at)).socket.resetAndDestroy();
    await h.until(() => handled.length === 1, 'the reset');
    await h.until(() => server.size === 0, 'the stream has closed');
    expect(errors.values).toEqual([]);
  });

  spec('emits what a callback throws', async (h) => {
    const thrown = new Error('thrown in cb');
    const { at, errors } = await serving(h, echo, {
      cb: () => {
        throw thrown;
      },
    });
    const peer = await client(h, at);
    peer.socket.write('x');
    await h.until(() => peer.closed, 'reset');
    expect(errors.values[0]).toBe(thrown);
  });

  spec(
    'turns an error into a warning of the process if it has no subscriber, and the server goes on',
    async (h) => {
      const { at, server, errors } = await serving(h, () => throwError(() => new Error('a bug')));
      errors.unsubscribe();
      const peer = await client(h, at);
      await h.until(() => peer.closed && server.size === 0, 'reset');
      await new Promise((resolve) => setTimeout(resolve));
      const next = await client(h, at);
      await h.until(() => next.closed, 'the next one is served, too');
    },
    { warnings: /a bug/ },
  );

  spec('leaves errors to config.onUnhandledError if it has no subscriber, except failed handshakes', async (h) => {
    const reported = unhandled(h);
    expect(config.onUnhandledError).toBeTypeOf('function');
    const bug = new Error('a bug');
    const { at, server, errors } = await serving(h, () => throwError(() => bug), { plugin: { password } });
    errors.unsubscribe();
    for (const word of ['wrong\n', 'sesame\n']) {
      const peer = await client(h, at);
      peer.socket.write(word);
      await h.until(() => server.size === 0 && (peer.closed || peer.ended), 'reset');
    }
    await h.until(() => reported.length > 0, 'the report');
    expect(reported).toEqual([bug]);
  });

  spec('completes when the server stops', async (h) => {
    const { seen, errors, server } = await serving(h, echo);
    const [connections, dropped] = [h.observed(server.connections$), h.observed(server.dropped$)];
    seen.unsubscribe();
    expect([errors.state, connections.state, dropped.state]).toEqual(['complete', 'complete', 'complete']);
  });
});
