import { Observable, type Subscriber } from 'rxjs';
import type { ChannelEnd } from '../messages/channel-port.ts';
import { decodeCode, decodeFrame, hasPosition } from '../protocol/message-frame.ts';
import type { Candidate } from '../stream/server.ts';
import type { BrokerLink } from './broker-link.ts';
import { newInbox } from './inbox.ts';
import type { NatsMessage } from './nats-connection.ts';
import { brokerClosed, noResponder, notPermitted, peerIsGone, refusedBy } from './nats-errors.ts';

/** The code of the headers of a message that the server returns because it has no subscriber. */
const NO_RESPONDERS = 503;

/** A request to connect, as it was received. */
export interface NatsRequest extends Pick<NatsMessage, 'subject' | 'data'>, Candidate {
  /** The inbox of the peer. */
  readonly reply: string;
}

/**
 * One end of a private channel. Each end subscribes to a subject of its own, its inbox.
 *
 * ```text
 *   dialling end                          accepting end
 *   first frame to `subject`   ────────▶  queue group            reply: the inbox of the dialling end
 *                 its inbox  ◀──────────  first frame            reply: the inbox of the accepting end
 *               next frames  ──────────▶  its inbox
 * ```
 *
 * Frames whose loss would be a gap name the own inbox, too: the server returns an empty message if it has no subscriber for them.
 */
export class NatsChannel implements ChannelEnd {
  readonly messages$: Observable<Uint8Array> = new Observable((out) => this.#open(out));
  readonly writable$: Observable<boolean>;
  readonly #link: BrokerLink;
  readonly #subject: string;
  readonly #withReply: { readonly reply: string };
  /** The request that this end answers. */
  readonly #request: NatsRequest | undefined;
  /** The inbox of the peer. */
  #peer: string | undefined;
  #isRequested = false;
  /** Whether the peer has sent to our inbox. */
  #isKnown = false;

  /** @param request the request to answer. @default this end dials */
  constructor(link: BrokerLink, subject: string, request?: NatsRequest) {
    this.#link = link;
    this.#subject = subject;
    this.#request = request;
    this.#peer = request?.reply;
    this.#withReply = { reply: newInbox(link.connection) };
    this.writable$ = link.writable$;
  }

  /** The first message is the request, if this end dials. Those that follow before the answer are dropped. */
  send(message: Uint8Array): void {
    const { connection } = this.#link;
    if (this.#peer !== undefined)
      connection.publish(this.#peer, message, this.#isKnown && !hasPosition(message) ? undefined : this.#withReply);
    else if (!this.#isRequested) {
      this.#isRequested = true;
      connection.publish(this.#subject, message, this.#withReply);
    }
  }

  #open(out: Subscriber<Uint8Array>): void {
    const { connection, closed$, refused$ } = this.#link;
    out.add(closed$.subscribe((reason) => out.error(brokerClosed(reason, this.#phase))));
    if (out.closed) return;
    out.add(
      refused$.subscribe(({ subject, error }) => {
        if (subject === (this.#peer ?? this.#subject)) out.error(notPermitted(error, this.#phase));
      }),
    );
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (error) out.error(notPermitted(error, this.#phase));
      else this.#receive(message, out);
    };
    const subscription = connection.subscribe(this.#withReply.reply, { callback });
    out.add(() => subscription.unsubscribe());
    if (this.#request) out.next(this.#request.data);
  }

  #receive(message: NatsMessage, out: Subscriber<Uint8Array>): void {
    const { data, headers, reply } = message;
    if (headers?.code === NO_RESPONDERS && data.length === 0)
      out.error(this.#peer === undefined ? noResponder(this.#subject) : peerIsGone(this.#isKnown));
    else if (this.#peer === undefined && !reply) out.error(refusedBy(this.#subject, reasonOf(data)));
    else {
      this.#peer ??= reply;
      this.#isKnown = true;
      out.next(data);
    }
  }

  get #phase(): 'connect' | 'read' {
    return this.#isKnown ? 'read' : 'connect';
  }
}

/** The code in the frame of a listener that refuses. */
function reasonOf(data: Uint8Array): string | undefined {
  try {
    return decodeCode(decodeFrame(data).payload);
  } catch {
    return undefined;
  }
}
