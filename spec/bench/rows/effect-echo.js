// Not TypeScript: the types of Effect load libraries of newer JavaScript, which those of this package must do without.
import { Buffer } from 'node:buffer';
import { makeNet } from '@effect/platform-node-shared/NodeSocket';
import { Effect } from 'effect';

/** Makes connections, each of which sends, reads the echo, ends, and reads the end: the work of the other programs of this kind. */
export function echoAll({ port, units, chunk, connections }) {
  const message = Buffer.alloc(chunk, 'x');
  const one = Effect.scoped(
    Effect.gen(function* () {
      const socket = yield* makeNet({ host: '127.0.0.1', port, noDelay: true });
      const { pull } = yield* socket.reader;
      const echo = Effect.gen(function* () {
        const { write } = yield* socket.writer;
        yield* write(message);
        for (let read = 0; read < chunk;) for (const { length } of yield* pull) read += length;
      });
      yield* Effect.scoped(echo);
      yield* Effect.ignore(pull); // the end is an error of the reader
    }),
  );
  return Effect.runPromise(Effect.forEach(Array(units).keys(), () => one, { concurrency: connections, discard: true }));
}
