import { connect, createSecureContext, createServer } from 'node:tls';
import { IOStream, tlsClient, tlsServer } from 'rxjs-io-stream';
import * as certificates from '../../support/certificates.ts';
import { perSecond, type Program, type Row } from '../row.ts';
import { accepting, echoBack, listening, portOf } from './accepted.ts';
import { churning, type One } from './connect-echo-close.ts';

/** Both programs read the authority once. `tls.connect({ ca })` would parse it for each connection. */
const secureContext = createSecureContext({ ca: certificates.ca });

const ourClient = (resumes: boolean): One => {
  const ssl = tlsClient({ ca: certificates.ca, ...(resumes ? {} : { session: false }) });
  return (port, message, closed, failed) => {
    const io = new IOStream({ host: '127.0.0.1', port, plugin: { ssl } });
    let remaining = message.length;
    io.write(message);
    io.data$.subscribe({
      next: (chunk) => {
        remaining -= chunk.length;
        if (remaining === 0) io.close();
      },
      error: failed,
    });
    io.closed$.subscribe(() => closed(io.details.ssl?.reused));
  };
};

const rawClient = (resumes: boolean): One => {
  let session: Buffer | undefined;
  return (port, message, closed, failed) => {
    const socket = connect({ host: '127.0.0.1', port, secureContext, ...(session ? { session } : {}) });
    let remaining = message.length;
    let reused: boolean | undefined;
    if (resumes) socket.on('session', (newest) => (session = newest));
    socket.write(message);
    socket.on('data', (chunk: Buffer) => {
      remaining -= chunk.length;
      if (remaining > 0) return;
      reused = socket.isSessionReused();
      socket.end();
    });
    socket.on('error', failed);
    socket.on('close', () => closed(reused));
  };
};

/** Fails if a connection made the other kind of handshake. The first connection of a process has no session to resume. */
function checked(resumes: boolean, one: One): One {
  let first = true;
  return (port, message, closed, failed) => {
    const mayDiffer = first;
    first = false;
    one(
      port,
      message,
      (reused) => {
        if (reused === resumes || mayDiffer) closed();
        else failed(new Error(`expected a ${resumes ? 'resumed' : 'new'} session`));
      },
      failed,
    );
  };
}

/** Connects once before the clock starts, so that there is a session to resume. */
function client(name: string, resumes: boolean, one: One): Program {
  const { run } = churning(name, checked(resumes, one));
  let hasSession = false;
  return {
    name,
    run: async (job) => {
      if (!hasSession) await run({ ...job, units: 1 });
      hasSession = true;
      return run(job);
    },
  };
}

const ourServer = accepting('tlsServer', 'tls-caller', () => listening({ ssl: tlsServer(certificates.server) }));
const rawServer = accepting('tls.createServer', 'tls-caller', () =>
  portOf(
    createServer({ ...certificates.server, noDelay: true }, echoBack).on('tlsClientError', (error) => {
      throw error;
    }),
  ),
);

function row(role: 'client' | 'server', resumes: boolean): Row {
  const kind = resumes ? 'resumed' : 'new';
  const clients: Row['programs'] = [client('tlsClient', resumes, ourClient(resumes)), client('tls.connect', resumes, rawClient(resumes))];
  return {
    name: `tls-handshake-${role}-${kind}`,
    title: `TLS handshakes, ${role}, ${kind}`,
    ...(role === 'client' ? { programs: clients, peer: 'tls-echo' } : { programs: [ourServer, rawServer] }),
    work: { connections: 20, chunk: 64, resumes },
    start: 100,
    unit: { name: 'handshake', size: 1 },
    figures: [perSecond('handshake', 1, 0.95, 'both')],
  };
}

export const tlsHandshakes: readonly Row[] = [row('client', false), row('client', true), row('server', false), row('server', true)];
