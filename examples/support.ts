// What the small examples talk to: a server on a free port of this machine, for as long as the example runs.
import { listen, type IOStream } from 'rxjs-io-stream';
import type { ObservableInput } from 'rxjs';

/** Serves on a free port; the result says which, and how to stop. */
export function serve(handler: (io: IOStream) => ObservableInput<unknown>): Promise<{ readonly port: number; readonly stop: () => void }> {
  return new Promise((resolve, reject) => {
    const serving = listen({ host: '127.0.0.1', port: 0 }, handler).subscribe({
      next: ({ address }) => resolve({ port: typeof address === 'string' ? 0 : address.port, stop: () => serving.unsubscribe() }),
      error: reject,
    });
  });
}
