import { DIRECTION, type CapturedPacket } from '../../protocol/pcapng.ts';
import { encodeTcpHeaders, MAX_SEGMENT, MAX_WINDOW, TCP, type TcpEnd } from '../../protocol/tcp-packet.ts';
import { EMPTY_BYTES } from '../../util/empty-bytes.ts';

/** What both ends start with, and where their packets go. */
export interface TcpDialogueOptions {
  readonly local: TcpEnd;
  readonly remote: TcpEnd;
  /** The initial sequence number of both ends. */
  readonly initial: number;
  /** The maximum number of payload bytes stored of each packet. */
  readonly maxBytes: number;
  packet(packet: CapturedPacket): void;
}

/** The state of one end. */
interface Side {
  readonly end: TcpEnd;
  readonly direction: CapturedPacket['direction'];
  /** The sequence number of its next byte. */
  next: number;
  /** The sequence number that it expects. */
  expected: number;
  isPaused: boolean;
  hasEnded: boolean;
}

export type SideName = 'local' | 'remote';

/**
 * Writes a connection as the TCP packets that its two ends would have sent.
 *
 * ```text
 *   local                                     remote
 *     │── SYN ──────────────────────────────────▶│   by the end that dialled
 *     │◀──────────────────────────── SYN, ACK ───│
 *     │── ACK ──────────────────────────────────▶│
 *     │── PSH, ACK, 65,495 bytes at most ───────▶│
 *     │◀───────────────────────────────── ACK ───│   when the bytes are reported as sent
 *     │◀────────────────────────── PSH, ACK … ───│
 *     │── ACK ──────────────────────────────────▶│   at once
 *     │── ACK, window 0 ────────────────────────▶│   while the end is paused
 *     │── FIN, ACK  or  RST, ACK ───────────────▶│
 * ```
 */
export class TcpDialogue {
  readonly #options: TcpDialogueOptions;
  readonly #local: Side;
  readonly #remote: Side;

  constructor(options: TcpDialogueOptions) {
    const { local, remote, initial } = options;
    const start = { next: initial, expected: initial, isPaused: false, hasEnded: false };
    this.#options = options;
    this.#local = { ...start, end: local, direction: DIRECTION.OUTBOUND };
    this.#remote = { ...start, end: remote, direction: DIRECTION.INBOUND };
  }

  /** @param by the end that has dialled. */
  open(by: SideName, at: number, comment: string): void {
    const [client, server] = this.#sides(by);
    this.#send(client, TCP.SYN, at, { comment });
    server.expected = client.next;
    this.#send(server, TCP.SYN | TCP.ACK, at);
    client.expected = server.next;
    this.#send(client, TCP.ACK, at);
  }

  data(from: SideName, bytes: Uint8Array, at: number): void {
    const [sender, receiver] = this.#sides(from);
    // Wireshark would take a single byte for a probe of the closed window, and the bytes after it for a gap.
    if (bytes.length === 1) this.#setPaused(receiver, false, at);
    for (let start = 0; start < bytes.length; start += MAX_SEGMENT) {
      const isLast = start + MAX_SEGMENT >= bytes.length;
      this.#send(sender, isLast ? TCP.PSH | TCP.ACK : TCP.ACK, at, { payload: bytes.subarray(start, start + MAX_SEGMENT) });
    }
    if (from === 'remote') this.#acknowledge(receiver, sender.next, at);
  }

  /** Acknowledges bytes of the local end. */
  sent(bytes: number, at: number): void {
    const pending = (this.#local.next - this.#remote.expected) >>> 0;
    this.#acknowledge(this.#remote, (this.#remote.expected + Math.min(bytes, pending)) >>> 0, at);
  }

  setPaused(side: SideName, isPaused: boolean, at: number): void {
    this.#setPaused(this.#sides(side)[0], isPaused, at);
  }

  end(from: SideName, at: number, comment?: string): void {
    const [sender, receiver] = this.#sides(from);
    if (sender.hasEnded) return;
    sender.hasEnded = true;
    this.#send(sender, TCP.FIN | TCP.ACK, at, { comment });
    if (from === 'remote') this.#acknowledge(receiver, sender.next, at);
  }

  /** Both ends have closed in good order. A wire that waits for the peer's end after our close does not report that end. */
  close(at: number): void {
    this.#acknowledge(this.#remote, this.#local.next, at);
    this.end('remote', at, 'the wire has completed');
  }

  reset(by: SideName, at: number, comment: string): void {
    this.#send(this.#sides(by)[0], TCP.RST | TCP.ACK, at, { comment });
  }

  #sides(first: SideName): readonly [Side, Side] {
    return first === 'local' ? [this.#local, this.#remote] : [this.#remote, this.#local];
  }

  #setPaused(side: Side, isPaused: boolean, at: number): void {
    if (side.isPaused === isPaused) return;
    side.isPaused = isPaused;
    this.#send(side, TCP.ACK, at);
  }

  /** Sends an ACK, unless it would repeat the last one. */
  #acknowledge(side: Side, expected: number, at: number): void {
    if (side.expected === expected) return;
    side.expected = expected;
    this.#send(side, TCP.ACK, at);
  }

  #send(side: Side, flags: number, at: number, { payload = EMPTY_BYTES, comment }: SentPacket = {}): void {
    const { end: from, direction, next: sequence, isPaused } = side;
    const to = (side === this.#local ? this.#remote : this.#local).end;
    const window = isPaused ? 0 : MAX_WINDOW;
    const acknowledgment = flags & TCP.ACK ? side.expected : 0;
    const headers = encodeTcpHeaders({ from, to, sequence, acknowledgment, flags, window, payload });
    side.next = (sequence + payload.length + (flags & (TCP.SYN | TCP.FIN) ? 1 : 0)) >>> 0;
    const stored = payload.subarray(0, this.#options.maxBytes);
    this.#options.packet({ at, direction, parts: [headers, stored], length: headers.length + payload.length, comment });
  }
}

interface SentPacket {
  readonly payload?: Uint8Array;
  readonly comment?: string | undefined;
}
