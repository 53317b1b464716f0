import { diagnostics, type DiagnosticsMessages } from 'rxjs-io-stream';
import type { Job, Outcome, Program, Row } from '../row.ts';
import { perSecond } from '../row.ts';
import { churning, oneOfOurs } from './connect-echo-close.ts';

const CHANNELS: readonly (keyof DiagnosticsMessages)[] = [
  'connection:dial',
  'connection:attempt',
  'connection:handshake',
  'connection:connected',
  'connection:pause',
  'connection:resume',
  'connection:error',
  'connection:closed',
];

const { run } = churning('without a subscriber', oneOfOurs);

let messages = 0;
let isSubscribed = false;

/** Subscribes once in its process: each change of a channel makes the engine compile its publishers again. */
const subscribed: Program = {
  name: 'with subscribers',
  async run(job: Job): Promise<Outcome> {
    if (!isSubscribed) for (const name of CHANNELS) diagnostics(name).subscribe(() => (messages += 1));
    isSubscribed = true;
    const outcome = await run(job);
    if (messages === 0) throw new Error('expected messages of the connections, got none');
    return outcome;
  },
};

/** What the messages of connections cost while they are subscribed. The rows above have no subscriber. */
export const diagnosed: Row = {
  name: 'diagnostics',
  title: 'connect–echo–close, 1 at a time, with a subscriber of all messages but signals',
  programs: [subscribed, { name: 'without a subscriber', run }],
  peer: 'echo',
  work: { connections: 1, chunk: 64 },
  start: 1_000,
  unit: { name: 'conn', size: 1 },
  figures: [perSecond('conn', 1, undefined, 'both')],
};
