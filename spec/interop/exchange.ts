import { expect } from 'vitest';
import { firstValueFrom, tap } from 'rxjs';
import { connect, open, type IOStreamOptions, type IOStream } from 'rxjs-io-stream';
import type { ErrorFacts } from '../support/error-facts.ts';
import type { Harness } from '../support/harness.ts';
import type { ObserverSpy } from '../support/observer-spy.ts';
import { watchedStream } from '../support/watched-stream.ts';
import { GREETING } from './backends.ts';

const MiB = 1024 * 1024;

/** 1 MiB of pseudorandom bytes, the same in every run. */
export const PAYLOAD: Buffer = payload();

function payload(): Buffer {
  const bytes = Buffer.alloc(MiB);
  let state = 1;
  for (let at = 0; at < MiB; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes.writeInt32LE(state ^ (state >>> 15), at);
  }
  return bytes;
}

/** A connected stream, and the bytes that it has received so far. */
export class Exchange {
  readonly io: IOStream;
  readonly data: ObserverSpy<Uint8Array>;
  #byteCount = 0;

  constructor(h: Harness, io: IOStream) {
    this.io = watchedStream(h, io);
    this.data = h.observed(io.data$.pipe(tap(({ length }) => (this.#byteCount += length))), 'data$');
  }

  /** Connects, and waits until the whole stack is connected. */
  static async open(h: Harness, options: IOStreamOptions): Promise<Exchange> {
    return new Exchange(h, await open(options));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.data.values);
  }

  /** Waits until `count` bytes have been received in all. */
  async untilReceived(count: number): Promise<void> {
    await this.data.value(() => this.#byteCount >= count);
  }

  /** Sends 1 MiB, and expects the same bytes back, after those received before. */
  async expectEcho(h: Harness): Promise<this> {
    const before = this.#byteCount;
    this.io.write(PAYLOAD);
    await this.untilReceived(before + PAYLOAD.length);
    h.sameBytes(this.bytes.subarray(before), PAYLOAD);
    return this;
  }

  /** Ends our direction, and expects the peer to end its own. */
  async endBothWays(): Promise<void> {
    this.io.end();
    await this.data.ended;
    expect(this.data.state).toBe('complete');
  }

  /** Closes, and expects a close by us without an error. */
  async close(): Promise<void> {
    this.io.close();
    const { by, error } = await firstValueFrom(this.io.closed$);
    expect({ by, error }).toStrictEqual({ by: 'us', error: undefined });
  }
}

/** Connects, echoes 1 MiB, and closes. Returns the details of the layers. */
export async function expectRoundTrip(h: Harness, options: IOStreamOptions): Promise<IOStream['details']> {
  const exchange = await Exchange.open(h, options);
  await exchange.expectEcho(h);
  await exchange.close();
  return exchange.io.details;
}

/** Connects to a greeter, and expects its bytes once, before those of the echo. */
export async function expectGreeting(h: Harness, options: IOStreamOptions): Promise<void> {
  const exchange = await Exchange.open(h, options);
  await exchange.untilReceived(GREETING.length);
  await exchange.expectEcho(h);
  h.sameBytes(exchange.bytes.subarray(0, GREETING.length), GREETING);
  await exchange.close();
}

/** Connects, and expects this error without a stream. Returns the error. */
export async function expectFailure(
  h: Harness,
  options: IOStreamOptions,
  expected: ErrorFacts & { readonly status?: number },
): Promise<Error> {
  const dialled = h.observed(connect(options), 'connect');
  await dialled.ended;
  expect(dialled.values, 'emits no stream').toStrictEqual([]);
  h.error(dialled.error, expected);
  return dialled.error as Error;
}
