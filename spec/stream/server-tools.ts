import { type Observable } from 'rxjs';
import { handshake, type IOStream } from 'rxjs-io-stream';

/** Requires a password line before anything else. */
export const password = handshake({
  *talk(link) {
    const word = Buffer.from(yield* link.readUntil('\n', 16)).toString();
    if (word !== 'sesame\n') throw new Error('expected the password, got another word');
    link.send('come in\n');
    return { word };
  },
});

/** A handler that sends back what it reads. */
export const echo = (io: IOStream): Observable<number> => io.send(io);
