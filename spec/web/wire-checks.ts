import { checkWire, testDial, wirePeer } from 'rxjs-io-stream/testing';
import {
  connect,
  IOStream,
  open,
  overMessages,
  toWebStreams,
  webSocket,
  webStreams,
  type ChannelEnd,
  type WebStreamsSocket,
} from 'rxjs-io-stream/web';
import { fromEvent, lastValueFrom, map, reduce, takeUntil } from 'rxjs';

/** What runs in a page, called by wires-in-chromium.spec.ts. Results are JSON. */

const CHUNK = new Uint8Array(65_536).map((_, at) => at % 251);

function* chunks(bytes: number): Generator<Uint8Array> {
  for (let sent = 0; sent < bytes; sent += CHUNK.length) yield CHUNK;
}

/** The fields of an error that specs compare. */
function factsOf(error: unknown): object {
  const { name, code, phase, closeCode, closeReason } = error as Record<string, unknown>;
  return { name, code, phase, closeCode, closeReason };
}

/** Sends bytes to an echo, reads them back slowly, then closes. */
export async function echo(url: string, bytes: number): Promise<object> {
  const io = await open({ wire: webSocket(url) });
  const sending = lastValueFrom(io.send(chunks(bytes)));
  let received = 0;
  let isSame = true;
  let largestPending = 0;
  for await (const chunk of io) {
    for (let at = 0; at < chunk.length; at += 997) isSame &&= chunk[at] === ((received + at) % CHUNK.length) % 251;
    received += chunk.length;
    largestPending = Math.max(largestPending, io.output.pending);
    if (received % (1 << 20) < chunk.length) await new Promise((resolve) => setTimeout(resolve, 1));
    if (received === bytes) break;
  }
  const sent = await sending;
  io.end();
  const { by, facts } = await lastValueFrom(io.closed$);
  return { sent, received, isSame, by, facts, isBounded: largestPending < 1_000_000 };
}

/** Connects, and returns the error that ends the connection, and the text before it. */
export async function failure(url: string, options: object = {}): Promise<object> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    await lastValueFrom(
      connect({ wire: webSocket(url, options) }, (io) => io.data$).pipe(reduce((all, bytes) => (text = all + decoder.decode(bytes)), '')),
    );
    return { text, completed: true };
  } catch (error) {
    return { text, ...factsOf(error) };
  }
}

/** Pauses at once, so that the limit of the wire is reached. */
export async function overLimit(url: string): Promise<object> {
  const io = new IOStream({ wire: webSocket(url, { inBufLimit: 100_000 }) });
  io.pause();
  const { error } = await lastValueFrom(io.closed$);
  return factsOf(error);
}

/** Opens and resets. */
export async function reset(url: string): Promise<void> {
  (await open({ wire: webSocket(url) })).reset();
}

/** Both directions end by themselves. */
export async function halfClose(url: string): Promise<string> {
  const io = await open({ wire: webSocket(url, { halfClose: true }), allowHalfOpen: true });
  io.end('request');
  let text = '';
  for await (const bytes of io) text += new TextDecoder().decode(bytes);
  return text;
}

/** A channel of messages over a WebSocket of the browser, as in the guide of `overMessages`. */
async function channelOver(url: string): Promise<ChannelEnd> {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  await new Promise((resolve) => (socket.onopen = resolve));
  return {
    send: (message) => socket.send(message),
    messages$: fromEvent<MessageEvent>(socket, 'message').pipe(
      map(({ data }) => data as ArrayBuffer),
      takeUntil(fromEvent(socket, 'close')),
    ),
    close: () => socket.close(),
  };
}

/** Checks the rules of a wire between two WebSockets whose messages the server passes on. Returns the report as text. */
export async function rulesOverMessages(url: string): Promise<string> {
  const report = await checkWire(
    async () => {
      const [near, far] = await Promise.all([channelOver(url), channelOver(url)]);
      return { wire: overMessages(near), dial: testDial(), peer: () => wirePeer(overMessages(far), testDial()) };
    },
    { singleUse: true, sentEvery: 256 * 1024, timeout: 10_000 },
  );
  return String(report);
}

/** Reads with a BYOB reader of `toWebStreams`. */
export async function byob(url: string): Promise<object> {
  const { readable, writable, closed, close } = toWebStreams(await open({ wire: webSocket(url) }));
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode('abcdefghij'));
  const reader = readable.getReader({ mode: 'byob' });
  const sizes: number[] = [];
  let text = '';
  while (text.length < 10) {
    const { value } = await reader.read(new Uint8Array(4));
    sizes.push(value?.length ?? 0);
    text += new TextDecoder().decode(value);
  }
  await close();
  await closed;
  return { text, sizes };
}

/** A wire over `fetch`: our bytes are the body of the request, those of the peer the body of the response. */
function fetchWire(url: string, method: 'GET' | 'POST'): () => Promise<WebStreamsSocket> {
  return async () => {
    const down = new TransformStream<Uint8Array, Uint8Array>();
    if (method === 'GET') {
      const { body } = await fetch(url);
      return { readable: body, writable: down.writable } as unknown as WebStreamsSocket;
    }
    const up = new TransformStream<Uint8Array, Uint8Array>();
    // Chromium has the response when the whole request is sent.
    fetch(url, { method, body: up.readable, duplex: 'half' } as object).then(
      ({ body }) => body?.pipeTo(down.writable as never).catch(() => {}),
      (error: unknown) => down.writable.abort(error),
    );
    return { readable: down.readable, writable: up.writable };
  };
}

/** Downloads a file, read slowly. */
export async function download(url: string): Promise<number> {
  const io = await open({ wire: webStreams(fetchWire(url, 'GET')) });
  let received = 0;
  for await (const bytes of io) {
    received += bytes.length;
    if (received % (1 << 20) < bytes.length) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return received;
}

/** Uploads bytes, and returns the text of the response. */
export async function upload(url: string, bytes: number): Promise<string> {
  const io = await open({ wire: webStreams(fetchWire(url, 'POST')), allowHalfOpen: true });
  await lastValueFrom(io.send(chunks(bytes)));
  io.end();
  let text = '';
  for await (const chunk of io) text += new TextDecoder().decode(chunk);
  return text;
}
