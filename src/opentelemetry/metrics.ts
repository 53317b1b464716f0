import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api';
import type { DialMessage, DropMessage, ResolvedMessage } from './messages.ts';
import { errorType, targetAttributes } from './attributes.ts';
import { ConnectionMetrics } from './connection-metrics.ts';
import { createInstruments, createLookupDuration, createRejected } from './instruments.ts';
import { RoleMetrics } from './role-metrics.ts';

/** The metrics of all connections. */
export class Metrics {
  readonly #attributes: Attributes;
  readonly #lookups: Histogram;
  readonly #rejected: Counter;
  readonly #roles: Readonly<Record<DialMessage['role'], RoleMetrics>>;

  /** @param attributes those of every metric. */
  constructor(meter: Meter, attributes: Attributes) {
    this.#attributes = attributes;
    this.#lookups = createLookupDuration(meter);
    this.#rejected = createRejected(meter);
    this.#roles = {
      client: new RoleMetrics(createInstruments(meter, 'client'), attributes),
      server: new RoleMetrics(createInstruments(meter, 'server'), attributes),
    };
  }

  /** Creates the metrics of one connection. */
  dialled({ role, target }: DialMessage): ConnectionMetrics {
    return new ConnectionMetrics(this.#roles[role], { ...this.#attributes, ...targetAttributes(target) });
  }

  resolved({ host, error, duration }: ResolvedMessage): void {
    const failed = error === undefined ? {} : { 'error.type': errorType(error) };
    this.#lookups.record(duration / 1000, { ...this.#attributes, 'dns.question.name': host, ...failed });
  }

  dropped({ rule }: DropMessage): void {
    this.#rejected.add(1, { ...this.#attributes, 'rxjs_io_stream.rule': rule });
  }

  stop(): void {
    for (const role of Object.values(this.#roles)) role.stop();
  }
}
