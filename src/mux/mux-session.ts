import type { SchedulerLike } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import { encodeFrame, FLAG, FRAME, GO_AWAY, MAX_UINT32 } from '../protocol/yamux.ts';
import type { LayerDetails } from '../wire/signal.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameReceiver } from './frame-receiver.ts';
import { FrameScheduler } from './frame-scheduler.ts';
import { KeepAlive, type KeepAliveTarget, type KeepAliveTimes } from '../util/keep-alive.ts';
import { cannotDial, closedHere, peerIsSilent, tooManyStreams } from './mux-errors.ts';
import { publishMuxClosed, publishMuxOpen, publishMuxPing } from './mux-diagnostics.ts';
import type { MuxStream } from './mux-stream.ts';
import type { Outer } from './outer.ts';
import { ReceiveBudget } from './receive-budget.ts';
import type { StreamOwner } from './stream-owner.ts';

/** Maximum dialled streams that the peer has not accepted. The reference implementation resets further ones. */
const MAX_UNACCEPTED = 256;

/** The limits of a session. */
export interface SessionOptions {
  readonly role: 'client' | 'server';
  readonly window: number;
  readonly maxStreams: number;
  readonly budget: number;
  readonly keepAlive: KeepAliveTimes | undefined;
}

/** What a session reports. */
export interface SessionTarget {
  /** The subject of diagnostics. */
  readonly mux: object;
  /** The peer opens a stream. Returns false to refuse it. */
  accept(stream: MuxStream): boolean;
  /** The last stream has ended, and no stream can be opened any more. */
  onIdle(): void;
  /** The session has failed: it has failed its streams, and written its last frame. */
  onFailed(error: IOStreamError): void;
  /** The details of each stream. */
  details(id: number): LayerDetails;
}

/** Holds the streams of a mux: opens, accepts and ends them. */
export class MuxSession implements StreamOwner, KeepAliveTarget {
  readonly scheduler: FrameScheduler;
  readonly budget: ReceiveBudget;
  readonly window: number;
  readonly floods: FloodGuard;
  readonly streams: Map<number, MuxStream> = new Map();
  dialled = 0;
  accepted = 0;
  /** The error that has ended the session. */
  error: unknown;
  state: 'opening' | 'open' | 'leaving' | 'ended' = 'opening';
  hasPeerLeft = false;
  /** Whether we have sent GoAway. */
  isLeaving = false;
  readonly #outer: Outer;
  readonly #options: SessionOptions;
  readonly #target: SessionTarget;
  readonly #receiver: FrameReceiver;
  /** The scheduler of all timers. */
  readonly #clock: SchedulerLike;
  #keepAlive: KeepAlive | undefined;
  /** Dialled streams that wait until the connection is open, or until the peer has accepted others. */
  readonly #waiting = new Set<MuxStream>();
  /** Number of dialled streams that are open, and that the peer has not accepted yet. */
  #unaccepted = 0;
  /** Dialled streams that are open. */
  #ownCount = 0;
  #nextId: number;
  #pings = 0;
  /** When the last ping was sent. */
  #pingedAt = 0;

  constructor(outer: Outer, options: SessionOptions, scheduler: SchedulerLike, target: SessionTarget) {
    this.#outer = outer;
    this.#options = options;
    this.#target = target;
    this.#nextId = options.role === 'client' ? 1 : 2;
    this.window = options.window;
    this.budget = new ReceiveBudget(options.budget);
    this.floods = new FloodGuard(scheduler);
    this.scheduler = new FrameScheduler(outer, scheduler);
    this.#receiver = new FrameReceiver(this);
    this.#clock = scheduler;
  }

  // The connection

  onOpen(): void {
    if (this.state === 'ended') return;
    if (this.state === 'opening') this.state = 'open';
    const { keepAlive } = this.#options;
    if (keepAlive) this.#keepAlive = new KeepAlive(keepAlive, this.#clock, this);
    this.#openWaiting();
  }

  sendPing(): void {
    this.#pingedAt = this.#clock.now();
    this.scheduler.send(encodeFrame(FRAME.PING, FLAG.SYN, 0, (this.#pings += 1) >>> 0));
  }

  /** The peer has answered the ping with this value. */
  onPong(value: number): void {
    if (this.#pings > 0 && value === this.#pings >>> 0) publishMuxPing(this.#target.mux, this.#clock.now() - this.#pingedAt);
  }

  onSilence(pings: number, timeout: number): void {
    this.fail(peerIsSilent(pings, timeout));
  }

  receive(bytes: Uint8Array): void {
    this.#keepAlive?.received();
    this.#receiver.push(bytes);
  }

  /** Whether the connection ended within a frame, or before its streams did. */
  get isCut(): boolean {
    return this.#receiver.isInFrame || [...this.streams.values()].some((stream) => !stream.isWhole);
  }

  // Streams

  open(stream: MuxStream): void {
    if (stream.id !== 0) {
      stream.onOpen();
      return;
    }
    const refusal = this.#refusal();
    if (refusal) stream.fail(refusal);
    else if (this.state === 'opening' || this.#unaccepted >= MAX_UNACCEPTED) this.#waiting.add(stream);
    else {
      stream.id = this.#nextId;
      this.#nextId += 2;
      this.#ownCount += 1;
      this.dialled += 1;
      this.floods.earn(2);
      this.streams.set(stream.id, stream);
      this.#unaccepted += 1;
      publishMuxOpen(this.#target.mux, stream.id, 'client');
      stream.onOpen();
    }
  }

  onAccepted(stream: MuxStream): void {
    if (stream.isAccepted) return;
    stream.isAccepted = true;
    this.#answered();
  }

  /** The peer has accepted or refused a dialled stream, or that stream has ended. */
  #answered(): void {
    this.#unaccepted -= 1;
    this.#openWaiting();
  }

  #openWaiting(): void {
    for (const stream of this.#waiting) {
      if (this.#unaccepted >= MAX_UNACCEPTED) return;
      this.#waiting.delete(stream);
      this.open(stream);
    }
  }

  /** Why no stream can be dialled; undefined if one can be. */
  #refusal(): IOStreamError | undefined {
    if (this.state === 'ended') return cannotDial('the mux has ended', this.error);
    if (this.state === 'leaving') return cannotDial('the mux is closing');
    if (this.hasPeerLeft) return cannotDial('the peer opens and accepts no more streams (GoAway)');
    if (this.#nextId > MAX_UINT32) return cannotDial('all ids of streams are used');
    return this.#ownCount + this.#waiting.size >= this.#options.maxStreams ? tooManyStreams(this.#options.maxStreams) : undefined;
  }

  /** Whether an id is of the kind that the peer uses, and whether it is one that we have used. */
  isPeersId(id: number): boolean {
    return id % 2 !== this.#nextId % 2;
  }

  wasDialled(id: number): boolean {
    return !this.isPeersId(id) && id < this.#nextId;
  }

  /** Adds a stream that the peer opens. Returns false if it is refused. */
  accept(id: number, stream: MuxStream): boolean {
    const peers = this.streams.size - this.#ownCount;
    if (this.state !== 'open' || peers >= this.#options.maxStreams) return false;
    stream.id = id;
    this.streams.set(id, stream);
    if (!this.#target.accept(stream)) {
      this.streams.delete(id);
      return false;
    }
    this.accepted += 1;
    publishMuxOpen(this.#target.mux, id, 'server');
    return true;
  }

  forget(stream: MuxStream): void {
    if (this.#waiting.delete(stream) || !this.streams.delete(stream.id)) return;
    publishMuxClosed(this.#target.mux, stream.id);
    if (!this.isPeersId(stream.id)) this.#ownCount -= 1;
    if (!stream.isAccepted) this.#answered();
    this.#checkIdle();
  }

  reset(stream: MuxStream, firstFlag: number): void {
    if (this.streams.get(stream.id) === stream && firstFlag !== FLAG.SYN) {
      if (firstFlag === FLAG.ACK) this.scheduler.send(encodeFrame(FRAME.WINDOW, FLAG.ACK, stream.id, 0));
      this.#receiver.expectLateFrames(stream.id);
      this.scheduler.send(encodeFrame(FRAME.WINDOW, FLAG.RST, stream.id, 0));
    }
    this.forget(stream);
  }

  detailsOf(id: number): LayerDetails {
    return this.#target.details(id);
  }

  writeFrame(type: number, flags: number, stream: number, length: number, payload?: readonly Uint8Array[]): void {
    this.floods.earn(1 + (payload ? length >>> 10 : 0));
    this.#outer.write(encodeFrame(type, flags, stream, length));
    if (payload) for (const bytes of payload) this.#outer.write(bytes);
  }

  // The end

  /** Sends GoAway: no more streams are opened or accepted. The open ones go on. */
  leave(): void {
    if (this.state !== 'open' && this.state !== 'opening') return;
    this.state = 'leaving';
    this.isLeaving = true;
    for (const stream of this.#waiting) stream.fail(cannotDial('the mux is closing'));
    this.#waiting.clear();
    this.scheduler.send(encodeFrame(FRAME.GO_AWAY, 0, 0, GO_AWAY.NORMAL));
    this.#checkIdle();
  }

  /** Resets all streams. */
  resetAll(): void {
    for (const stream of [...this.streams.values()]) stream.abort(closedHere());
  }

  /** Ends with an error of ours: reports it to the peer, and fails all streams. */
  fail(error: IOStreamError, reason: number = GO_AWAY.PROTOCOL): void {
    if (this.state === 'ended') return;
    this.scheduler.send(encodeFrame(FRAME.GO_AWAY, 0, 0, reason));
    this.end(error, () => error);
    this.#target.onFailed(error);
  }

  /** Ends: fails the streams that are not whole, each with an error of its own. */
  end(error: unknown, errorOfStream: () => IOStreamError): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.error = error;
    this.#receiver.stop();
    this.#keepAlive?.stop();
    this.scheduler.finish();
    const cut = [...this.#waiting, ...this.streams.values()].filter((stream) => !stream.isWhole);
    this.#waiting.clear();
    for (const stream of cut) {
      this.forget(stream);
      stream.fail(errorOfStream());
    }
  }

  #checkIdle(): void {
    if (this.streams.size === 0 && this.state === 'leaving') this.#target.onIdle();
  }
}
