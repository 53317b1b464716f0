import { inspect, type InspectOptions } from 'rxjs-io-stream/inspect';
import type { InspectionState } from '../../src/inspect/inspection.ts';
import type { Harness } from './harness.ts';

/** A page of `inspect`. It is stopped at the end of the spec. */
export interface Inspected {
  readonly url: string;
  readonly port: number;
  /** The path of the page: its token, between slashes. */
  readonly path: string;
  /** Asks for the state, as the page does. */
  state(since?: number): Promise<InspectionState>;
  /** Presses a button of a connection. */
  press(id: number, action: 'close' | 'reset' | 'record' | 'stop'): Promise<Response>;
}

/** Serves a page, and waits for its URL. */
export async function inspected(h: Harness, options?: InspectOptions): Promise<Inspected> {
  const pages = h.observed(inspect(options));
  await h.until(() => pages.values.length === 1 || pages.state === 'error');
  const { url = '', port = 0 } = pages.values[0] ?? {};
  return {
    url,
    port,
    path: new URL(url).pathname,
    state: async (since = -1) => (await (await fetch(`${url}state?since=${since}`)).json()) as InspectionState,
    press: (id, action) => fetch(`${url}connections/${id}/${action}`, { method: 'POST' }),
  };
}
