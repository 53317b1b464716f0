// Traces and metrics
export { instrument, type InstrumentOptions } from './opentelemetry/instrument.ts';
