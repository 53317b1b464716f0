/** The fields of a test on the page. */
export const FIELDS = ['code', 'app', 'to wire', 'wire', 'to app', 'values'] as const;
export type Field = (typeof FIELDS)[number];

/** A test to start from. */
export interface Example {
  readonly id: string;
  readonly title: string;
  readonly fields: Readonly<Record<Field, string>>;
}

const KNOCK: Example = {
  id: 'handshake',
  title: 'A handshake: knock and come in',
  fields: {
    code: `import { handshake } from 'rxjs-io-stream';

export const plugin = handshake({
  *talk(link) {
    link.send('KNOCK\\n');
    const answer = yield* link.readUntil('\\n', 256);
    return { answer };
  },
});

// The other end, for the checks: a script.
export const peer = [{ expect: 'KNOCK\\n' }, { send: 'COME IN\\n' }];
`,
    app: '----h-----E-',
    'to wire': '-k----h---E-',
    wire: '-C----w-E---',
    'to app': '------C-E---',
    values: `k: 'KNOCK\\n'\nw: 'COME IN\\n'\nh: 'hello'\n`,
  },
};

const SOCKS: Example = {
  id: 'socks5',
  title: 'A handshake: SOCKS5 without a password',
  fields: {
    code: `import { handshake, IOStreamError } from 'rxjs-io-stream';

const fail = (message: string) => new IOStreamError('EPROXY', { phase: 'handshake', message });

/** RFC 1928: one method, then a request with the name of the target. */
export const plugin = handshake({
  *talk(link, target) {
    if (!target || !('host' in target)) throw fail('expected a target with a host');
    link.send(Uint8Array.of(5, 1, 0));
    const [version, method] = yield* link.read(2);
    if (version !== 5 || method !== 0) throw fail('the proxy wants a password');

    const name = new TextEncoder().encode(target.host);
    link.send(Uint8Array.of(5, 1, 0, 3, name.length, ...name, target.port >> 8, target.port & 255));
    const [, reply] = yield* link.read(4);
    if (reply !== 0) throw fail('the proxy refused: ' + reply);
    yield* link.read(6); // the bound address, IPv4
  },
});

export const peer = [{ expect: 3 }, { send: '\\x05\\x00' }, { expect: 18 }, { send: '\\x05\\0\\0\\x01\\0\\0\\0\\0\\0\\0' }];
`,
    app: '-h------------',
    'to wire': '--g-r---h-----',
    wire: '--C-m---(ob)---',
    'to app': '--------(Cb)---',
    values: `h: 'hello'
b: 'bytes behind the reply'
g: '0x05 01 00'
m: '0x05 00'
r: '0x05 01 00 03 0b 74 61 72 67 65 74 2e 74 65 73 74 00 07'
o: '0x05 00 00 01 00 00 00 00 00 00'
`,
  },
};

const RC4: Example = {
  id: 'rc4',
  title: 'A cipher: rc4',
  fields: {
    code: `import { rc4 } from 'rxjs-io-stream';

export const plugin = rc4('Key');
`,
    app: '---p--------E-',
    'to wire': '---x--------E-',
    wire: '-C---y-z-E----',
    'to app': '-C---a-b-E----',
    values: `p: 'Plaintext'
x: '0xbb f3 16 e8 d9 40 af 0a d3'
y: '0xbb f3 16 e8 d9'
z: '0x40 af 0a d3'
a: 'Plain'
b: 'text'
`,
  },
};

const CODEC: Example = {
  id: 'codec',
  title: 'A codec: netstrings',
  fields: {
    code: `import { Subject } from 'rxjs';
import { netstrings, transform } from 'rxjs-io-stream';

export const codec = netstrings({ maxLength: 100_000 });
export const messages = ['one', '', 'zwölf'].map((text) => new TextEncoder().encode(text));
export const tooLong = new Uint8Array(100_001);

/** The same frames as a plugin: one for each write. */
export const plugin = transform({
  down: () => through(codec.encode()),
  up: () => through(codec.decode()),
});

function through(operator) {
  const input = new Subject();
  let output = [];
  let failure;
  input.pipe(operator).subscribe({ next: (bytes) => output.push(bytes), error: (error) => (failure = { error }) });
  const take = () => {
    if (failure) throw failure.error;
    return output.splice(0);
  };
  return {
    // An empty chunk is no message.
    push: (bytes) => (bytes.length > 0 && input.next(bytes), take()),
    finish: () => (input.complete(), take()),
  };
}
`,
    app: '--h------E-',
    'to wire': '--n------E-',
    wire: '-C--f-g-E--',
    'to app': '-C--o-t-E--',
    values: `h: 'hello'\nn: '5:hello,'\nf: '3:one,3:t'\ng: 'wo,'\no: 'one'\nt: 'two'\n`,
  },
};

const THROTTLE: Example = {
  id: 'throttle',
  title: 'A limit: throttleBytes',
  fields: {
    code: `import { throttleBytes } from 'rxjs-io-stream';

// 1000 bytes a second are one byte in 1 ms; 4 of them may pass at once.
export const plugin = throttleBytes({ rate: 1000, burst: 4 });

// The other rules are checked with more bytes than pass at this rate.
export const rules = [1, 2, 4, 6, 8, 9, 10, 12];
`,
    app: '--h-----------------',
    'to wire': '',
    wire: '-C-------w----------',
    'to app': '',
    values: `h: 'one two three'\nw: 'abcdefgh'\n`,
  },
};

const BUG: Example = {
  id: 'bug',
  title: 'A cipher with a bug: the test passes, the checks find it',
  fields: {
    code: `import { mapBytes } from 'rxjs-io-stream';

/** Adds its position to each byte. The bug: it starts again with each chunk, and a network may cut anywhere. */
const shift = (sign: number) => () => (bytes: Uint8Array) =>
  bytes.map((byte, position) => byte + sign * position);

export const plugin = (wire) => (dial) => (flow$) =>
  flow$.pipe(mapBytes(shift(1)), wire(dial), mapBytes(shift(-1)));
`,
    app: '---h-----E-',
    'to wire': '---x-----E-',
    wire: '-C----x-E--',
    'to app': '-C----h-E--',
    values: `h: 'aaaaa'\nx: 'abcde'\n`,
  },
};

const OWN: Example = {
  id: 'own',
  title: 'Your own: an empty plugin',
  fields: {
    code: `import type { Plugin } from 'rxjs-io-stream';

// flow$ are the signals to the wire. The result are the signals to the application.
export const plugin: Plugin = (wire) => (dial) => (flow$) => flow$.pipe(wire(dial));
`,
    app: '---h----E-',
    'to wire': '---h----E-',
    wire: '-C---w-E--',
    'to app': '-C---w-E--',
    values: `h: 'hello'\nw: 'world'\n`,
  },
};

export const EXAMPLES: readonly [Example, ...Example[]] = [KNOCK, SOCKS, RC4, CODEC, THROTTLE, BUG, OWN];
