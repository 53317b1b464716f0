import type { Observer } from 'rxjs';
import { CaptureFile } from '../layers/capture/capture-file.ts';
import { ConnectionCapture, type CapturedEnding } from '../layers/capture/connection-capture.ts';
import { nextConnectionId } from '../util/connection-id.ts';
import { asText, errorFacts } from '../util/log-format.ts';
import { ownOptions } from '../util/own-options.ts';
import { connectTo, direct, type DirectConnection, type FlowSource } from '../wire/direct.ts';
import type { Dial, Flow, Plugin, Up } from '../wire/signal.ts';

/** The options of {@link pcapng}. */
export interface PcapngOptions {
  /** Called with each part of the file, in order: whole blocks. Not called before the first connection is open. */
  readonly sink: (block: Uint8Array) => void;
  /** The maximum number of payload bytes stored of each packet: 0 or more. @default Infinity */
  readonly bytes?: number | undefined;
  /**
   * Write the TLS secrets that `keylog` gets into the file. ANYONE WITH THE FILE CAN THEN READ EVERYTHING THAT TLS PROTECTED, PASSWORDS
   * AND COOKIES INCLUDED.
   * @default false: `keylog` ignores them
   */
  readonly secrets?: boolean | undefined;
}

/** A plugin that {@link pcapng} has created. */
export interface Pcapng extends Plugin {
  /**
   * Writes a line of an NSS key log into the file, for the option `keylog` of `tlsClient` and `tlsServer`, or an event `'keylog'` of
   * Node. Does nothing without the option `secrets`. Needs no `this`.
   */
  readonly keylog: (line: Uint8Array) => void;
}

/**
 * Creates a plugin that writes what passes its place in the stack as a capture file, for Wireshark, tshark and tcpdump.
 *
 * ```text
 *   application ⇄ pcapng ⇄ tlsClient ⇄ wire          the file has the plaintext
 *   application ⇄ tlsClient ⇄ pcapng ⇄ wire          the file has the TLS records, and with `secrets` their keys
 *
 *   connected      SYN · SYN, ACK · ACK              by the end that has dialled
 *   data           PSH, ACK                          in packets of at most 65,495 bytes
 *   sent           ACK of the peer
 *   pause, resume  window 0, window 1 GiB
 *   end, complete  FIN                               error, unsubscribed: RST, with the reason as its comment
 * ```
 *
 * The packets are made from the signals: IPv4 or IPv6 with TCP, valid checksums, microseconds. One file holds all connections of the
 * plugin. Addresses and ports are those of the connection. Unknown ones, and those that another open connection has, are 192.0.2.1
 * (ours), 192.0.2.2 (the peer's) and a port from 49151.
 *
 * **A CAPTURE CONTAINS WHAT PASSES: PASSWORDS, COOKIES, KEYS.** Below TLS it contains ciphertext; `secrets` gives that away, too.
 *
 * **Errors**
 * - If the sink throws, no connection is affected. Capturing stops, and the error goes to RxJS's `config.onUnhandledError`.
 *
 * **Backpressure, Memory**
 * - Signals pass unchanged and synchronously. The sink is called synchronously, and nothing is buffered.
 *
 * ```ts
 * import { openSync, writeSync } from 'node:fs';
 * import { IOStream, pcapng, tlsClient } from 'rxjs-io-stream';
 *
 * const file = openSync('capture.pcapng', 'w', 0o600);
 * const wire = pcapng({ sink: (block) => writeSync(file, block), secrets: true });
 * const ssl = tlsClient({ keylog: wire.keylog });
 * new IOStream({ host: '127.0.0.1', port: 443, plugin: { ssl, wire }, cb: () => {} });
 * ```
 *
 * @param options where the file goes, and what it holds.
 * @throws TypeError that names an invalid option.
 * @see docs/guides/wireshark.md
 */
export function pcapng(options: PcapngOptions): Pcapng {
  const { sink, bytes: maxBytes = Infinity, secrets = false } = ownOptions(options, 'pcapng', ['sink', 'bytes', 'secrets']);
  if (typeof sink !== 'function') throw new TypeError(`expected \`sink\` of pcapng to be a function, got ${typeof sink}`);
  if (!(typeof maxBytes === 'number' && maxBytes >= 0))
    throw new TypeError(`expected \`bytes\` of pcapng to be 0 or more, got ${asText(maxBytes)}`);
  if (typeof secrets !== 'boolean') throw new TypeError(`expected \`secrets\` of pcapng to be a boolean, got ${typeof secrets}`);
  const file = new CaptureFile({ sink, name: 'rxjs-io-stream' });
  const plugin: Plugin = (wire) => (dial) => {
    const below = wire(dial);
    return direct((up) => {
      const { id = nextConnectionId(), to, layer } = dial;
      const capture = new ConnectionCapture(file, { id, isDialled: to !== undefined, to, layer, maxBytes });
      return new CapturedFlow(capture, dial, connectTo(below, new CapturedUp(capture, dial, up, secrets)));
    });
  };
  const keylog = (line: Uint8Array): void => {
    if (secrets) file.attempt(() => file.secrets(line));
  };
  return Object.assign(plugin, { keylog });
}

/** Captures the outbound signals of a connection, then passes them on. */
class CapturedFlow implements DirectConnection {
  readonly #capture: ConnectionCapture;
  readonly #dial: Dial;
  readonly #below: DirectConnection;
  #hasEnded = false;

  constructor(capture: ConnectionCapture, dial: Dial, below: DirectConnection) {
    this.#capture = capture;
    this.#dial = dial;
    this.#below = below;
  }

  start(source?: FlowSource): void {
    this.#below.start(source);
  }

  next(signal: Flow): void {
    if (this.#hasEnded) return;
    this.#write(signal);
    this.#below.next(signal);
  }

  error(error: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#write({ kind: 'error', ...errorFacts(error) });
    this.#below.error(error);
  }

  complete(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#write({ kind: 'complete' });
    this.#below.complete();
  }

  unsubscribe(): void {
    this.#hasEnded = true;
    this.#write({ kind: 'unsubscribed' });
    this.#below.unsubscribe();
  }

  #write(signal: Flow | CapturedEnding): void {
    this.#capture.outbound(signal, this.#dial.scheduler.now());
  }
}

/** Captures the inbound signals of a connection, and passes them on. */
class CapturedUp implements Observer<Up> {
  readonly #capture: ConnectionCapture;
  readonly #dial: Dial;
  readonly #above: Observer<Up>;
  readonly #hasSecrets: boolean;

  constructor(capture: ConnectionCapture, dial: Dial, above: Observer<Up>, hasSecrets: boolean) {
    this.#capture = capture;
    this.#dial = dial;
    this.#above = above;
    this.#hasSecrets = hasSecrets;
  }

  next(signal: Up): void {
    // Wireshark needs secrets before the packets that they decrypt. TLS reports those of this chunk while it processes the chunk.
    if (this.#hasSecrets && signal.kind === 'data') this.#capture.hold(signal, this.#now);
    else this.#capture.inbound(signal, this.#now);
    this.#above.next(signal);
    this.#capture.release();
  }

  error(error: unknown): void {
    this.#capture.inbound({ kind: 'error', ...errorFacts(error) }, this.#now);
    this.#above.error(error);
  }

  complete(): void {
    this.#capture.inbound({ kind: 'complete' }, this.#now);
    this.#above.complete();
  }

  get #now(): number {
    return this.#dial.scheduler.now();
  }
}
