import { createHmac, randomBytes } from 'node:crypto';
import { tlsClient, type TlsClientOptions } from '../plugins/tls/tls-client.ts';
import { CLIENT_OPTIONS } from '../plugins/tls/tls-option-rules.ts';
import { ownOptions } from '../util/own-options.ts';
import type { Plugin } from '../wire/signal.ts';
import { defined } from './defined.ts';

/** The maximum number of TLS plugins, one for each server and set of TLS options, that are kept with their sessions. */
const MAX_CLIENTS = 100;

const NAMES = Object.keys(CLIENT_OPTIONS) as (keyof TlsClientOptions)[];

/** The TLS plugins of an agent: one for each server and set of TLS options. Sessions are resumed, but never with other options. */
export class TlsPool {
  readonly #clients = new Map<string, Plugin>();
  /** A number for each function or other object, to compare them by identity. */
  readonly #numbers = new WeakMap<object, number>();
  #lastNumber = 0;
  readonly #salt = randomBytes(32);

  /** @param name the name of the server, with the digest of the TLS options. */
  client(name: string, options: object): Plugin {
    const client = this.#clients.get(name) ?? tlsClient(tlsOptionsOf(options));
    // Moves the plugin to the end. The first one, the least recently used, is dropped.
    this.#clients.delete(name);
    this.#clients.set(name, client);
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > MAX_CLIENTS && oldest !== undefined) this.#clients.delete(oldest);
    return client;
  }

  /** Returns the same digest for the same TLS options. A digest, because agent names are public and may not contain secrets. */
  digest(options: object): string {
    const entries = Object.entries(tlsOptionsOf(options)).map(([name, value]) => [name, this.#comparable(value)]);
    return createHmac('sha256', this.#salt).update(JSON.stringify(entries)).digest('base64');
  }

  #comparable(value: unknown): unknown {
    if (ArrayBuffer.isView(value)) return { bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
    if (Array.isArray(value)) return value.map((each) => this.#comparable(each));
    if (typeof value === 'function' || (typeof value === 'object' && value !== null)) return { object: this.#numberOf(value) };
    return `${typeof value} ${String(value)}`;
  }

  #numberOf(object: object): number {
    const number = this.#numbers.get(object) ?? (this.#lastNumber += 1);
    this.#numbers.set(object, number);
    return number;
  }
}

function tlsOptionsOf(options: object): TlsClientOptions {
  const own = ownOptions(options, 'a request of an agent') as Readonly<Record<string, unknown>>;
  return defined(Object.fromEntries(NAMES.map((name) => [name, own[name]])));
}
