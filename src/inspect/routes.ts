import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Access } from './access.ts';
import type { Inspection } from './inspection.ts';
import { toSvg } from '../testing/picture/to-svg.ts';
import { pageOf } from './page/page.ts';
import { listOf } from './recording-list.ts';
import { MAX_RECORDINGS } from './recordings.ts';

/** What is sent in reply to a request. */
interface Reply {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sent with each reply. No other page may read, frame or store it, and no address leaks through Referer. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Answers the requests of the page: paths start with the token. */
export class Routes {
  readonly #access: Access;
  readonly #inspection: Inspection;

  constructor(access: Access, inspection: Inspection) {
    this.#access = access;
    this.#inspection = inspection;
  }

  /** Answers one request. No request has a body: one that is sent is discarded. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    // No reply is stored, so none needs a date, for which Node keeps a timer.
    response.sendDate = false;
    const { method = '', url = '', headers } = request;
    const [, token = '', path = '', query = ''] = /^\/([^/?]*)\/?([^?]*)\??(.*)$/s.exec(url) ?? [];
    const refusal = this.#access.refusal(headers, token);
    const reply = refusal === undefined ? this.#route(method, path, query, url) : text(403, refusal);
    const { status = 200, type = 'text/plain; charset=utf-8', body } = reply;
    response.writeHead(status, { ...HEADERS, 'content-type': type, ...reply.headers });
    response.end(method === 'HEAD' ? undefined : body);
  }

  #route(method: string, path: string, query: string, url: string): Reply {
    const [, kind, number, action = ''] = /^(connections|recordings)\/(\d{1,15})[/.](\w+)$/.exec(path) ?? [];
    const isAction = kind === 'connections';
    if (isAction ? method !== 'POST' : method !== 'GET' && method !== 'HEAD')
      return { ...text(405, `expected ${isAction ? 'POST' : 'GET'}, got ${method}`), headers: { allow: isAction ? 'POST' : 'GET, HEAD' } };
    if (isAction) return this.#act(Number(number), action);
    if (kind === 'recordings') return this.#recording(Number(number), action);
    // Without the slash at the end, the addresses in the page would not have the token.
    if (/^\/[^/]*$/.test(url)) return { ...text(308, ''), headers: { location: url.replace(/\?.*$|$/s, '/') } };
    if (path === '') return page();
    if (path === 'state') return json(this.#inspection.stateSince(Number(new URLSearchParams(query).get('since') ?? -1)));
    return text(404, `expected a path of the page, got ${JSON.stringify(path)}`);
  }

  #act(id: number, action: string): Reply {
    const connection = this.#inspection.find(id);
    if (!connection) return text(404, `expected the number of a connection, got ${id}: it is not kept any more`);
    const { stream, isClosed } = connection;
    const { recordings } = this.#inspection;
    switch (action) {
      case 'close':
      case 'reset':
        if (isClosed || !stream) return text(409, `connection ${id} is closed, or no stream of this process`);
        stream[action]();
        break;
      case 'record':
        if (isClosed) return text(409, `connection ${id} is closed`);
        if (!recordings.start(id, connection.isConnected))
          return text(409, `expected fewer than ${MAX_RECORDINGS} active recordings; stop one of them`);
        break;
      case 'stop':
        recordings.stop(id);
        break;
      default:
        return text(404, `expected close, reset, record or stop, got ${JSON.stringify(action)}`);
    }
    return { status: 204, body: '' };
  }

  #recording(id: number, format: string): Reply {
    const recording = this.#inspection.recordings.recordingOf(id);
    if (!recording) return text(404, `expected the number of a recorded connection, got ${id}`);
    if (format === 'txt') return text(200, recording.toString());
    if (format === 'list') return text(200, listOf(recording));
    if (format === 'svg') return picture(toSvg(recording, { title: `connection ${id}`, phases: this.#inspection.recordings.phasesOf(id) }));
    return text(404, `expected the format txt, list or svg, got ${JSON.stringify(format)}`);
  }
}

function page(): Reply {
  const nonce = randomBytes(16).toString('base64');
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
  return { type: 'text/html; charset=utf-8', body: pageOf(nonce), headers: { 'content-security-policy': policy } };
}

/** The picture contains text of peers, escaped. A policy of its own allows its style, and nothing else. */
function picture(svg: string): Reply {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";
  return { type: 'image/svg+xml', body: svg, headers: { 'content-security-policy': policy } };
}

function text(status: number, body: string): Reply {
  return { status, body };
}

function json(value: unknown): Reply {
  return { type: 'application/json', body: JSON.stringify(value) };
}
