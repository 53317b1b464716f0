import { noop, type Observable } from 'rxjs';
import { guardedSubscriber } from '../util/guarded-subscriber.ts';
import { nodeWire } from './node-wire.ts';
import type { Open, OpenStream } from './open-stream.ts';
import type { Dial, ResolvedSignal, Wire } from './signal.ts';

/** Opens a stream: emits `resolved` signals, then the open stream. Unsubscribing before that must free the stream. */
type Open$ = (dial: Dial) => Observable<ResolvedSignal | OpenStream>;

/** Creates a wire as {@link nodeWire} does, from a function that returns an Observable of the open stream. */
export function nodeStream(open$: Open$): Wire {
  return nodeWire(openedBy(open$));
}

/** Makes the function for {@link nodeWire} from one that returns an Observable. */
export function openedBy(open$: Open$): Open {
  return (dial, target) => {
    if (target.isFreed) return undefined;
    const opening = guardedSubscriber<ResolvedSignal | OpenStream>({
      next: (signal) => (signal.kind === 'opened' ? target.opened(signal) : target.resolved(signal)),
      error: (error: unknown) => target.failed(error),
      complete: noop,
    });
    open$(dial).subscribe(opening);
    return opening;
  };
}
