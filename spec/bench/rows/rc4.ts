import { createCipheriv } from 'node:crypto';
import { connect } from 'node:net';
import { rc4 } from 'rxjs-io-stream';
import { Clock } from '../clock.ts';
import type { Program, Row } from '../row.ts';
import { echoing, echoRow } from './echo.ts';

const KEY = 'a key of 16 byte';
const openssl = (): ReturnType<typeof createCipheriv> => createCipheriv('rc4', KEY, null);

/** A socket, and OpenSSL's RC4 on either side of it: the cipher alone, since it is made to be fed by hand. */
const rawRc4: Program = {
  name: 'OpenSSL',
  run: async ({ port, units, chunk }) => {
    const bytes = Buffer.alloc(chunk, 'x');
    const [to, from] = [openssl(), openssl()];
    const clock = new Clock();
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      let unsent = units;
      let remaining = units;
      const pump = (): void => {
        let more = true;
        while (more && unsent > 0) {
          unsent -= chunk;
          more = socket.write(to.update(bytes));
        }
      };
      socket.on('data', (mixed) => {
        remaining -= from.update(mixed).length;
        if (remaining === 0) resolve();
      });
      socket.on('drain', pump);
      socket.on('error', reject);
      pump();
    });
    const outcome = clock.stop(units);
    await new Promise((closed) => socket.on('close', closed).end());
    return outcome;
  },
};

const row = echoRow('rc4', 'rc4 on bulk echo', [echoing('ours', { rc4: rc4(KEY) }), rawRc4], 1);

export const rc4Echo: Row = { ...row, figures: row.figures.map((figure) => ({ ...figure, asked: 0.5, judge: 'rate' as const })) };
