import { printable } from '../../protocol/printable.ts';
import type { DataSignal, Flow, LayerDetails, Target, Up } from '../../wire/signal.ts';
import type { CaptureFile } from './capture-file.ts';
import { capturedEnds, type CapturedEnds, type ConnectionFacts } from './captured-ends.ts';
import { TcpDialogue, type SideName } from './tcp-dialogue.ts';

/** How a direction ended, besides its signals. */
export type CapturedEnding =
  { readonly kind: 'complete' | 'unsubscribed' } | { readonly kind: 'error'; readonly code?: string | undefined; readonly message: string };

/** What a capture knows about its connection before it is open. */
export interface ConnectionCaptureOptions {
  /** The number of the connection, as logs and diagnostics have it. */
  readonly id: number;
  readonly isDialled: boolean;
  readonly to?: Target | undefined;
  readonly layer?: string | undefined;
  /** The maximum number of payload bytes stored of each packet. */
  readonly maxBytes: number;
}

/** Writes the signals of one connection as packets, from `connected` on. */
export class ConnectionCapture {
  readonly #file: CaptureFile;
  readonly #options: ConnectionCaptureOptions;
  /** The number of the connection in its file. */
  readonly #number: number;
  /** While the connection is open. */
  #dialogue: TcpDialogue | undefined;
  #ends: CapturedEnds | undefined;
  #resolvedIp: string | undefined;
  /** An inbound chunk whose packet has not been written, and its time. */
  #held: readonly [signal: DataSignal, at: number] | undefined;

  constructor(file: CaptureFile, options: ConnectionCaptureOptions) {
    this.#file = file;
    this.#options = options;
    this.#number = file.nextNumber();
  }

  outbound(signal: Flow | CapturedEnding, at: number): void {
    this.release();
    this.#file.attempt(() => this.#write('local', signal, at));
  }

  inbound(signal: Up | CapturedEnding, at: number): void {
    this.release();
    this.#file.attempt(() => {
      if (signal.kind === 'connected') this.#open(signal.details, at);
      else if (signal.kind === 'resolved') this.#resolvedIp = signal.ip;
      else if (signal.kind === 'sent') this.#dialogue?.sent(signal.bytes, at);
      else this.#write('remote', signal, at);
    });
  }

  /** Writes an inbound chunk at the next signal or `release`: the secrets that decrypt it are known after it has been processed. */
  hold(signal: DataSignal, at: number): void {
    this.release();
    this.#held = [signal, at];
  }

  release(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held) this.inbound(...held);
  }

  #open(details: readonly LayerDetails[], at: number): void {
    const { isDialled, to, maxBytes } = this.#options;
    const facts = { number: this.#number, isDialled, details, to, resolvedIp: this.#resolvedIp };
    this.#ends = this.#takeEnds(facts);
    const { local, remote } = this.#ends;
    // Different for each connection. Wireshark takes a second SYN with the same number for a retransmission.
    const initial = (this.#number * 65_536) >>> 0;
    this.#dialogue = new TcpDialogue({ local, remote, initial, maxBytes, packet: (packet) => this.#file.packet(packet) });
    this.#dialogue.open(isDialled ? 'local' : 'remote', at, this.#title);
  }

  /** Placeholders replace addresses of another open connection, such as all streams of a mux have. */
  #takeEnds(facts: ConnectionFacts): CapturedEnds {
    const ends = capturedEnds(facts);
    if (this.#file.take(ends)) return ends;
    const unknown = capturedEnds({ ...facts, details: [], to: undefined, resolvedIp: undefined });
    this.#file.take(unknown);
    return unknown;
  }

  get #title(): string {
    const { id, isDialled, to, layer } = this.#options;
    const target = !to ? '' : 'path' in to ? ` to ${to.path}` : ` to ${to.host} port ${to.port}`;
    return printable(`connection ${id}${layer === undefined ? '' : ` at ${layer}`}, ${isDialled ? 'dialled' : 'accepted'}${target}`);
  }

  #write(side: SideName, signal: Flow | CapturedEnding, at: number): void {
    const dialogue = this.#dialogue;
    if (!dialogue) return;
    switch (signal.kind) {
      case 'data':
        dialogue.data(side, signal.bytes, at);
        break;
      case 'end':
        dialogue.end(side, at, signal.truncated && 'truncated');
        break;
      case 'complete':
        if (side === 'local') dialogue.end(side, at);
        else dialogue.close(at);
        break;
      case 'error':
        dialogue.reset(side, at, printable(signal.code === undefined ? signal.message : `${signal.code}: ${signal.message}`));
        break;
      case 'unsubscribed':
        dialogue.reset(side, at, 'unsubscribed');
        break;
      default:
        // An end that pauses takes no more bytes of the other one.
        dialogue.setPaused(side, signal.kind === 'pause', at);
    }
    const hasEnded = signal.kind === 'error' || signal.kind === 'unsubscribed' || (signal.kind === 'complete' && side === 'remote');
    if (hasEnded) this.#close();
  }

  #close(): void {
    this.#dialogue = undefined;
    if (this.#ends) this.#file.release(this.#ends);
    this.#ends = undefined;
  }
}
