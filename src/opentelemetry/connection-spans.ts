import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  context,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { hostAndPort } from '../util/host.ts';
import type {
  AttemptMessage,
  ClosedMessage,
  ConnectedMessage,
  DialMessage,
  ErrorMessage,
  HandshakeMessage,
  ResolvedMessage,
} from './messages.ts';
import { endpointAttributes, errorType, peerAttributes, targetAttributes, tlsAttributes } from './attributes.ts';

const ATTEMPT = 'socket connect ';

/**
 * The span of one connection, and a child for each phase.
 *
 * ```text
 *   connection example.com:443  ─────────────────────────────────────── dial … closed
 *     DNS lookup example.com    ────
 *     socket connect 192.0.2.1:443  ────
 *     handshake proxy                   ────
 *     handshake tls                         ────
 * ```
 */
export class ConnectionSpans {
  /** The context with the span of the connection. */
  readonly context: Context;
  readonly #tracer: Tracer;
  readonly #attributes: Attributes;
  readonly #role: DialMessage['role'];
  readonly #span: Span;
  /** The spans of the phases that have not ended, by name. */
  readonly #phases = new Map<string, Span>();
  #hasFailed = false;

  /** @param attributes those of every span. */
  constructor(tracer: Tracer, { role, target, layers }: DialMessage, attributes: Attributes) {
    this.#tracer = tracer;
    this.#attributes = attributes;
    this.#role = role;
    const isServer = role === 'server';
    // The context of the code that listens is not the cause of a connection: each accepted one starts a trace. With a link, because the
    // active span may be that of the connection below: of a mux, or before `startTls`.
    const parent = isServer ? ROOT_CONTEXT : context.active();
    const active = isServer ? trace.getActiveSpan() : undefined;
    this.#span = tracer.startSpan(
      nameOf('connection', target),
      {
        kind: isServer ? SpanKind.SERVER : SpanKind.CLIENT,
        attributes: { ...attributes, ...targetAttributes(target), 'rxjs_io_stream.layers': [...layers] },
        links: active ? [{ context: active.spanContext() }] : [],
      },
      parent,
    );
    this.context = trace.setSpan(parent, this.#span);
  }

  resolved({ host, ip, error, duration }: ResolvedMessage): void {
    if (!this.#span.isRecording()) return;
    // OpenTelemetry wants the wall clock for a start in the past.
    // eslint-disable-next-line no-restricted-properties
    const end = Date.now();
    const attributes = { 'dns.question.name': host, 'dns.answers': ip === undefined ? undefined : [ip] };
    const span = this.#child(`DNS lookup ${host}`, attributes, end - duration);
    if (error !== undefined) markFailed(span, error);
    span.end(end);
  }

  attempt({ address, port, event, error }: AttemptMessage): void {
    const name = ATTEMPT + (port === undefined ? address : hostAndPort(address, port));
    if (event === 'start') this.#start(name, peerAttributes(address, port));
    else this.#end(name, error);
    if (event === 'connected') this.#endPhases(ATTEMPT); // Those of the addresses that have lost the race.
  }

  handshake({ layer, event, error }: HandshakeMessage): void {
    const name = `handshake ${layer}`;
    if (event === 'start') this.#start(name, { 'rxjs_io_stream.layer': layer });
    else this.#end(name, error);
  }

  connected(message: ConnectedMessage): void {
    const ends = endpointAttributes(this.#role, message);
    this.#span.setAttributes({ ...ends, ...tlsAttributes(message.stream.details) });
    // An accepted connection names no target.
    const { localAddress: host, localPort: port } = message;
    if (this.#role === 'server' && host !== undefined && port !== undefined) this.#span.updateName(nameOf('connection', { host, port }));
  }

  error({ error, fatal }: ErrorMessage): void {
    this.#span.recordException(error instanceof Error ? error : String(error));
    if (fatal) this.#fail(error);
  }

  closed({ report }: ClosedMessage): void {
    if (report.by === 'error' && !this.#hasFailed) this.#fail(report.error);
    this.#span.setAttributes({
      'rxjs_io_stream.closed_by': report.by,
      'rxjs_io_stream.bytes_received': report.bytesIn,
      'rxjs_io_stream.bytes_sent': report.bytesOut,
      'rxjs_io_stream.bytes_unsent': report.unsent,
    });
    this.end();
  }

  /** Ends all spans. */
  end(): void {
    try {
      this.#endPhases();
    } finally {
      this.#span.end();
    }
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    markFailed(this.#span, error);
  }

  #start(name: string, attributes: Attributes): void {
    if (this.#span.isRecording()) this.#phases.set(name, this.#child(name, attributes));
  }

  #end(name: string, error: unknown): void {
    const span = this.#phases.get(name);
    if (!span) return;
    if (error !== undefined) markFailed(span, error);
    span.end();
    this.#phases.delete(name);
  }

  #endPhases(prefix = ''): void {
    for (const name of this.#phases.keys()) if (name.startsWith(prefix)) this.#end(name, undefined);
  }

  #child(name: string, attributes: Attributes, startTime?: number): Span {
    return this.#tracer.startSpan(
      name,
      { attributes: { ...this.#attributes, ...attributes }, ...(startTime === undefined ? {} : { startTime }) },
      this.context,
    );
  }
}

function markFailed(span: Span, error: unknown): void {
  span.setAttribute('error.type', errorType(error));
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
}

/** As the conventions want it: what is done, and to which target. */
function nameOf(what: string, target: DialMessage['target']): string {
  if (!target) return what;
  return `${what} ${'path' in target ? target.path : hostAndPort(target.host, target.port)}`;
}
