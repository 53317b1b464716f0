import { appPauses, peerPauses } from './backpressure.ts';
import { closeAfterWrite, closeBeforeConnected, closeTimeout, closeWithUnreadInput } from './close.ts';
import { peerEndsFirst } from './half-close.ts';
import { appResets, peerResets } from './reset.ts';
import { notSubscribed, subscribedTwice } from './subscriptions.ts';
import { answerInsideNext, burst } from './synchronous-signals.ts';
import { largeTransfers, smallTransfers } from './transfer.ts';
import { unsubscribeAfterClose, unsubscribeBeforeConnected, unsubscribeInside } from './unsubscribe.ts';
import type { WireCase } from './wire-case.ts';

/** All cases, the simplest first: of two cases that break a rule, the first is reported. */
export const WIRE_CASES: readonly WireCase[] = [
  { rules: [1], input: 'the wire is dialled and not subscribed', run: notSubscribed },
  ...smallTransfers(),
  { rules: [4], input: 'the peer ends first, then the application writes 5 bytes and ends', run: peerEndsFirst },
  { rules: [5], input: 'the application writes 5 bytes and closes, then the peer ends', run: closeAfterWrite },
  { rules: [5], input: 'the peer writes 100 kB that remain unread, the application writes 5 bytes and closes', run: closeWithUnreadInput },
  { rules: [5], input: 'the application closes before it is connected', run: closeBeforeConnected },
  { rules: [5], input: 'Flow errors', run: appResets },
  { rules: [5], input: 'the peer writes 5 bytes, then resets', run: peerResets },
  { rules: [6], input: 'the application unsubscribes before it is connected', run: unsubscribeBeforeConnected },
  { rules: [6], input: "the application unsubscribes from inside 'connected'", run: (test) => unsubscribeInside(test, 'connected') },
  { rules: [6], input: "the application unsubscribes from inside 'data'", run: (test) => unsubscribeInside(test, 'data') },
  { rules: [6], input: "the application unsubscribes from inside 'end'", run: (test) => unsubscribeInside(test, 'end') },
  { rules: [6], input: 'the application unsubscribes after the close', run: unsubscribeAfterClose },
  { rules: [3], input: "'pause' before 'connected', while the peer writes", run: (test) => appPauses(test, 3) },
  { rules: [7], input: "'pause' after 'connected', while the peer writes", run: (test) => appPauses(test, 7) },
  { rules: [7, 8], input: 'the peer stops reading, the application writes until it is paused', run: peerPauses },
  ...largeTransfers(),
  { rules: [11], input: 'the application answers each of 1,000 bytes from inside next', run: answerInsideNext },
  { rules: [11], input: '10,000 chunks in one tick, in both directions', run: burst },
  { rules: [1], input: 'the same wire is subscribed twice', run: subscribedTwice },
  { rules: [12], input: 'a close while the peer stays silent, on a virtual clock', run: closeTimeout },
];
