import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { inspect, type InspectOptions } from 'rxjs-io-stream/inspect';
import type { InspectionState } from '../../src/inspect/inspection.ts';
import type { Harness } from './harness.ts';

/** A request to the page. Without a path, for the page itself. */
export interface Question {
  readonly method?: string;
  /** The path after the token. @default '' */
  readonly path?: string;
  /** The whole path, with a token or without. */
  readonly fullPath?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A page of `inspect`. It is stopped at the end of the spec. */
export interface Inspected {
  readonly url: string;
  readonly port: number;
  /** The token in the URL. */
  readonly token: string;
  /** Sends a request. Unlike `fetch`, with any Host and Origin. */
  ask(question?: Question): Promise<Answer>;
  /** Asks for the state, as the page does. */
  state(since?: number): Promise<InspectionState>;
  /** Presses a button of a connection. */
  press(id: number, action: 'close' | 'reset' | 'record' | 'stop'): Promise<Answer>;
  /** Unsubscribes before the end of the spec. */
  stop(): void;
}

/** Serves a page, and waits for its URL. */
export async function inspected(h: Harness, options?: InspectOptions): Promise<Inspected> {
  const pages = h.observed(inspect(options));
  await h.until(() => pages.values.length === 1 || pages.state === 'error');
  const { url = '', port = 0 } = pages.values[0] ?? {};
  const [, token = ''] = new URL(url).pathname.split('/');
  const ask = async ({ path = '', fullPath = `/${token}/${path}`, body: sent, ...rest }: Question = {}): Promise<Answer> => {
    const asking = request({ host: '127.0.0.1', port, agent: false, path: fullPath, ...rest });
    asking.end(sent);
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    let body = '';
    for await (const text of response.setEncoding('utf8')) body += text as string;
    return { status: response.statusCode, headers: response.headers, body };
  };
  return {
    url,
    port,
    token,
    ask,
    state: async (since = -1) => JSON.parse((await ask({ path: `state?since=${since}` })).body) as InspectionState,
    press: (id, action) => ask({ method: 'POST', path: `connections/${id}/${action}` }),
    stop: () => pages.unsubscribe(),
  };
}
