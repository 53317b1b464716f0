import type { DataSignal, Flow, Up } from '../../src/wire/signal.ts';

/** Creates `data` of Latin-1 text. */
export const data = (text: string): DataSignal => ({ kind: 'data', bytes: Buffer.from(text, 'latin1') });

export const sent = (bytes: number): Up => ({ kind: 'sent', bytes });

/** Formats signals for assertions: `['connected', 'data abc', 'sent 3', 'end']`. */
export function inWords(signals: readonly (Flow | Up)[]): string[] {
  return signals.map((signal) => {
    if (signal.kind === 'data') return `data ${latin1(signal.bytes)}`;
    if (signal.kind === 'sent') return `sent ${signal.bytes}`;
    return signal.kind === 'end' && signal.truncated ? 'end truncated' : signal.kind;
  });
}

/** Returns the bytes of all `data` signals as Latin-1 text. */
export function textOf(signals: readonly (Flow | Up)[]): string {
  return signals.map((signal) => (signal.kind === 'data' ? latin1(signal.bytes) : '')).join('');
}

/** Returns the sum of all `sent` signals. */
export function sentOf(signals: readonly (Flow | Up)[]): number {
  return signals.reduce((sum, signal) => sum + (signal.kind === 'sent' ? signal.bytes : 0), 0);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
