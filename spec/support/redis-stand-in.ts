import { createServer, type Server, type Socket } from 'node:net';

/** The state of one connection. */
interface Client {
  readonly socket: Socket;
  welcome: boolean;
}

type Command = (words: readonly Buffer[], client: Client) => Buffer | string;

const OK = '+OK\r\n';
const bulk = (value: Buffer | undefined): Buffer =>
  value ? Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')]) : Buffer.from('$-1\r\n');
const array = (replies: readonly (Buffer | string)[]): Buffer =>
  Buffer.concat([Buffer.from(`*${replies.length}\r\n`), ...replies.map((reply) => Buffer.from(reply))]);

/**
 * The part of Redis that the specs and the benchmark use, on a server that does not listen yet. For machines where no
 * redis-server is installed. Supports RESP 2 with PING, ECHO, SET, GET, DEL, INCR, RPUSH, LRANGE, AUTH, CLIENT KILL, QUIT.
 */
export function redisStandIn(password?: string): Server {
  const values = new Map<string, Buffer>();
  const lists = new Map<string, Buffer[]>();
  const clients = new Set<Client>();
  const wrongType = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';

  const commands: Readonly<Record<string, Command>> = {
    PING: () => '+PONG\r\n',
    ECHO: ([, text]) => bulk(text),
    SET: ([, key, value]) => {
      values.set(String(key), Buffer.from(value ?? ''));
      return OK;
    },
    GET: ([, key]) => (lists.has(String(key)) ? wrongType : bulk(values.get(String(key)))),
    DEL: ([, ...keys]) => `:${keys.filter((key) => values.delete(String(key)) || lists.delete(String(key))).length}\r\n`,
    INCR: ([, key]) => {
      const next = Number(values.get(String(key)) ?? 0) + 1;
      if (!Number.isInteger(next)) return '-ERR value is not an integer or out of range\r\n';
      values.set(String(key), Buffer.from(String(next)));
      return `:${next}\r\n`;
    },
    RPUSH: ([, key, ...items]) => {
      const list = [...(lists.get(String(key)) ?? []), ...items];
      lists.set(String(key), list);
      return `:${list.length}\r\n`;
    },
    LRANGE: ([, key]) => array((lists.get(String(key)) ?? []).map(bulk)),
    AUTH: (words, client) => {
      client.welcome = String(words.at(-1)) === password;
      return client.welcome ? OK : '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
    },
    CLIENT: ([, what], client) => {
      if (String(what).toUpperCase() !== 'KILL') return OK;
      const others = [...clients].filter((each) => each !== client);
      for (const { socket } of others) socket.destroy();
      return `:${others.length}\r\n`;
    },
    QUIT: (_, { socket }) => {
      setImmediate(() => socket.end());
      return OK;
    },
  };

  const answer = (words: readonly Buffer[], client: Client): Buffer | string => {
    const name = String(words[0]).toUpperCase();
    if (!client.welcome && name !== 'AUTH') return '-NOAUTH Authentication required.\r\n';
    return commands[name]?.(words, client) ?? `-ERR unknown command '${String(words[0])}'\r\n`;
  };

  return createServer((socket) => {
    const client: Client = { socket: socket.setNoDelay(), welcome: password === undefined };
    clients.add(client);
    let rest = Buffer.alloc(0);
    socket.on('error', () => {}).on('close', () => clients.delete(client));
    socket.on('data', (bytes) => {
      const all = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
      let at = 0;
      const replies: (Buffer | string)[] = [];
      for (let command = commandAt(all, at); command; command = commandAt(all, at)) {
        replies.push(answer(command.words, client));
        at = command.end;
      }
      rest = Buffer.from(all.subarray(at));
      if (replies.length > 0) socket.write(Buffer.concat(replies.map((reply) => Buffer.from(reply))));
    });
  });
}

/** Parses one command; returns it and the offset of the next one, or undefined if it is incomplete. */
function commandAt(bytes: Buffer, start: number): { words: Buffer[]; end: number } | undefined {
  const words: Buffer[] = [];
  let end = bytes.indexOf('\r\n', start) + 2;
  if (end < 2) return undefined;
  for (let remaining = Number(bytes.toString('latin1', start + 1, end - 2)); remaining > 0; remaining -= 1) {
    const value = bytes.indexOf('\r\n', end) + 2;
    if (value < 2) return undefined;
    const length = Number(bytes.toString('latin1', end + 1, value - 2));
    if (bytes.length < value + length + 2) return undefined;
    words.push(bytes.subarray(value, value + length));
    end = value + length + 2;
  }
  return { words, end };
}
