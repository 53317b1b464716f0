import { delay, of, VirtualTimeScheduler } from 'rxjs';
import { connect, handshake, IOStream, type IOStreamOptions, type Plugin } from 'rxjs-io-stream';
import { marbles, memoryPair, record, type MarbleFailure, type MemoryPairOptions, type Recording } from 'rxjs-io-stream/testing';

/** A plugin that knocks, and waits for `COME IN`. */
const knock = (): Plugin =>
  handshake({
    *talk(link) {
      link.send('KNOCK\n');
      yield* link.readUntil('\n', 256);
      return { answer: 'COME IN' };
    },
  });

interface Play {
  readonly pair?: MemoryPairOptions;
  /** The plugin that is recorded around. @default none */
  readonly around?: Plugin;
  /** The name of the recorded plugin. @default 'recorder' */
  readonly name?: string;
  /** Uses the recorded end. */
  readonly client: (options: IOStreamOptions, scheduler: VirtualTimeScheduler) => void;
  readonly server: (io: IOStream, scheduler: VirtualTimeScheduler) => void;
}

/** Plays a connection in memory and in virtual time: the same recording each time. */
export function played({ pair = {}, around, name = 'recorder', client, server }: Play): Recording {
  const scheduler = new VirtualTimeScheduler();
  const [a, b] = memoryPair(pair);
  const made: Recording[] = [];
  const recorder = record({ sink: (recording) => made.push(recording), around, limit: Infinity });
  server(new IOStream({ wire: b, scheduler }), scheduler);
  client({ wire: a, scheduler, plugin: { [name]: recorder } }, scheduler);
  scheduler.flush();
  const [recording] = made;
  if (!recording) throw new Error('expected the connection to end, it is still open');
  return recording;
}

/** A knock, a question and a reply. */
export const conversation = (): Recording =>
  played({
    pair: { latency: 20 },
    around: knock(),
    name: 'knock',
    server(io) {
      let seen = '';
      io.data$.subscribe((bytes) => {
        seen += new TextDecoder().decode(bytes);
        if (seen === 'KNOCK\n') io.write('COME IN\n');
        else if (seen.endsWith('?\n')) io.write('half past nine\n');
      });
      io.eof$.subscribe(() => io.end());
    },
    client(options) {
      connect(options, (io) => {
        io.write('what time is it?\n');
        io.data$.subscribe(() => io.end());
        return io.eof$;
      }).subscribe();
    },
  });

/** A fast sender and a slow reader: the sender is paused again and again. */
export const backpressure = (chunks = 60): Recording =>
  played({
    pair: { latency: 2, bandwidth: 4_000_000, limit: 16_384 },
    server(io, scheduler) {
      io.consume((bytes) => of(bytes).pipe(delay(bytes.length / 1000, scheduler))).subscribe();
    },
    client(options) {
      connect(options, (io) => io.send(Array.from({ length: chunks }, (_, index) => new Uint8Array(8192).fill(index)))).subscribe();
    },
  });

/** A request that the peer answers with a reset. */
export const reset = (): Recording =>
  played({
    pair: { latency: 8 },
    server(io, scheduler) {
      io.data$.subscribe({
        next() {
          io.write('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<html>');
          scheduler.schedule(() => io.reset(), 30);
        },
        error() {},
      });
    },
    client(options) {
      connect(options, (io) => {
        io.write('GET / HTTP/1.1\r\nHost: example.test\r\n\r\n');
        return io.data$;
      }).subscribe({ error() {} });
    },
  });

/** A test that fails: the plugin knocks with another word. */
export function failedTest(): MarbleFailure {
  try {
    marbles({
      plugin: knock(),
      values: { k: 'KNACK\n', w: 'COME IN\n', h: 'hello', b: 'hi' },
      diagram: `
        app:      ---h-------E-
        to wire:  -k---h-----E-
        wire:     -C---(wb)----
        to app:   -----(Cb)----
      `,
    });
  } catch (error) {
    return error as MarbleFailure;
  }
  throw new Error('expected the test to fail');
}
