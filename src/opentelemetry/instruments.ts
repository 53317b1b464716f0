import type { Counter, Histogram, Meter, ObservableUpDownCounter, UpDownCounter } from '@opentelemetry/api';
import type { DialMessage } from './messages.ts';

/** The metrics of the connections of one role. */
export interface Instruments {
  readonly count: UpDownCounter;
  readonly createTime: Histogram;
  readonly duration: Histogram;
  readonly io: Counter;
  readonly pending: ObservableUpDownCounter;
  readonly errors: Counter;
}

/** The boundaries that the conventions advise, in seconds: of phases, and of the lives of connections. */
const PHASE_BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const LIFE_BOUNDARIES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** Creates the metrics of one role. The conventions have none for connections in general: the names are those of databases and HTTP. */
export function createInstruments(meter: Meter, role: DialMessage['role']): Instruments {
  const prefix = `rxjs_io_stream.${role}.connection`;
  return {
    count: meter.createUpDownCounter(`${prefix}.count`, { unit: '{connection}', description: 'Open connections.' }),
    createTime: meter.createHistogram(`${prefix}.create_time`, {
      unit: 's',
      description: 'Time from the dial until the last handshake was complete.',
      advice: { explicitBucketBoundaries: PHASE_BOUNDARIES },
    }),
    duration: meter.createHistogram(`${prefix}.duration`, {
      unit: 's',
      description: 'Time from the last handshake until the connection was closed.',
      advice: { explicitBucketBoundaries: LIFE_BOUNDARIES },
    }),
    io: meter.createCounter(`${prefix}.io`, { unit: 'By', description: 'Bytes read, and bytes sent to the kernel.' }),
    pending: meter.createObservableUpDownCounter(`${prefix}.pending`, { unit: 'By', description: 'Bytes that wait to be sent.' }),
    errors: meter.createCounter(`${prefix}.errors`, { unit: '{error}', description: 'Errors of connections.' }),
  };
}

/** Creates the metric of the conventions for DNS. */
export function createLookupDuration(meter: Meter): Histogram {
  return meter.createHistogram('dns.lookup.duration', {
    unit: 's',
    description: 'Measures the time taken to perform a DNS lookup.',
    advice: { explicitBucketBoundaries: PHASE_BOUNDARIES },
  });
}

export function createRejected(meter: Meter): Counter {
  const description = 'Connections that a server has dropped, over `maxConnections` or by `admit`.';
  return meter.createCounter('rxjs_io_stream.server.connection.rejected', { unit: '{connection}', description });
}
