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
  /** Answers the whole of what came, when the client has ended. */
  const echo = (h: Harness, log: string[], banner = '') =>
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
              log.push(`server ${error?.code ?? eventNames(mask).join('|')}`);
              if (mask & EOF) {
                log.push(`server got "${io.inBuf.toString()}"`);
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

  spec('client and server take turns', async (h) => {
    const log: string[] = [];
    const told = new EventLog(h, (io, mask, error) => {
      log.push(`client ${error?.code ?? eventNames(mask).join('|')}`);
      if (mask & SENT) {
        io.waitFor = EOF;
        io.end();
      }
      if (mask & EOF) io.close();
    });
    const place = await echo(h, log);
    const io = watchedStream(h, new IOStream({ ...place, waitFor: SENT, inBufLimit: 1024, outBuf: 'hello', cb: told.cb }));
    await firstValueFrom(io.closed$);
    expect(io.inBuf.toString()).toBe('echo: hello');
    expect(log).toStrictEqual(['client SENT', 'server EOF', 'server got "hello"', 'server SENT', 'client EOF']);
  });

  spec('a server that speaks first', async (h) => {
    const log: string[] = [];
    const told = new EventLog(h, (io, mask) => {
      if (mask & IN && io.waitFor === IN) {
        log.push(`client got "${io.read().toString()}"`);
        io.waitFor = SENT | EOF;
        io.inBufLimit = 1024;
        io.write('Test message!\0\n');
      } else if (mask & SENT) io.end();
      else if (mask & EOF) log.push(`client got "${io.read().toString()}"`);
    });
    const place = await echo(h, log, 'Server ready');
    const io = watchedStream(h, new IOStream({ ...place, waitFor: IN, cb: told.cb }));
    await told.waitFor('EOF');
    await firstValueFrom(io.closed$);
    expect(told.events).toStrictEqual(['IN', 'SENT', 'EOF']);
    expect(log).toStrictEqual([
      'client got "Server ready"',
      'server EOF',
      'server got "Test message!\0\n"',
      'server SENT',
      'client got "echo: Test message!\0\n"',
    ]);
  });
});

describe('an fh that still connects', () => {
  spec.each(TRANSPORTS)('carries what was written before, and CONNECTED is not told, over %s', async (h, transport) => {
    const place = await served(h, (socket) => socket.pipe(socket), transport);
    const told = new EventLog(h, (io, mask) => {
      if (mask & SENT) io.end();
    });
    const io = watchedStream(
      h,
      new IOStream({ fh: connect(place), waitFor: CONNECTED | SENT | EOF, inBufLimit: 1024, outBuf: 'socket', cb: told.cb }),
    );
    await told.waitFor('EOF');
    expect(io.inBuf.toString()).toBe('socket');
    expect(told.events).toStrictEqual(['SENT', 'EOF']);
  });
});

/**
 * A forwarding proxy of two streams per connection: each reads only while the other takes, and ends when the other has ended.
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

describe.each(TRANSPORTS)('through a forwarding proxy over %s', (transport) => {
  spec.each([
    ['directly', false],
    ['through it', true],
  ])('a word and its answer, %s', async (h, _how, proxied) => {
    const log: string[] = [];
    const server = await served(
      h,
      (socket) => {
        const cb = (io: IOStream, mask: EventMask): void => {
          if (mask & IN) {
            log.push(`server got "${io.read().toString()}"`);
            io.waitFor = SENT;
            io.write('passed');
          } else io.close();
        };
        watchedStream(h, new IOStream({ fh: socket, waitFor: IN, cb }));
      },
      transport,
    );
    const place = proxied ? await proxy(h, server, transport) : server;
    const told = new EventLog(h, (io) => io.end());
    const io = watchedStream(h, new IOStream({ ...place, waitFor: EOF, inBufLimit: 1024, outBuf: 'test', cb: told.cb }));
    await told.waitFor('EOF');
    expect(log).toStrictEqual(['server got "test"']);
    expect(io.inBuf.toString()).toBe('passed');
    expect(io.isEof).toBe(true);
    expect(told.events).toStrictEqual(['EOF']);
  });

  spec.each([
    ['directly', false, 204_800],
    ['through it', true, 204_800],
    ['through it', true, 5_000_000],
  ])('both ways, %s (%s): %i bytes', async (h, _how, proxied, length) => {
    const got: Buffer[] = [];
    const server = await served(
      h,
      (socket) => {
        const cb = (io: IOStream, mask: EventMask): void => {
          if (mask & IN) {
            const bytes = io.read();
            got.push(bytes);
            io.write(Buffer.alloc(bytes.length, 'y'));
          }
          if (mask & EOF) io.end();
        };
        watchedStream(h, new IOStream({ fh: socket, waitFor: IN | EOF, cb }));
      },
      transport,
    );
    const place = proxied ? await proxy(h, server, transport) : server;
    const told = new EventLog(h, (io, mask) => {
      if (mask & SENT) io.end();
    });
    const options = { waitFor: SENT | OUT | EOF, inBufLimit: 0, outBuf: Buffer.alloc(length, 'x'), cb: told.cb };
    const io = watchedStream(h, new IOStream({ ...place, ...options }));
    await told.waitFor('EOF');
    h.sameBytes(got, Buffer.alloc(length, 'x'));
    h.sameBytes(io.inBuf, Buffer.alloc(length, 'y'));
    expect(told.errors.length).toBe(0);
  });
});

describe.each(TRANSPORTS)('an ended fh over %s', (transport) => {
  spec('tells an EOF that came before the stream was made', async (h) => {
    const { near, far } = await pair(h, transport);
    const ended = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('end', resolve));
    const end = ended(near);
    far.end();
    near.resume();
    await end;
    near.pause();
    const told = new EventLog(h);
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: EOF, inBufLimit: 10, cb: told.cb }));
    await told.waitFor('EOF');
    expect(io.isEof).toBe(true);
  });
});
