// A live page of all connections of the process. Runs on Node.
export { inspect, type Inspector } from './inspect/inspect.ts';
export type { InspectOptions } from './inspect/inspect-options.ts';
