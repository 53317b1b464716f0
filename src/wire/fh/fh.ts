import type { FileHandle } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import { IOStreamError } from '../../errors.ts';
import { discard } from '../discard.ts';
import { nodeWire } from '../node-wire.ts';
import { streamsOf, type StreamPair } from '../open-stream.ts';
import type { Wire } from '../signal.ts';
import { checkNodeStream } from './check-node-stream.ts';
import { Claim } from './claim.ts';
import { fdStreams } from './fd-streams.ts';
import { fileHandleStreams } from './file-handle-streams.ts';
import { isFileHandle } from './is-file-handle.ts';
import { whenOpen } from './when-open.ts';

/** Accepted by {@link fromFh}: the number of a descriptor, a `FileHandle`, or a Node stream. */
export type Fh = number | Duplex | Readable | Writable | FileHandle;

/**
 * Creates a wire over an open socket, pipe, terminal, file or any byte stream of Node.
 *
 * ```text
 *                    ┌─ readable ◀── bytes, EOF ───┐
 *   application ═════╡                             ╞═ fh: socket, pipe, terminal, file, device, Duplex
 *                    └─ writable ─── bytes, end ──▶┘
 * ```
 *
 * Emits `connected` at once if the fh is open, otherwise when it has connected. Bytes already in the stream's buffer come first.
 * The directions are those in which the fh was opened.
 *
 * **Errors**
 * - ETOCONNECT if the fh has not connected after `timeouts.connect`.
 * - EBADF, phase `'write'`, for bytes sent to an fh that cannot be written. EPIPE if its writable side has ended before.
 * - EALREADY for a second subscription: an fh is single-use.
 *
 * **Closing**
 * - The wire owns the fh from the call on, and closes it however the connection ends. Node keeps descriptors 0, 1 and 2 open.
 * - When the flow completes, queued bytes are flushed. A socket or `Duplex` then waits for the peer's FIN. Any other fh closes at
 *   once.
 * - Unsubscribing destroys the fh at once.
 *
 * **Backpressure**
 * - Lossless. A file is read ahead by up to 64 KiB.
 *
 * **Memory**
 * - Bounded by the stream's `highWaterMark`.
 *
 * ```ts
 * import { fromFh, IOStream, stack } from 'rxjs-io-stream';
 *
 * export const wire = stack({}, fromFh(process.stdin)); // for a stack
 * new IOStream({ fh: process.stdin }).data$.subscribe((bytes) => console.log(bytes.length)); // the same, done for you
 * ```
 *
 * @param fh an open descriptor number, `FileHandle` or Node stream.
 * @returns a wire that ignores `dial.to`.
 * @throws TypeError `can't get file descriptor…` if `fh` is none of these, not open, a directory, not a stream of bytes, or has a
 *   reader. A TypeError also if another wire uses it.
 * @see docs/guides/existing-handles.md for every kind of fh.
 */
export function fromFh(fh: Fh): Wire {
  const source = standardStream(fh) ?? fh;
  // Check the claim before the fh: an fh of another wire must not be touched, and would be rejected for its reader.
  const claim = new Claim(source);
  const pair = pairOf(source, () => claim.release());
  return fhWire(source, claim, pair);
}

/** Creates the wire of {@link fromFh} over a socket that Node has just accepted: it is open, and has no reader. */
export function fromAccepted(socket: Socket): Wire {
  return fhWire(socket, new Claim(socket), { readable: socket, writable: socket });
}

function fhWire(source: Fh, claim: Claim, pair: StreamPair): Wire {
  let isUsed = false;
  return nodeWire((dial, target) => {
    if (isUsed) throw new IOStreamError('EALREADY', { phase: 'connect', errno: -114, message: ALREADY });
    claim.acquire();
    isUsed = true;
    const opening = whenOpen(pair, dial, target);
    return {
      unsubscribe: () => {
        opening?.unsubscribe();
        for (const stream of streamsOf(pair)) discard(stream); // Also if the connection ends before it is open.
        if (!isDescriptor(source)) claim.release(); // The claim on a descriptor is released when its close is requested.
      },
    };
  });
}

const ALREADY = 'an fh can be subscribed once only; open the file or socket again and make another wire';

/** Node's own streams for the standard descriptors. Two readers of one descriptor would each get only a part of the bytes. */
const STANDARD_STREAMS = [() => process.stdin, () => process.stdout, () => process.stderr] as const;

function standardStream(fh: Fh): Readable | Writable | undefined {
  return typeof fh === 'number' ? STANDARD_STREAMS[fh]?.() : undefined;
}

function isDescriptor(fh: Fh): fh is number | FileHandle {
  return typeof fh === 'number' || isFileHandle(fh);
}

function pairOf(fh: Fh, onClosing: () => void): StreamPair {
  if (typeof fh === 'number') return fdStreams(fh, onClosing);
  return isFileHandle(fh) ? fileHandleStreams(fh, onClosing) : checkNodeStream(fh);
}
