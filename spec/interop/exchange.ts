import { expect } from 'vitest';
import { firstValueFrom, tap } from 'rxjs';
import { connect, open, type IOStreamOptions, type IOStream } from 'rxjs-io-stream';
import type { ErrorFacts } from '../support/error-facts.ts';
import type { Harness } from '../support/harness.ts';
import type { ObserverSpy } from '../support/observed.ts';
import { kept } from '../support/told.ts';
import { GREETING } from './backends.ts';

const MiB = 1024 * 1024;

/** 1 MiB that looks random and is the same in every run. */
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

/** A stream that is connected, and what it has read so far. */
export class Exchange {
  readonly io: IOStream;
  readonly data: ObserverSpy<Uint8Array>;
  #received = 0;

  constructor(h: Harness, io: IOStream) {
    this.io = kept(h, io);
    this.data = h.observed(io.data$.pipe(tap(({ length }) => (this.#received += length))), 'data$');
  }

  /** Dials, and waits until the whole stack is connected. */
  static async open(h: Harness, options: IOStreamOptions): Promise<Exchange> {
    return new Exchange(h, await open(options));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.data.values);
  }

  /** Waits until so many bytes have come in all. */
  async received(count: number): Promise<void> {
    await this.data.value(() => this.#received >= count);
  }

  /** Sends 1 MiB and gets the same back, behind what has come before. */
  async echoes(h: Harness): Promise<this> {
    const before = this.#received;
    this.io.write(PAYLOAD);
    await this.received(before + PAYLOAD.length);
    h.sameBytes(this.bytes.subarray(before), PAYLOAD);
    return this;
  }

  /** Ends our direction; the peer must have seen it, and ends its own. */
  async endsBothWays(): Promise<void> {
    this.io.end();
    await this.data.ended;
    expect(this.data.state).toBe('complete');
  }

  /** Closes; there is nothing that went wrong. */
  async close(): Promise<void> {
    this.io.close();
    const { by, error } = await firstValueFrom(this.io.closed$);
    expect({ by, error }).toStrictEqual({ by: 'us', error: undefined });
  }
}

/** Dials, sends 1 MiB there and back, closes; gives what the layers told. */
export async function carries(h: Harness, options: IOStreamOptions): Promise<IOStream['details']> {
  const exchange = await Exchange.open(h, options);
  await exchange.echoes(h);
  await exchange.close();
  return exchange.io.details;
}

/** Dials a greeter: its bytes come once, before those of an echo. */
export async function greets(h: Harness, options: IOStreamOptions): Promise<void> {
  const exchange = await Exchange.open(h, options);
  await exchange.received(GREETING.length);
  await exchange.echoes(h);
  h.sameBytes(exchange.bytes.subarray(0, GREETING.length), GREETING);
  await exchange.close();
}

/** Dials, and must fail in this way, with no stream given; returns the error. */
export async function fails(h: Harness, options: IOStreamOptions, expected: ErrorFacts & { readonly status?: number }): Promise<Error> {
  const dialled = h.observed(connect(options), 'connect');
  await dialled.ended;
  expect(dialled.values, 'no stream is given').toStrictEqual([]);
  h.error(dialled.error, expected);
  return dialled.error as Error;
}
