import type { IOStream } from 'rxjs-io-stream';
import type { Peer } from '../../src/testing/rules/wire-peer.ts';

/** The streams that a server accepts, as the other ends of a wire under test. */
export class AcceptedPeers {
  /** Number of streams that were accepted. */
  total = 0;
  readonly #accepted: IOStream[] = [];
  readonly #waiting: ((io: IOStream) => void)[] = [];

  /** Adds a stream that was accepted. */
  add(io: IOStream): void {
    this.total += 1;
    const next = this.#waiting.shift();
    if (next) next(io);
    else this.#accepted.push(io);
  }

  /** Returns the next stream, when it exists. */
  async next(): Promise<Peer> {
    return streamPeer(this.#accepted.shift() ?? (await new Promise<IOStream>((resolve) => void this.#waiting.push(resolve))));
  }
}

/** An accepted stream as the other end of a wire under test. */
function streamPeer(io: IOStream): Peer {
  const chunks: Buffer[] = [];
  let [count, ended, failed] = [0, false, false];
  io.data$.subscribe({
    next: (bytes) => {
      chunks.push(bytes);
      count += bytes.length;
    },
    error: () => (failed = true),
  });
  io.eof$.subscribe(() => (ended = true));
  return {
    write: (bytes) => void io.write(bytes),
    end: () => io.end(),
    reset: () => io.reset(),
    pause: () => io.pause(),
    resume: () => io.resume(),
    received: () => Buffer.concat(chunks),
    count: () => count,
    ended: () => ended,
    failed: () => failed,
  };
}
