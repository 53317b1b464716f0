import { connect, type Socket } from 'node:net';
import { CONNECTED, EOF, eventNames, IN, IOStream, OUT, SENT, type EventMask, type IOStreamError } from 'rxjs-io-stream';
import { firstValueFrom } from 'rxjs';
import { describe, expect } from 'vitest';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { pair, served, TRANSPORTS, type Place, type Transport } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { EventLog } from '../support/event-log.ts';

describe.each(TRANSPORTS)('an echo with half-close over %s', (transport) => {
  /** Echoes the whole input after the client has ended. */
  const echo = (h: Harness, lines: string[], banner = '') =>
    served(
      h,
      (socket) => {
        watchedStream(
          h,
          new IOStream({
            fh: socket,
            waitFor: EOF,
            inBufLimit: 1024,
            outBuf: banner,
            cb: (io, mask, error) => {
              lines.push(`server ${error?.code ?? eventNames(mask).join('|')}`);
              if (mask & EOF) {
                lines.push(`server got "${io.inBuf.toString()}"`);
                io.waitFor = SENT;
                io.write(`echo: ${io.inBuf.toString()}`);
              }
              if (mask & SENT) io.close();
            },
          }),
        );
      },
      transport,
    );

  spec('emits the events of client and server in turns', async (h) => {
    const lines: string[] = [];
    const log = new EventLog(h, (io, mask, error) => {
      lines.push(`client ${error?.code ?? eventNames(mask).join('|')}`);
      if (mask & SENT) {
        io.waitFor = EOF;
        io.end();
      }
      if (mask & EOF) io.close();
    });
    const place = await echo(h, lines);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: SENT, inBufLimit: 1024, outBuf: 'hello', cb: log.cb }));
    await firstValueFrom(io.closed$);
    expect(io.inBuf.toString()).toBe('echo: hello');
    expect(lines).toStrictEqual(['client SENT', 'server EOF', 'server got "hello"', 'server SENT', 'client EOF']);
  });

  spec('works with a server that writes first', async (h) => {
    const lines: string[] = [];
    const log = new EventLog(h, (io, mask) => {
      if (mask & IN && io.waitFor === IN) {
        lines.push(`client got "${io.read().toString()}"`);
        io.waitFor = SENT | EOF;
        io.inBufLimit = 1024;
        io.write('Test message!\0\n');
      } else if (mask & SENT) io.end();
      else if (mask & EOF) lines.push(`client got "${io.read().toString()}"`);
    });
    const place = await echo(h, lines, 'Server ready');
    const io = watchedStream(h, new IOStream({ ...place, waitFor: IN, cb: log.cb }));
    await log.waitFor('EOF');
    await firstValueFrom(io.closed$);
    expect(log.events).toStrictEqual(['IN', 'SENT', 'EOF']);
    expect(lines).toStrictEqual([
      'client got "Server ready"',
      'server EOF',
      'server got "Test message!\0\n"',
      'server SENT',
      'client got "echo: Test message!\0\n"',
    ]);
  });
});

describe('an fh that still connects', () => {
  spec.each(TRANSPORTS)('sends earlier writes, and emits no CONNECTED, over %s', async (h, transport) => {
    const place = await served(h, (socket) => socket.pipe(socket), transport);
    const log = new EventLog(h, (io, mask) => {
      if (mask & SENT) io.end();
    });
    const io = watchedStream(
      h,
      new IOStream({ fh: connect(place), waitFor: CONNECTED | SENT | EOF, inBufLimit: 1024, outBuf: 'socket', cb: log.cb }),
    );
    await log.waitFor('EOF');
    expect(io.inBuf.toString()).toBe('socket');
    expect(log.events).toStrictEqual(['SENT', 'EOF']);
  });
});

/**
 * A forwarding proxy of two streams per connection. Each pauses while the other cannot write, and ends after the other has ended.
 *
 *   client ⇄ [accepted socket] ⇄ proxy ⇄ [connection] ⇄ server
 */
function proxy(h: Harness, target: Place, transport: Transport): Promise<Place> {
  return served(
    h,
    (socket) => {
      const forward = (other: () => IOStream) => (io: IOStream, mask: EventMask, error?: IOStreamError) => {
        const to = other();
        if (error) to.reset();
        if (mask & IN && !to.write(io.read())) io.pause();
        if (mask & EOF) to.end();
        if (mask & SENT) to.resume();
      };
      const waitFor = IN | EOF | SENT;
      const client: IOStream = watchedStream(h, new IOStream({ fh: socket, waitFor, cb: forward(() => server) }));
      const server: IOStream = watchedStream(h, new IOStream({ ...target, waitFor, cb: forward(() => client) }));
    },
    transport,
  );
}

describe.each(TRANSPORTS)('a client and a server over %s', (transport) => {
  spec.each([
    ['directly', false],
    ['through a proxy', true],
  ])('exchange a word and its reply %s', async (h, _how, proxied) => {
    const lines: string[] = [];
    const server = await served(
      h,
      (socket) => {
        const cb = (io: IOStream, mask: EventMask): void => {
          if (mask & IN) {
            lines.push(`server got "${io.read().toString()}"`);
            io.waitFor = SENT;
            io.write('passed');
          } else io.close();
        };
        watchedStream(h, new IOStream({ fh: socket, waitFor: IN, cb }));
      },
      transport,
    );
    const place = proxied ? await proxy(h, server, transport) : server;
    const log = new EventLog(h, (io) => io.end());
    const io = watchedStream(h, new IOStream({ ...place, waitFor: EOF, inBufLimit: 1024, outBuf: 'test', cb: log.cb }));
    await log.waitFor('EOF');
    expect(lines).toStrictEqual(['server got "test"']);
    expect(io.inBuf.toString()).toBe('passed');
    expect(io.isEof).toBe(true);
    expect(log.events).toStrictEqual(['EOF']);
  });

  spec.each([
    ['directly', false, 204_800],
    ['through a proxy', true, 204_800],
    ['through a proxy', true, 5_000_000],
  ])('exchange bytes in both directions %s (proxied: %s): %i bytes', async (h, _how, proxied, length) => {
    const received: Buffer[] = [];
    const server = await served(
      h,
      (socket) => {
        const cb = (io: IOStream, mask: EventMask): void => {
          if (mask & IN) {
            const bytes = io.read();
            received.push(bytes);
            io.write(Buffer.alloc(bytes.length, 'y'));
          }
          if (mask & EOF) io.end();
        };
        watchedStream(h, new IOStream({ fh: socket, waitFor: IN | EOF, cb }));
      },
      transport,
    );
    const place = proxied ? await proxy(h, server, transport) : server;
    const log = new EventLog(h, (io, mask) => {
      if (mask & SENT) io.end();
    });
    const options = { waitFor: SENT | OUT | EOF, inBufLimit: 0, outBuf: Buffer.alloc(length, 'x'), cb: log.cb };
    const io = watchedStream(h, new IOStream({ ...place, ...options }));
    await log.waitFor('EOF');
    h.sameBytes(received, Buffer.alloc(length, 'x'));
    h.sameBytes(io.inBuf, Buffer.alloc(length, 'y'));
    expect(log.errors.length).toBe(0);
  });
});

describe.each(TRANSPORTS)('an ended fh over %s', (transport) => {
  spec('reports an EOF that arrived before the stream was created', async (h) => {
    const { near, far } = await pair(h, transport);
    const ended = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('end', resolve));
    const end = ended(near);
    far.end();
    near.resume();
    await end;
    near.pause();
    const log = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 10, cb: log.cb }));
    await log.waitFor('EOF');
    expect(io.isEof).toBe(true);
  });
});
