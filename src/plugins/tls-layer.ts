import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Subscription } from 'rxjs';
import { ETLS, ETLSCERT, ETOHANDSHAKE, IOStreamError, type ErrorCode, type Phase } from '../errors.ts';
import type { Layer, Ports } from '../wire/layer.ts';
import { END, PAUSE, type DataSignal, type Dial, type EndSignal, type Flow, type LayerDetails, type Up } from '../wire/signal.ts';
import { after } from '../wire/timer.ts';
import { TlsDuplex } from './tls-duplex.ts';
import { TlsOutlet } from './tls-outlet.ts';

/** What differs between a client and a server. */
export interface TlsRole {
  /** Starts Node's TLS on a transport. */
  start(transport: Duplex): TLSSocket;
  /** The event of the socket that says that the handshake is through. */
  readonly through: 'secure' | 'secureConnect';
  /** The handshake is through: what Node's check of the peer's certificate found, if anybody asked for it. */
  check(socket: TLSSocket): Verdict;
  /** Whether a failure of the handshake is a certificate of the peer that was not accepted. */
  refused(error: Error, socket: TLSSocket): boolean;
}

/** Whether the peer is who it says; `refusal` errors the stream. */
export interface Verdict {
  readonly authorized: boolean;
  readonly authorizationError?: string | undefined;
  readonly refusal?: Error | undefined;
}

type Stage = 'dialling' | 'handshake' | 'open' | 'closing' | 'freed';
type Details = { truncated?: true } & Record<string, unknown>;

/** TLS by Node between an application and a wire; the life of it is told at `tlsClient`. */
export class TlsLayer implements Layer {
  #stage: Stage = 'dialling';
  readonly #role: TlsRole;
  readonly #ports: Ports;
  readonly #dial: Dial;
  readonly #outlet: TlsOutlet;
  #socket: TLSSocket | undefined;
  #transport: TlsDuplex | undefined;
  #timer: Subscription | undefined;
  #below: readonly LayerDetails[] = [];
  readonly #details: Details = {};
  /** The last pause or resume that came from above before the handshake was through. */
  #paused = false;
  /** Signals of the wire below that have not been worked on; more may come from inside `next`. */
  readonly #inbox: (DataSignal | EndSignal)[] = [];
  #working = false;
  /** The handshake is through, as Node sees it, and what came with its last message. */
  #through = false;
  readonly #leftovers: (DataSignal | EndSignal)[] = [];
  #peerEnded = false;
  #farewell = false;
  readonly #listeners: readonly (readonly [event: string, listener: (error?: Error) => void])[];

  constructor(role: TlsRole, ports: Ports) {
    this.#role = role;
    this.#ports = ports;
    this.#dial = ports.dial;
    this.#outlet = new TlsOutlet(ports.up, () => this.#said());
    const fail = (error?: Error): void => this.#fail(error);
    this.#listeners = [
      [role.through, () => this.#passed()],
      ['error', fail],
      // After the handshake a server that Node's own tls.Server did not make has no other event for what goes wrong.
      ['_tlsError', fail],
      ['close', () => this.#fail()],
    ];
  }

  down(signal: Flow): void {
    if (signal.kind === 'data') this.#outlet.give(signal.bytes);
    else if (signal.kind === 'end') this.#outlet.end();
    else if (this.#stage === 'open') this.#ports.down.next(signal);
    else this.#paused = signal.kind === 'pause';
  }

  up(signal: Up): void {
    switch (signal.kind) {
      case 'data':
      case 'end':
        this.#inbox.push(signal);
        this.#work();
        return;
      case 'pause':
      case 'resume':
        this.#outlet.hold(signal.kind === 'pause');
        return;
      case 'sent':
        this.#outlet.left(signal.bytes);
        return;
      case 'connected':
        if (!this.#freed) this.#begin(signal.details);
        return;
      case 'resolved':
        this.#ports.up.next(signal);
    }
  }

  closing(): boolean {
    if (this.#stage !== 'open') {
      this.free();
      return false;
    }
    this.#stage = 'closing';
    this.#outlet.flush();
    return !this.#farewell;
  }

  closed(): void {
    if (this.#stage === 'handshake') this.#fail(unexpectedEnd());
  }

  free(): void {
    this.#stage = 'freed';
    this.#timer?.unsubscribe();
    const socket = this.#socket;
    if (!socket) return;
    for (const [event, listener] of this.#listeners) socket.off(event, listener);
    // What fails from now on has nobody left to be told to.
    socket.on('error', ignore).destroy();
  }

  #begin(below: readonly LayerDetails[]): void {
    const { timeouts, deadline, scheduler, layer } = this.#dial;
    this.#stage = 'handshake';
    this.#below = below;
    const left = Math.max(0, Math.min(timeouts.handshake, deadline - scheduler.now()));
    this.#timer = after(left, scheduler, () => {
      const message = `expected the TLS handshake to be through within ${left} ms, it is not; raise timeouts.handshake or timeouts.establish if the peer is only slow`;
      this.#ports.up.error(new IOStreamError(ETOHANDSHAKE, { phase: 'handshake', layer, message }));
    });
    const transport = (this.#transport = new TlsDuplex({
      write: (bytes) => {
        this.#outlet.made(bytes.length);
        this.#ports.down.next({ kind: 'data', bytes });
      },
      final: () => this.#said(),
    }));
    // A wire may answer the ClientHello before `start` has returned: that waits in the inbox.
    this.#working = true;
    const socket = (this.#socket = this.#role.start(transport));
    // Node hands what it has read to `push`, and null for close_notify, before `transport.push` returns. Taken here, it is known
    // at once whether close_notify came before the end of the wire below; as the event 'end' it would be known turns later.
    socket.push = (chunk: Uint8Array | null) => {
      this.#read(chunk ? { kind: 'data', bytes: chunk } : END);
      return true;
    };
    for (const [event, listener] of this.#listeners) socket.on(event, listener);
    this.#working = false;
    if (this.#freed) this.free();
    else this.#work();
  }

  get #freed(): boolean {
    return this.#stage === 'freed';
  }

  #passed(): void {
    this.#through = true;
    if (!this.#working) this.#open();
  }

  /** Works on what the wire below gave: one after another, also when more comes from inside. */
  #work(): void {
    if (this.#working) return;
    this.#working = true;
    for (let signal = this.#inbox.shift(); signal; signal = this.#inbox.shift()) {
      if (signal.kind === 'data') this.#decrypt(signal.bytes);
      else this.#endBelow();
    }
    this.#working = false;
  }

  #decrypt(bytes: Uint8Array): void {
    if (this.#stage === 'freed' || bytes.length === 0) return;
    this.#transport?.push(bytes);
    // Node tells its errors in the next tick; by then the wire below may have told its own, which is only a consequence.
    if (this.#socket?.errored) this.#fail(this.#socket.errored);
    else if (this.#through) this.#open();
  }

  /** Not from inside the event: OpenSSL is still in its handshake then, and an end there would give no close_notify. */
  #open(): void {
    const socket = this.#socket;
    if (this.#stage !== 'handshake' || !socket) return;
    const { refusal, ...verdict } = this.#role.check(socket);
    if (refusal) {
      this.#fail(refusal, ETLSCERT);
      return;
    }
    this.#timer?.unsubscribe();
    Object.assign(this.#details, factsOf(socket), verdict, { layer: this.#dial.layer });
    this.#stage = 'open';
    if (this.#paused) this.#ports.down.next(PAUSE);
    this.#ports.up.next({ kind: 'connected', details: [this.#details, ...this.#below] });
    for (let signal = this.#leftovers.shift(); signal; signal = this.#leftovers.shift()) this.#give(signal);
    if (!this.#freed) this.#outlet.open(socket);
  }

  #read(signal: DataSignal | EndSignal): void {
    if (signal.kind === 'end' && !this.#through) this.#fail(unexpectedEnd());
    else if (this.#stage === 'handshake' || this.#leftovers.length > 0) this.#leftovers.push(signal);
    else this.#give(signal);
  }

  #give(signal: DataSignal | EndSignal): void {
    if (this.#peerEnded) return;
    if (signal.kind === 'end') this.#peerEnded = true;
    if (this.#stage === 'open') this.#ports.up.next(signal);
    if (signal.kind === 'end') this.#settle();
  }

  /** The wire below has ended. If close_notify came before, everybody knows already. */
  #endBelow(): void {
    if (this.#stage === 'handshake') this.#fail(unexpectedEnd());
    else if (this.#stage === 'open' && !this.#peerEnded) {
      this.#details.truncated = true;
      this.#give({ kind: 'end', truncated: true });
    }
  }

  /** All that was given has gone down, and close_notify too. */
  #said(): void {
    this.#farewell = true;
    this.#settle();
  }

  /** TLS is done with the wire below when the application has closed, or when both directions have ended. */
  #settle(): void {
    if (this.#farewell && (this.#peerEnded || this.#stage === 'closing')) this.#ports.down.complete();
  }

  #fail(cause?: Error, as?: ErrorCode): void {
    const socket = this.#socket;
    if (this.#stage === 'freed' || !socket) return;
    const phase = PHASES[this.#stage] ?? 'read';
    const code = as ?? (phase === 'handshake' && cause && this.#role.refused(cause, socket) ? ETLSCERT : ETLS);
    const message = cause?.message ?? 'expected the TLS socket to stay open, it was closed';
    this.#ports.up.error(new IOStreamError(code, { phase, layer: this.#dial.layer, message, cause }));
  }
}

const PHASES: Partial<Record<Stage, Phase>> = { handshake: 'handshake', closing: 'close' };

function factsOf(socket: TLSSocket): Record<string, unknown> {
  // What was asked for by SNI; false or null where nothing was.
  const { servername } = socket as { servername?: string | false | null };
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher().name,
    alpnProtocol: socket.alpnProtocol,
    servername: servername === false ? undefined : (servername ?? undefined),
    reused: socket.isSessionReused(),
  };
}

function unexpectedEnd(): Error {
  return new Error('expected the TLS handshake to go on, got EOF');
}

function ignore(): void {
  // nothing to do
}
