/** Lines that must compile, and lines that must not: `tsc -p tsconfig.check.json` is the test. Nothing here runs. */
import { EMPTY, type Observable } from 'rxjs';
import {
  connect,
  framed,
  handshake,
  IOStream,
  listen,
  open,
  openTls,
  passthrough,
  startTls,
  tlsClient,
  tlsServer,
  toDuplex,
  type IOStreamOptions,
  type Plugin,
  type TlsFacts,
  type Wire,
} from 'rxjs-io-stream';

declare function use(value: number | string | null): void;
declare function look(value: unknown): void;
declare const wire: Wire;
const place = { host: '127.0.0.1', port: 7 };

export function detailsAreTypedByThePlugins(): void {
  const knock = handshake({
    *talk(link) {
      yield* link.read(1);
      return { word: 'ok' };
    },
  });
  connect({ ...place, plugin: { tls: tlsClient(), knock } }).subscribe((io) => {
    use(io.details.tls.protocol);
    use(io.details.knock.word.length);
    look(io.details.knock.layer);
    // @ts-expect-error: a string
    use(io.details.knock.word * 2);
    // @ts-expect-error: there is no such plugin
    look(io.details.tsl);
  });
  connect({ ...place, plugin: { tls: tlsClient() } }, (io) => (use(io.details.tls.cipher), EMPTY)).subscribe();
  void open({ ...place, plugin: { tls: tlsClient() } }).then((io) => use(io.details.tls.protocol));
  listen({ port: 7, plugin: { ssl: tlsServer({}) } }, (io) => (use(io.details.ssl.protocol), EMPTY)).subscribe(({ connections$ }) =>
    connections$.subscribe((io) => use(io.details.ssl.protocol)),
  );
}

export function detailsOfAnUpgradedStream(io: IOStream<{ readonly Count: number }>): void {
  startTls(io).subscribe((secure) => use(secure.Count + (secure.details.tls.protocol?.length ?? 0)));
  void openTls(io).then((secure) => {
    use(secure.details.tls.cipher);
    look(toDuplex(secure));
    startTls(secure).subscribe((twice) => use(twice.Count));
  });
}

export function detailsAreNotThereBeforeTheConnection(): void {
  const io = new IOStream({
    ...place,
    plugin: { tls: tlsClient() },
    cb: (stream) => look(stream.details.tls?.protocol),
  });
  use(io.details.tls?.protocol ?? null);
  // @ts-expect-error: not before CONNECTED
  look(io.details.tls.protocol);
}

export function pluginsThatAreNotKnownByName(plugin: Record<string, Plugin>, pairs: [string, Plugin][], options: IOStreamOptions): void {
  connect({ ...place, plugin }).subscribe((io) => look(io.details.anything?.fact));
  connect({ ...place, plugin: pairs }).subscribe((io) => look(io.details.anything?.fact));
  connect({ ...place, plugin: [['tls', tlsClient()]] }).subscribe((io) => look(io.details.tls?.protocol));
  connect(options).subscribe((io) => look(io.details.anything?.fact));
  const own: Plugin = (below) => (dial) => below(dial);
  connect({ ...place, plugin: { own } }).subscribe((io) => look(io.details.own.fact));
  connect({ ...place, plugin: { own: (below) => below } }).subscribe((io) => look(io.details.own.fact));
  const facts: Plugin<TlsFacts> = tlsClient();
  look(facts);
}

export function aPluginIsCalledFirst(): void {
  // @ts-expect-error: `passthrough()` is a plugin, `passthrough` makes one
  connect({ ...place, plugin: { noop: passthrough } });
}

export function streamsOfAnyKindAreStreams(): void {
  const codec = { decode: () => () => EMPTY, encode: () => () => EMPTY };
  const take = (io: IOStream): void => look(framed(io, codec));
  void open({ ...place, Count: 0, plugin: { tls: tlsClient() } }).then((io) => {
    take(io);
    look(toDuplex(io));
  });
  take(new IOStream({ ...place, Count: 0, plugin: { tls: tlsClient() } }));
  const either: IOStream = new IOStream({ wire, plugin: { tls: tlsClient() } });
  take(either);
}

export function ownFieldsAreKeptInEvents(): void {
  const io = new IOStream({ ...place, Count: 0 });
  io.events$.subscribe((event) => {
    event.io.Count += event.mask;
    // @ts-expect-error: no such option was passed
    look(event.io.Missing);
  });
  connect({ ...place, Count: 0, plugin: { tls: tlsClient() } }).subscribe(({ events$ }) =>
    events$.subscribe((event) => use(event.io.Count + (event.io.details.tls.protocol?.length ?? 0))),
  );
}

class Chat extends IOStream {
  readonly nick: string;
  readonly #lines: string[] = [];

  constructor(nick: string) {
    super({ ...place, waitFor: 0, Room: 'hall' });
    this.nick = nick;
  }

  post(text: string): number {
    this.write(`${this.nick}: ${text}\n`);
    return this.#lines.push(text);
  }

  override close(): void {
    this.end('bye\n');
    super.close();
  }
}

export function aClassMayExtendIOStream(): void {
  const chat = new Chat('me');
  use(chat.post('hello'));
  const close = (io: IOStream): void => io.close();
  close(chat);
  chat.events$.subscribe((event) => use(event.io.nick));
  // @ts-expect-error: the constructor takes a text
  look(new Chat(5));
}

export function optionsMayBeAUnion(
  either: { readonly host: string; readonly port: number } | { readonly path: string },
  counted: { readonly host: string; readonly port: number; readonly Count: number } | { readonly path: string; readonly Count: number },
): void {
  const io$: Observable<IOStream> = connect(either);
  look(io$);
  connect(either, (io) => io.data$).subscribe((bytes) => look(bytes.length));
  connect(counted).subscribe((io) => use(io.Count));
  connect(() => counted).subscribe((io) => use(io.Count));
  connect(Math.random() > 0.5 ? { ...place, Count: 0 } : { path: '/run/x.sock', Count: 0 }).subscribe((io) => use(io.Count));
  connect({ ...either, plugin: { tls: tlsClient() } }).subscribe((io) => use(io.details.tls.protocol));
  connect(Math.random() > 0.5 ? place : () => place).subscribe((io) => look(io.inBytes));
  void open(counted).then((io) => use(io.Count));
  use(new IOStream(counted).Count);
}

export function preparedOptionsMayLackFields(options: Omit<IOStreamOptions, 'port'>): void {
  listen({ ...options, port: 7 }, (io) => io.send(io)).subscribe();
}

export function aMisspeltOptionDoesNotCompile(): void {
  // @ts-expect-error: `timeouts`
  new IOStream({ ...place, tiemouts: { connect: 1 } });
  // @ts-expect-error: `timeouts`
  connect({ ...place, tiemouts: { connect: 1 } });
  // @ts-expect-error: `timeouts`
  connect({ ...place, tiemouts: { connect: 1 } }, (io) => io.data$);
  // @ts-expect-error: `timeouts`
  connect(() => ({ ...place, tiemouts: { connect: 1 } }));
  // @ts-expect-error: `timeouts`
  void open({ ...place, tiemouts: { connect: 1 } });
  // @ts-expect-error: the option is `port`
  listen({ prot: 7 });
  // @ts-expect-error: `maxConnections`
  listen({ port: 7, maxConections: 7 }, () => EMPTY);
  // @ts-expect-error: in `timeouts`
  connect({ ...place, timeouts: { conect: 1 } });
  const prepared = { ...place, highwaterMark: 1 };
  // @ts-expect-error: `highWaterMark`, misspelt in a variable
  connect(prepared);
  // @ts-expect-error: own fields start with a capital
  connect({ ...place, count: 0 });
}
