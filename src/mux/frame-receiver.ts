import type { IOStreamError } from '../errors.ts';
import { encodeFrame, FLAG, FRAME, frameProblem, GO_AWAY, type FrameHeader } from '../protocol/yamux.ts';
import { YamuxReader, type FrameTarget } from '../protocol/yamux-reader.ts';
import type { FloodGuard } from './flood-guard.ts';
import type { FrameScheduler } from './frame-scheduler.ts';
import { frameError, protocolError, streamReset } from './mux-errors.ts';
import { MuxStream } from './mux-stream.ts';
import { RecentIds } from './recent-ids.ts';
import type { StreamOwner } from './stream-owner.ts';

/** Maximum number of answers that wait for a peer that does not read. */
const MAX_ANSWERS = 1024;

/** What received frames change. */
export interface FrameSession extends StreamOwner {
  readonly scheduler: FrameScheduler;
  readonly floods: FloodGuard;
  readonly streams: ReadonlyMap<number, MuxStream>;
  hasPeerLeft: boolean;
  isPeersId(id: number): boolean;
  wasDialled(id: number): boolean;
  accept(id: number, stream: MuxStream): boolean;
  /** The peer has accepted a stream that was dialled here. */
  onAccepted(stream: MuxStream): void;
  onPong(value: number): void;
  fail(error: IOStreamError, reason?: number): void;
}

/** Checks the frames of the peer, and passes each to the stream that it concerns. A wrong frame fails the session. */
export class FrameReceiver implements FrameTarget {
  readonly #session: FrameSession;
  readonly #reader = new YamuxReader(this);
  readonly #reset = new RecentIds();
  /** The highest id that the peer has used. */
  #lastPeerId = 0;
  /** The stream of the payload that follows, and the bytes of it that precede the end of the stream. */
  #receiving: MuxStream | undefined;
  #untilEnd = Infinity;

  constructor(session: FrameSession) {
    this.#session = session;
  }

  get isInFrame(): boolean {
    return this.#reader.isInFrame;
  }

  push(bytes: Uint8Array): void {
    this.#reader.push(bytes);
  }

  stop(): void {
    this.#reader.stop();
  }

  /** Ignores the frames of a stream that we have reset: the peer may have sent them before it knows. */
  expectLateFrames(id: number): void {
    this.#reset.add(id);
  }

  onPayload(bytes: Uint8Array): void {
    this.#receiving?.input.receive(bytes);
    this.#untilEnd -= bytes.length;
    if (this.#untilEnd === 0) this.#receiving?.input.end();
  }

  onFrame(header: FrameHeader): boolean {
    this.#receiving = undefined;
    const problem = frameProblem(header) ?? this.#handle(header);
    if (problem === undefined) return true;
    this.#session.fail(frameError(header, problem));
    return false;
  }

  /** Returns what is wrong with the frame. */
  #handle(header: FrameHeader): string | undefined {
    if (header.type === FRAME.PING) return this.#onPing(header);
    if (header.type === FRAME.GO_AWAY) return this.#onGoAway(header.length);
    const { flags, stream: id } = header;
    if ((flags & FLAG.SYN) !== 0) {
      const problem = this.#onSyn(id);
      if (problem !== undefined) return problem;
    }
    const stream = this.#session.streams.get(id);
    return stream ? this.#onStreamFrame(stream, header) : this.#onLateFrame(header);
  }

  #onPing({ flags, length }: FrameHeader): string | undefined {
    if (flags === FLAG.ACK) {
      this.#session.onPong(length);
      return this.#useless();
    }
    this.#session.scheduler.answer(encodeFrame(FRAME.PING, FLAG.ACK, 0, length));
    return this.#useless();
  }

  #onGoAway(reason: number): string | undefined {
    this.#session.hasPeerLeft = true;
    if (reason === GO_AWAY.NORMAL) return this.#useless();
    if (reason > GO_AWAY.INTERNAL) return 'with an unknown reason';
    const what = reason === GO_AWAY.PROTOCOL ? 'a protocol error' : 'an internal error';
    this.#session.fail(protocolError(`the peer ended the mux because of ${what} (GoAway ${reason})`), GO_AWAY.NORMAL);
    return undefined;
  }

  #onSyn(id: number): string | undefined {
    const session = this.#session;
    if (!session.isPeersId(id)) return 'that opens a stream with an id of ours: one end must be the client, the other one the server';
    if (session.streams.has(id)) return 'that opens a stream that is open';
    if (this.#reset.has(id)) return 'that opens a stream that was reset';
    this.#lastPeerId = Math.max(this.#lastPeerId, id);
    if (session.accept(id, new MuxStream(session, false))) return undefined;
    this.#reset.add(id);
    session.scheduler.answer(encodeFrame(FRAME.WINDOW, FLAG.RST, id, 0));
    return this.#useless();
  }

  #onStreamFrame(stream: MuxStream, header: FrameHeader): string | undefined {
    const { type, flags, length } = header;
    const isData = type === FRAME.DATA;
    if ((flags & FLAG.ACK) !== 0) this.#session.onAccepted(stream);
    if (stream.input.hasPeerEnded && (isData || (flags & FLAG.FIN) !== 0) && (flags & FLAG.RST) === 0) return 'after the end of its stream';
    if (isData && length > stream.input.window) return `over its window of ${stream.input.window} bytes`;
    if (!isData && !stream.onCredit(length)) return 'that grants more than 2 ** 32 - 1 bytes';
    if ((flags & FLAG.RST) !== 0) {
      this.#session.forget(stream);
      stream.fail(streamReset(stream.isAccepted));
      return this.#useless();
    }
    if (isData && length > 0) {
      this.#session.onAccepted(stream);
      stream.input.window -= length;
      this.#receiving = stream;
      this.#untilEnd = (flags & FLAG.FIN) === 0 ? Infinity : length;
      return undefined;
    }
    if ((flags & FLAG.FIN) !== 0) stream.input.end();
    return (flags & (FLAG.SYN | FLAG.FIN)) === 0 ? this.#useless() : undefined;
  }

  /** A frame of a stream that is not open. */
  #onLateFrame({ type, flags, stream: id, length }: FrameHeader): string | undefined {
    const isKnown = this.#session.isPeersId(id) ? id <= this.#lastPeerId : this.#session.wasDialled(id);
    if (!isKnown) return 'of a stream that was never opened';
    const isLate = this.#reset.has(id) || type === FRAME.WINDOW || length === 0 || (flags & FLAG.RST) !== 0;
    return isLate ? this.#useless() : 'after the end of its stream';
  }

  /** Counts a frame that transfers nothing. */
  #useless(): string | undefined {
    if (this.#session.scheduler.answers > MAX_ANSWERS) return `while ${MAX_ANSWERS} answers wait for the peer to read`;
    return this.#session.floods.spend() ? undefined : 'after too many frames that transfer nothing';
  }
}
