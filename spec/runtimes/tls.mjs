// Runs TLS of the package on loopback and prints a line for each case: `ok`, `refused` or `FAULT`, its name, what came. Imports the
// build, and nothing that Node, Bun and Deno do not share.
import { readFileSync } from 'node:fs';
import { connect as dial, createServer } from 'node:net';
import process from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { connect, listen, open, tlsClient, tlsServer } from 'rxjs-io-stream';

const read = (name) => readFileSync(new URL(`../support/certs/${name}.pem`, import.meta.url), 'utf8');
const identity = (name) => ({ key: read(`${name}.key`), cert: read(name) });
const ca = read('ca');
const HOST = '127.0.0.1';
const timeouts = { handshake: 3000, close: 500 };
const lookup = (_host, _options, done) => done(null, [{ address: HOST, family: 4 }]);

/** A server of the package that echoes, until the case is over; `errors` is what its `errors$` emits. */
async function serve(options) {
  const errors = [];
  const details = [];
  const plugin = { tls: tlsServer(options) };
  let serving;
  const server = await new Promise((resolve, reject) => {
    serving = listen({ host: HOST, port: 0, plugin, timeouts }, (io) => {
      details.push(io.details.tls);
      return io.send(io);
    }).subscribe({ next: resolve, error: reject });
  });
  server.errors$.subscribe((error) => errors.push(error));
  return { port: server.address.port, errors, details, stop: () => serving.unsubscribe() };
}

/** What comes back of what is sent; the client ends its side first. */
async function echo(port, options, host = 'localhost', text = 'hello') {
  const io = await open({ host, port, lookup, timeouts, plugin: { tls: tlsClient(options) } });
  io.end(text);
  let got = '';
  for await (const bytes of io) got += bytes.toString();
  const { truncated, authorized } = io.details.tls;
  io.close();
  return { got, truncated, authorized };
}

/** Forwards to a port, and ends the client's side without close_notify when `cut` returns true for what the server sends. */
async function cutter(port, cut) {
  const server = createServer((near) => {
    const far = dial(port, HOST);
    const stop = () => (near.destroy(), far.destroy());
    near.on('error', stop).on('data', (bytes) => far.write(bytes));
    far.on('error', stop).on('data', (bytes) => (cut(bytes) ? void near.end(() => wait(50).then(stop)) : near.write(bytes)));
  });
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  return { port: server.address().port, stop: () => server.close() };
}

const cases = {};
const good = (name, server, client, host) => {
  cases[name] = async () => {
    const service = await serve(server);
    try {
      const { got, authorized } = await echo(service.port, client, host);
      return got === 'hello' && authorized === (client.rejectUnauthorized !== false) ? [] : [`got '${got}', authorized ${authorized}`];
    } finally {
      service.stop();
    }
  };
};
const bad = (name, server, client, host) => {
  cases[name] = async () => {
    const service = await serve(server);
    try {
      return [`accepted: ${JSON.stringify(await echo(service.port, client, host))}`];
    } catch (error) {
      return error.code === 'ETLSCERT' ? [] : [`${error.code} ${error.message}`];
    } finally {
      service.stop();
    }
  };
};

for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
  const name = (what) => `${what}, ${maxVersion}`;
  const trusting = { ca, maxVersion };
  good(name('own authority, by name'), identity('server'), trusting);
  good(name('own authority, by address'), identity('server'), trusting, HOST);
  good(name('another servername'), identity('other'), { ...trusting, servername: 'other.test' });
  good(name('not verified on demand'), identity('expired'), { rejectUnauthorized: false, maxVersion });
  bad(name('unknown authority'), identity('server'), { maxVersion });
  bad(name('expired'), identity('expired'), trusting);
  bad(name('not yet valid'), identity('future'), trusting);
  bad(name('self-signed'), identity('selfsigned'), trusting);
  bad(name('wrong name'), identity('other'), trusting);
  bad(name('wrong address'), identity('names'), trusting, HOST);
  bad(name('refused by verify'), identity('server'), { ...trusting, verify: () => false });

  cases[name('long transfer')] = async () => {
    const service = await serve(identity('server'));
    const text = 'long '.repeat(200_000);
    const { got } = await echo(service.port, trusting, 'localhost', text);
    service.stop();
    return got === text ? [] : [`${got.length} of ${text.length} bytes`];
  };

  cases[name('truncation is reported')] = async () => {
    const service = await serve(identity('server'));
    let isOpen = false;
    const between = await cutter(service.port, () => isOpen);
    const io = await open({ host: HOST, port: between.port, timeouts, plugin: { tls: tlsClient({ ...trusting, truncation: 'error' }) } });
    await wait(50);
    isOpen = true;
    io.write('hello');
    const error = await io[Symbol.asyncIterator]()
      .next()
      .then(
        () => undefined,
        (thrown) => thrown,
      );
    service.stop();
    between.stop();
    return error?.code === 'ETLSTRUNCATED' ? [] : [`${error?.code} ${error?.message}`];
  };

  const asking = { ...identity('server'), ca, requestCert: true };
  cases[name('mutual')] = async () => {
    const service = await serve(asking);
    const { got } = await echo(service.port, { ...trusting, ...identity('client') });
    service.stop();
    const [seen] = service.details;
    return got === 'hello' && seen?.authorized === true ? [] : [`got '${got}', authorized ${seen?.authorized}`];
  };
  for (const [what, client] of Object.entries({ none: {}, expired: identity('expired'), 'self-signed': identity('selfsigned') }))
    cases[name(`mutual, the certificate of the client is ${what}`)] = async () => {
      const service = await serve(asking);
      const got = await echo(service.port, { ...trusting, ...client }).then(
        (reply) => reply.got,
        () => '',
      );
      await wait(50);
      service.stop();
      const codes = service.errors.map(({ code }) => code);
      return got === '' && service.details.length === 0 && codes.join() === 'ETLSCERT' ? [] : [`got '${got}', ${codes.join()}`];
    };
}

cases['clear text'] = async () => {
  const server = createServer((socket) => socket.end('220 mail.example ESMTP\r\n')).listen(0, HOST);
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  const error = await new Promise((resolve) => {
    connect({ host: HOST, port, timeouts, plugin: { tls: tlsClient({ ca }) } }).subscribe({ next: resolve, error: resolve });
  });
  server.close();
  return /does not speak TLS/.test(error.message) ? [] : [`${error.code} ${error.message}`];
};

for (const [name, run] of Object.entries(cases)) {
  const timeout = wait(10_000, ['no end within 10 s']);
  const problems = await Promise.race([run(), timeout]).catch((error) =>
    / cannot run on /.test(error.message) ? error : [`${error.code} ${error.stack}`],
  );
  if (problems instanceof Error) console.log(`refused  ${name}  ${problems.message}`);
  else console.log(problems.length === 0 ? `ok  ${name}` : `FAULT  ${name}  ${problems.join('; ')}`);
}
process.exit();
