import { Subscription, type Observer } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { decodeCode, decodeFrame, type MessageFrame } from '../protocol/message-frame.ts';
import { KeepAlive, type KeepAliveTarget } from '../util/keep-alive.ts';
import { after } from '../util/timer.ts';
import { Watchdog } from '../util/watchdog.ts';
import { remainingTime } from '../wire/deadline.ts';
import type { DirectConnection, FlowSource } from '../wire/direct.ts';
import { END, type Dial, type Flow, type Up } from '../wire/signal.ts';
import { Acknowledger } from './acknowledger.ts';
import { ChannelPort, type OpenChannel, type PortTarget } from './channel-port.ts';
import { FrameWriter } from './frame-writer.ts';
import { channelClosed, channelIsBlocked, peerHasRestarted, peerIsSilent, resetByPeer } from './message-errors.ts';
import { MessageInput, type InputTarget } from './message-input.ts';
import type { MessageSettings } from './message-options.ts';
import { MessageOutput } from './message-output.ts';

/** Milliseconds until the first PING to an unknown peer is repeated. Each further wait is twice as long, up to the maximum. */
const FIRST_REPEAT = 50;
const MAX_REPEAT = 1000;

/**
 * Connects the signals of one connection to a channel of messages.
 *
 * ```text
 *   flow ──▶ MessageOutput ──▶ FrameWriter ──▶ ChannelPort
 *     up ◀── MessageInput ◀─── decodeFrame ◀── ChannelPort
 * ```
 *
 * Both ends do the same. Each sends PING until a frame of the other one carries its id: then it is connected.
 */
export class MessageConnection implements DirectConnection, PortTarget, InputTarget, KeepAliveTarget {
  readonly #dial: Dial;
  readonly #up: Observer<Up>;
  readonly #settings: MessageSettings;
  readonly #port: ChannelPort;
  readonly #input: MessageInput;
  readonly #output: MessageOutput;
  readonly #frames: FrameWriter;
  readonly #acknowledger: Acknowledger;
  #isConnected = false;
  #isClosing = false;
  #hasFlowEnded = false;
  #isFreed = false;
  /** The limit of the time to connect, and the repeated PINGs. */
  readonly #opening = new Subscription();
  #keepAlive: KeepAlive | undefined;
  #linger: Watchdog | undefined;

  constructor(dial: Dial, up: Observer<Up>, settings: MessageSettings, open: OpenChannel) {
    this.#dial = dial;
    this.#up = up;
    this.#settings = settings;
    this.#port = new ChannelPort(this, open);
    this.#input = new MessageInput(this, settings.window);
    this.#output = new MessageOutput(settings.window, settings.maxPayload);
    this.#frames = new FrameWriter(this.#port, this.#input, this.#output, settings.window);
    this.#acknowledger = new Acknowledger(this.#frames, settings.window, dial.scheduler);
  }

  start(source?: FlowSource): void {
    source?.subscribe();
    if (this.#isFreed) return;
    const limit = remainingTime(this.#dial.timeouts.connect, this.#dial);
    this.#opening.add(after(limit, this.#dial.scheduler, () => this.onFailed(this.#settings.notAnswered(limit))));
    this.#port.open();
  }

  // Outbound signals

  next(signal: Flow): void {
    if (this.#hasFlowEnded) return;
    if (signal.kind === 'pause') this.#input.pause();
    else if (signal.kind === 'resume') this.#input.resume();
    else {
      if (signal.kind === 'data') this.#output.write(signal.bytes);
      else this.#output.end();
      if (this.#isConnected) this.#pump();
    }
  }

  /** Closes: sends the queued bytes and our end, then waits for the peer's end, and discards what arrives. */
  complete(): void {
    if (this.#hasFlowEnded) return;
    this.#hasFlowEnded = true;
    if (!this.#isConnected) {
      this.#complete('ECONNRESET');
      return;
    }
    this.#isClosing = true;
    const onTimeout = (): void => this.#complete('ETIMEDOUT');
    this.#linger = new Watchdog(this.#dial.scheduler, { limit: this.#dial.timeouts.close, isWaiting: true, onTimeout });
    this.#linger.touch();
    this.#input.discard();
    this.#output.end();
    this.#pump();
  }

  /** Resets. */
  error(reason: unknown): void {
    if (this.#hasFlowEnded) return;
    this.#free(reason instanceof IOStreamError ? reason.code : 'ECONNRESET');
    this.#up.error(reason);
  }

  /** Frees the channel at once, without another signal. */
  unsubscribe(): void {
    this.#free('ECONNRESET');
  }

  // What the channel reports

  /** Sends PING, and repeats it until we are connected: messages before the other end reads the channel may be lost. */
  onOpen(wait: number = FIRST_REPEAT): void {
    if (this.#isFreed || this.#isConnected) return;
    this.#opening.add(after(wait, this.#dial.scheduler, () => this.onOpen(Math.min(wait * 2, MAX_REPEAT))));
    this.#frames.send('PING');
  }

  onMessage(message: Uint8Array): void {
    try {
      this.#receive(decodeFrame(message));
    } catch (error) {
      this.onFailed(error);
    }
  }

  /** Sends a PING, too: messages may have been lost since the channel was writable, and its answer reveals that. */
  onWritable(): void {
    this.#frames.send('PING');
    if (!this.#isConnected) return;
    this.#pump();
    this.#completeIfEnded();
  }

  onClosed(): void {
    if (this.#isClosing && this.#output.isRead) this.#complete();
    else this.#fail(channelClosed(this.#isConnected));
  }

  onSilence(pings: number, timeout: number): void {
    this.onFailed(this.#port.isWritable ? peerIsSilent(pings, timeout) : channelIsBlocked(pings, timeout));
  }

  /** Fails by an error that we have found, and reports its code to the peer. */
  onFailed(error: unknown): void {
    const reason = IOStreamError.from(error, { phase: this.#isConnected ? 'read' : 'connect' });
    this.#fail(reason, reason.code);
  }

  // What the parts report

  emitData(bytes: Uint8Array): void {
    if (!this.#isFreed) this.#up.next({ kind: 'data', bytes });
  }

  emitEnd(): void {
    if (!this.#isFreed && !this.#isClosing) this.#up.next(END);
    this.#completeIfEnded();
  }

  onRead(): void {
    if (!this.#isFreed) this.#acknowledger.onRead();
  }

  sendPing(): void {
    this.#frames.send('PING');
  }

  // Inbound frames

  #receive(frame: MessageFrame): void {
    const { from, to, type } = frame;
    const { id } = this.#frames;
    // An echo of our own frames, or a frame for an end that has used the channel before.
    if (from === id || (to !== 0 && to !== id)) return;
    // A peer that gives up before we are connected. Another one may come.
    if (type === 'RESET' && !this.#isConnected) return;
    if (to === id) this.#received(frame);
    else if (type === 'PING') this.#discovered(from);
  }

  /** A peer looks for us. */
  #discovered(from: number): void {
    if (this.#isConnected && from !== this.#frames.peer) throw peerHasRestarted();
    if (this.#isConnected) return; // A duplicate.
    this.#frames.peer = from;
    this.#frames.send('PING');
  }

  #received(frame: MessageFrame): void {
    if (!this.#isConnected) this.#connect(frame.from);
    if (this.#isFreed || frame.from !== this.#frames.peer) return;
    this.#keepAlive?.received();
    if (frame.type === 'RESET') {
      this.#fail(resetByPeer(decodeCode(frame.payload)));
      return;
    }
    if (this.#output.acknowledge(frame)) this.#linger?.touch();
    this.#input.receive(frame);
    if (frame.type === 'PING') this.#frames.send('ACK');
    this.#pump();
    this.#completeIfEnded();
  }

  #connect(peer: number): void {
    this.#frames.peer = peer;
    this.#isConnected = true;
    this.#opening.unsubscribe();
    const { keepAlive } = this.#settings;
    if (keepAlive) this.#keepAlive = new KeepAlive(keepAlive, this.#dial.scheduler, this);
    this.#up.next({ kind: 'connected', details: [this.#settings.details] });
  }

  /** Sends what the peer's credit allows. Pauses the application while there is more, and resumes it. */
  #pump(): void {
    const bytes = this.#frames.pump();
    if (bytes > 0 && !this.#isFreed) this.#up.next({ kind: 'sent', bytes });
    const change = this.#isFreed ? undefined : this.#output.takePressure();
    if (change) this.#up.next(change);
  }

  // Ends

  #completeIfEnded(): void {
    if (!this.#input.isEndTaken || !this.#output.isRead || this.#isFreed) return;
    if (!this.#port.isWritable) return; // The peer would not get our last acknowledgement.
    this.#frames.acknowledge();
    this.#complete();
  }

  /** Completes Up. @param code the reason of the reset, if the directions have not ended. */
  #complete(code?: string): void {
    this.#free(code);
    this.#up.complete();
  }

  /** Errors Up, after all bytes that were received. @param code what the peer gets as a reset, unless it knows. */
  #fail(error: IOStreamError, code?: string): void {
    if (this.#isFreed) return;
    this.#input.flush();
    this.#free(code);
    this.#up.error(error);
  }

  #free(code?: string): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#hasFlowEnded = true;
    this.#opening.unsubscribe();
    this.#keepAlive?.stop();
    this.#linger?.stop();
    this.#acknowledger.stop();
    this.#frames.stop(code);
    this.#output.clear();
    this.#port.close();
  }
}
