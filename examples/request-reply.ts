// A service for clients with a certificate (mutual TLS), and such a client. Requests and replies are lines of JSON, many at a time.
//   npx tsx examples/request-reply.ts                                          both in one process, with an embedded certificate
//   npx tsx examples/request-reply.ts serve PORT KEY.pem CERT.pem CA.pem
//   npx tsx examples/request-reply.ts ask PORT KEY.pem CERT.pem CA.pem TEXT…   of a service on this machine
import { readFileSync } from 'node:fs';
import { framed, listen, ndjson, open, requests, tlsClient, tlsServer, type Server } from 'rxjs-io-stream';
import { forkJoin, lastValueFrom, tap, type Observable } from 'rxjs';
import { parseCommandLine, parsePort, runProgram } from './support/command-line.ts';
import { cert, key } from './support/identity.ts';
import { started } from './support/started.ts';
import { serveUntilInterrupted } from './support/until-interrupted.ts';

/** A key, its certificate, and the authority that must have signed the certificate of the other side. All as PEM. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** A request has a text, its reply a result or an error, and the id of the request. */
export interface Message {
  readonly id: number;
  readonly text?: unknown;
  readonly result?: string;
  readonly error?: string;
}

const codec = ndjson<Message>({ maxLength: 65_536 });
const timeouts = { establish: 10_000 };

/** Listens while subscribed. A client without a certificate that `ca` has signed does not reach the handler. */
export function service(port: number, identity: Identity): Observable<Server> {
  const tls = tlsServer({ ...identity, requestCert: true });
  return listen({ host: '127.0.0.1', port, plugin: { tls }, timeouts }, (io) => {
    const client = io.details.tls.x509?.subject ?? '';
    const { messages$, write } = framed(io, codec);
    return messages$.pipe(tap((request) => write({ id: request.id, ...answer(request, client) })));
  });
}

/** What the client sent is not checked yet: it may be any JSON. */
function answer({ text }: Message, client: string): Partial<Message> {
  return typeof text === 'string' ? { result: `${text.toUpperCase()} for ${client}` } : { error: 'expected a text' };
}

/** Sends all requests at once. Resolves with the replies in their order; rejects if one has none after 5 s. */
export async function ask(host: string, port: number, identity: Identity, texts: readonly unknown[]): Promise<Message[]> {
  const io = await open({ host, port, plugin: { tls: tlsClient(identity) }, timeouts });
  try {
    const { request } = requests(framed(io, codec), { match: ({ id }) => id, timeout: 5000 });
    return await lastValueFrom(forkJoin(texts.map((text, id) => request({ id, text }))), { defaultValue: [] });
  } finally {
    io.close();
  }
}

async function main(): Promise<void> {
  const [command, port, ...rest] = parseCommandLine().positionals;
  const show = (replies: readonly Message[]): void => replies.forEach(({ result, error }) => console.log(result ?? error));
  if (command === undefined) {
    const self = { key, cert, ca: cert };
    const running = await started(service(0, self));
    show(await ask('localhost', running.port, self, ['one', 'two']));
    running.stop();
    return;
  }
  const [keyFile = '', certFile = '', caFile = '', ...texts] = rest;
  const read = (file: string): string => readFileSync(file, 'utf8');
  const identity = { key: read(keyFile), cert: read(certFile), ca: read(caFile) };
  if (command === 'serve') serveUntilInterrupted(service(parsePort(port), identity));
  else show(await ask('localhost', parsePort(port), identity, texts));
}

runProgram(import.meta.url, main);
