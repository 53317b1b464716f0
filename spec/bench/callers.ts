import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import * as certificates from '../support/certificates.ts';
import type { DiallingPeer, Job } from './row.ts';

const HOST = '127.0.0.1';

/** Starts a number of calls, at most `atOnce` at a time: a listener's queue is limited. */
export async function inWaves(times: number, atOnce: number, work: () => Promise<unknown>): Promise<void> {
  let remaining = times;
  const worker = async (): Promise<void> => {
    while (remaining > 0) {
      remaining -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, worker));
}

/** Sends a message, ends after its echo, and resolves when the connection is closed. */
function echoOnce(socket: Socket, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let remaining = message.length;
    socket.on('data', (chunk) => {
      remaining -= chunk.length;
      if (remaining === 0) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      if (remaining === 0) resolve();
      else reject(new Error(`expected an echo of ${message.length} bytes, ${remaining} are missing`));
    });
    socket.write(message);
  });
}

/** Makes the connections of the job, each with one echo. */
async function call({ units, connections, chunk }: Job, dial: () => Socket): Promise<void> {
  const message = Buffer.alloc(chunk, 'x');
  await inWaves(units, connections, () => echoOnce(dial(), message));
}

/** Peers that dial the program: its port is that of the job. */
export const callers: Readonly<Record<DiallingPeer, () => (job: Job) => Promise<{ readonly port: number }>>> = {
  /** Opens the connections of the job, and holds them until the other side ends. */
  opener: () => async (job) => {
    await inWaves(job.connections, 100, () => {
      const socket = connect({ host: HOST, port: job.port });
      socket.on('error', () => {}).resume();
      return new Promise((resolve) => socket.on('connect', resolve));
    });
    return job;
  },

  caller: () => async (job) => {
    await call(job, () => connect({ host: HOST, port: job.port, noDelay: true }));
    return job;
  },

  'tls-caller': () => {
    const secureContext = createSecureContext({ ca: certificates.ca });
    /** The newest session of the program. */
    let session: Buffer | undefined;
    const dial = (port: number, resumes: boolean): TLSSocket => {
      const socket = connectTls({ host: HOST, port, secureContext, ...(resumes && session ? { session } : {}) });
      return socket.on('session', (newest) => (session = newest));
    };
    return async (job) => {
      const { port, resumes = false, chunk } = job;
      if (resumes && !session) await echoOnce(dial(port, false), Buffer.alloc(chunk));
      await call(job, () => {
        const socket = dial(port, resumes);
        return socket.on('secureConnect', () => {
          if (socket.isSessionReused() !== resumes) socket.destroy(new Error(`expected a ${resumes ? 'resumed' : 'new'} session`));
        });
      });
      return job;
    };
  },
};
